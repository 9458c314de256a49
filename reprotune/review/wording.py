"""What a page calls its rows, what it hides of them, and what comes after them."""

from collections.abc import Sequence
from typing import NamedTuple

from reprotune.core.errors import InputError
from reprotune.core.printing import count_of


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


def put_first(likely: Sequence[str], classes: Sequence[str]) -> list[str]:
    """Every class once, the likely ones before the others."""
    return [name for name in dict.fromkeys([*likely, *classes]) if name in classes]


def complete(text: str, classes: Sequence[str]) -> str:
    """The class that is called so, or else the only one whose name begins so."""
    wanted = text.strip().casefold()
    found = [name for name in classes if name.casefold() == wanted] or [
        name for name in classes if name.casefold().startswith(wanted)
    ]
    if len(found) != 1:
        raise InputError(f"{count_of(len(found), 'class', 'begin')} with {text!r}")
    return found[0]
