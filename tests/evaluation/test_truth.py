"""Accuracy against the truth from a sample: it keeps what its interval promises, at less width."""

import numpy as np
import pandas as pd
import pytest

from reprotune.evaluation.metrics import wilson
from reprotune.evaluation.truth import estimate, review, wilson_of_share

DRAWS, ROWS = 500, 100


def draw(
    chance: np.random.Generator, accuracy: float, noise: float, rows: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A predictor that is right so often, and labels that are wrong so often, of two classes."""
    right = chance.random(rows) < accuracy
    by_label = right ^ (chance.random(rows) < noise)
    return right[:ROWS], by_label[:ROWS], by_label[ROWS:]


@pytest.mark.parametrize(
    ("accuracy", "noise"), [(0.9, 0.06), (0.85, 0.1), (0.7, 0.06), (0.95, 0.05)]
)
def test_the_interval_holds_the_truth_as_often_as_it_says(accuracy: float, noise: float) -> None:
    chance = np.random.default_rng(18)
    held, widths, alone = 0, [], []
    for _ in range(DRAWS):
        right, by_label, rest = draw(chance, accuracy, noise, 600)
        _, (low, high), _ = estimate(right, by_label, rest, 0.95)
        held += low <= accuracy <= high
        widths.append(high - low)
        alone.append(np.subtract(*wilson(int(right.sum()), ROWS, 0.95)[::-1]))
    assert 0.93 <= held / DRAWS <= 0.97
    assert np.mean(widths) < 0.85 * np.mean(alone)


def test_labels_that_say_nothing_leave_the_sample_alone() -> None:
    chance = np.random.default_rng(1)
    right = chance.random(ROWS) < 0.8
    _, (low, high), power = estimate(
        right, chance.random(ROWS) < 0.5, chance.random(500) < 0.5, 0.95
    )
    alone = wilson(int(right.sum()), ROWS, 0.95)
    assert power < 0.2
    assert high - low == pytest.approx(alone[1] - alone[0], rel=0.05)


def test_where_all_of_a_sample_are_right_there_still_is_doubt() -> None:
    accuracy, (low, high), _ = estimate(
        np.ones(50, bool), np.ones(50, bool), np.ones(9, bool), 0.95
    )
    assert accuracy == 1.0 and high == 1.0
    assert low == pytest.approx(wilson(50, 50, 0.95)[0])


def test_the_share_of_a_whole_number_of_rows_has_wilsons_interval() -> None:
    assert wilson_of_share(0.3, 50, 0.9) == pytest.approx(wilson(15, 50, 0.9))


def test_every_predictor_and_the_labels_are_judged_by_the_answers() -> None:
    ids = [f"{n:016x}" for n in range(40)]
    rows = pd.DataFrame({"id": ids, "label": ["a", "b"] * 20, "predicted": ["a", "b"] * 20})
    answers = dict(zip(ids[:10], ["a", "b"] * 4 + ["b", ""], strict=True))
    both = {"tuned": rows, "majority": rows.assign(predicted="a")}
    found = review(both, answers, ids, 0.95)
    assert found and (found.rows, found.missing, found.label_error) == (10, 0, 0.2)
    tuned, majority = found.predictors["tuned"], found.predictors["majority"]
    assert (tuned.sample, tuned.sample_by_label) == (0.8, 1.0)
    assert (majority.sample, majority.sample_by_label) == (0.4, 0.5)
    assert tuned.accuracy < 1.0 and tuned.interval[0] < 0.8 < tuned.interval[1]
    assert review({"tuned": rows}, {ids[0]: "a", "f" * 16: "b"}, ids, 0.95) is None


def test_rows_that_were_drawn_and_have_no_answer_are_counted() -> None:
    ids = [f"{n:016x}" for n in range(40)]
    rows = pd.DataFrame({"id": ids, "label": "a", "predicted": "a"})
    answers = dict.fromkeys([ids[0], ids[2], ids[5], "f" * 16], "a")  # the last left the test set
    found = review({"tuned": rows}, answers, ids, 0.95)
    assert found and (found.rows, found.missing) == (3, 3)


def test_of_a_whole_test_set_the_interval_is_that_of_every_accuracy() -> None:
    right = np.arange(200) < 180
    accuracy, interval, power = estimate(right, right, np.array([], bool), 0.95)
    assert (accuracy, power) == (0.9, 0.0)
    assert interval == pytest.approx(wilson(180, 200, 0.95))
