"""What a page calls its rows, what it hides of them, and what comes after them."""

from typing import NamedTuple


class Wording(NamedTuple):
    """Of one kind of queue; ``hidden`` and ``done`` are of those whose labels are hidden."""

    title: str = "Review of labels"
    hidden: str = "its label is hidden"
    done: str = "Every row is answered"
    next_step: str = "dvc repro"  # empty if the answers are taken up as soon as the page ends


AUDIT = Wording()
SAMPLE = Wording(
    "Blind sample", done="Every row of the sample is answered", next_step="dvc repro evaluate"
)
SHADOW = Wording(
    "Where two versions differ",
    "what they say is hidden",
    "Every text on which the two versions differ is answered",
    "reprotune shadow",
)
DOUBTS = Wording(
    "What the model doubts",
    "what the model and the file say is hidden",
    "Every text that the model doubts is answered",
    "",
)
