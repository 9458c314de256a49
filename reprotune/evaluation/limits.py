"""How far the tuned model's answers can be relied on, from predictions."""

from collections.abc import Sequence

from reprotune.evaluation import abstention, conformal
from reprotune.evaluation.figures import Predicted
from reprotune.tables.limits import Limits
from reprotune.tables.predictions import list_certainties


def find_limits(
    predicted: Predicted, classes: Sequence[str], promised: float | None, confidence: float
) -> Limits:
    """``limits`` of ``metrics/evaluate.json``; without a promise, what needs none."""
    test, fit, _ = predicted
    held = fit[fit["part"] == "validation"]
    said, known = (list_certainties(rows, classes) for rows in (test, held))
    found = Limits(aurc=abstention.find_area(said))
    if promised is None:
        return found
    return found.model_copy(
        update={
            "promise": abstention.promise(said, known, promised, confidence),
            "sets": conformal.find_sets(test, held, classes, promised, confidence),
        }
    )
