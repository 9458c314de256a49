"""How far the tuned model's answers can be relied on, from predictions."""

from collections.abc import Sequence

import pandas as pd

from reprotune.evaluation import abstention, conformal, flips, slices
from reprotune.evaluation.figures import Predicted
from reprotune.tables.limits import Limits
from reprotune.tables.predictions import list_certainties


def find_limits(
    predicted: Predicted,
    kinds: pd.DataFrame,
    edited: pd.DataFrame,
    classes: Sequence[str],
    promised: float | None,
    confidence: float,
) -> Limits:
    """``limits`` of ``metrics/evaluate.json``; without a promise, what needs none.

    ``kinds`` says of which kind the test rows are, ``edited`` what the model says of edited ones.
    """
    test, fit, _ = predicted
    held = fit[fit["part"] == "validation"]
    said, known = (list_certainties(rows, classes) for rows in (test, held))
    kept = {
        "promise": abstention.promise(said, known, promised, confidence),
        "sets": conformal.find_sets(test, held, classes, promised, confidence),
    } if promised else {}  # fmt: skip
    return Limits(
        aurc=abstention.find_area(said),
        slices=slices.score_slices(test, kinds, confidence),
        edits=flips.score_flips(test, edited, confidence),
    ).model_copy(update=kept)
