"""A promised accuracy is kept, and the surest rows are counted as they should be."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.evidence import draw_certainties, is_kept
from reprotune.evaluation import abstention


def table(certainty: np.ndarray, right: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"certainty": certainty, "right": right})


@pytest.mark.parametrize("sharpened", [1.0, 3.0, 0.5], ids=["calibrated", "too sure", "unsure"])
def test_a_promised_accuracy_is_kept_in_95_of_100_resamples(sharpened: float) -> None:
    rng = np.random.default_rng(1)
    everyone = draw_certainties(rng, 50_000, 6, sharpened)
    found = [
        abstention.choose_threshold(draw_certainties(rng, 300, 6, sharpened), 0.9, 0.95)
        for _ in range(200)
    ]
    assert np.mean([is_kept(everyone, threshold, 0.9) for threshold in found]) >= 0.95
    assert np.mean([threshold is not None for threshold in found]) >= 0.9, "or it is never made"


def test_a_classifier_whose_certainty_says_nothing_is_promised_nothing() -> None:
    rng = np.random.default_rng(1)
    made = 0
    for _ in range(200):
        held = table(rng.random(400), rng.random(400) < 0.9)
        made += abstention.choose_threshold(held, 0.9, 0.95) is not None
    assert made <= 10, "its accuracy is the promised one at every threshold: the hardest case"


@pytest.mark.parametrize("rows", [0, 1, 58])
def test_too_few_rows_prove_nothing(rows: int) -> None:
    held = table(np.full(rows, 0.9), np.ones(rows, dtype=bool))
    found = abstention.promise(table(np.full(9, 0.9), np.ones(9, bool)), held, 0.95, 0.95)
    assert (found.threshold, found.coverage, found.answered) == (None, None, None)
    assert found.validation_rows == rows


def test_as_many_rows_as_a_proof_takes_prove_it_if_all_are_right() -> None:
    held = table(np.linspace(0.5, 1, 59), np.ones(59, dtype=bool))
    assert abstention.choose_threshold(held, 0.95, 0.95) == 0.0


def test_a_promise_says_how_many_test_rows_are_answered_and_how_well() -> None:
    said = table(np.repeat([0.99, 0.6], 200), np.repeat([True, False], 200))
    found = abstention.promise(said, said, 0.95, 0.95)
    assert (found.threshold, found.coverage, found.answered) == (0.6, 0.5, 1)
    assert found.interval and found.interval[0] == pytest.approx(0.981, abs=1e-3)
    unsure = abstention.promise(said[200:], said, 0.95, 0.95)
    assert (unsure.threshold, unsure.coverage, unsure.answered) == (0.6, 0, None)


def test_equally_sure_rows_are_answered_together_or_not_at_all() -> None:
    right = np.random.default_rng(1).random(300) < 0.97
    for certainty in (np.ones(300), np.full(300, 0.5)):
        assert abstention.choose_threshold(table(certainty, right), 0.9, 0.95) == 0.0
    assert abstention.choose_threshold(table(np.ones(300), ~right), 0.9, 0.95) is None


def test_the_curve_ends_at_the_accuracy_and_does_not_depend_on_the_order_of_equal_rows() -> None:
    sure = np.array([0.9, 0.5, 0.5, 0.8])
    for right in ([True, True, False, True], [True, False, True, True]):
        curve = abstention.draw_up_curve(table(sure, np.array(right)))
        assert curve["accuracy"].tolist() == pytest.approx([1, 1, 2.5 / 3, 0.75])
        assert curve["coverage"].tolist() == [0.25, 0.5, 0.75, 1]
    area = abstention.find_area(table(sure, np.array(right)))
    assert area == pytest.approx((0.5 / 3 + 0.25) / 4)
