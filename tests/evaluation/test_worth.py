"""A model that does not beat a baseline is said to be so, with the figures and what to try."""

import pandas as pd
import pytest

from reprotune.evaluation.metrics import score
from reprotune.evaluation.worth import tell_uneven, tell_worth
from reprotune.tables.metrics import Gain


def gain(accuracy: float, low: float, high: float) -> Gain:
    return Gain(accuracy=accuracy, interval=(low, high), gained=1, lost=1, p_value=1.0)


@pytest.mark.parametrize(
    ("gains", "expected"),
    [
        ({}, ""),
        ({"tfidf": gain(0.1, 0.01, 0.2)}, ""),
        ({"tfidf": gain(-0.2, -0.3, -0.1)}, "is below the baseline <tfidf> (-0.200 accuracy). W"),
        (
            {"a": gain(0.01, -0.1, 0.1), "b": gain(0.3, 0.2, 0.4), "c": gain(0.0, 0.0, 0.0)},
            "is not shown to be above the baseline <c> (+0.000, +0.000 to +0.000), <a> (+0.010, ",
        ),
        (
            {"a": gain(0.01, -0.1, 0.1), "b": gain(-0.3, -0.4, -0.2)},
            "below the baseline <b> (-0.300 accuracy) and not shown to be above the baseline <a> (",
        ),
    ],
)
def test_what_is_not_beaten_is_named_the_best_first(gains: dict[str, Gain], expected: str) -> None:
    told = tell_worth(gains, "<{}>".format)
    assert expected in told
    assert bool(told) == bool(expected) == ("more epochs" in told)


@pytest.mark.parametrize(
    ("ham", "expected"),
    [
        (90, "macro-F1 0.708, balanced accuracy 0.900, precision spam 0.357, ham 1.000"),
        (12, ""),
    ],
)
def test_what_accuracy_hides_of_uneven_classes_is_told(ham: int, expected: str) -> None:
    """All spam is found, and a fifth of the rest is taken for it."""
    rows = pd.DataFrame({"label": ["ham"] * ham + ["spam"] * 10})
    rows["predicted"] = ["spam"] * (ham // 5) + ["ham"] * (ham - ham // 5) + ["spam"] * 10
    rows[["ham", "spam"]] = 0.5
    told = tell_uneven(score(rows, ["ham", "spam"]))
    assert told.removeprefix("uneven classes: ") == expected
