"""How far a model's answers can be relied on: the part of ``metrics/evaluate.json`` beside scores.

Shares and accuracies lie in [0, 1], intervals are Wilson's (1927) at ``evaluate.confidence``.
"""

from reprotune.tables.figures import Figures, Interval


class Promise(Figures):
    """What can be answered with a promised accuracy: proven on validation, shown on test rows."""

    accuracy: float  # promised, at evaluate.confidence
    validation_rows: int  # on which it is proven
    threshold: float | None = None  # answers are surer than this; None: no threshold is proven
    coverage: float | None = None  # share of the test rows that are answered
    answered: float | None = None  # accuracy on these; None: there are none
    interval: Interval | None = None  # of it


class Sets(Figures):
    """The classes that a text may have, so many that the label is among them as often as promised.

    Split conformal sets (Sadinle, Lei and Wasserman 2019), here with the likeliest class in each.
    """

    promised: float  # coverage, in the mean over validation parts
    least: float  # probability of a class in a set, unless it is the likeliest
    coverage: float  # share of the test rows whose label is in the set
    interval: Interval  # of it
    classes: float  # in a set, mean


class Slice(Figures):
    """Accuracy on the test rows of one kind, and whether it is below that of the others."""

    rows: int  # of the kind
    accuracy: float  # on them
    interval: Interval  # of it
    p_value: float  # Fisher's exact test (1935), one-sided; for all slices after Holm (1979)


class Flips(Figures):
    """What an edit that keeps the label does to the predictions of some test rows."""

    rows: int  # that it changes
    flipped: float  # share whose prediction is another
    interval: Interval  # of it
    accuracy: float  # on the edited texts


class Edits(Figures):
    rows: int  # that were edited
    flipped: float  # mean over the rows of the share of their edits that flip them
    interval: Interval  # of it, as if all edits of a row were one draw: rather too wide
    kinds: dict[str, Flips]


class Limits(Figures):
    aurc: float  # area under the risk-coverage curve: mistakes among the surest rows, mean
    promise: Promise | None = None  # if evaluate.promised_accuracy asks for it
    sets: Sets | None = None  # the same, and validation has rows enough
    slices: dict[str, Slice]  # kind and value: test rows that have it
    edits: Edits | None = None  # if predictions.edited_rows asks for them
