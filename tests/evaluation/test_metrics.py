"""Scores equal scikit-learn's, and their intervals cover what they should."""

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    log_loss,
    matthews_corrcoef,
    precision_score,
    recall_score,
)

from reprotune.evaluation.metrics import (
    Resampling,
    compare_accuracy,
    count_confusion,
    find_intervals,
    macro_f1,
    score,
    wilson,
)

CLASSES = ["c", "a", "b"]
SETTINGS = Resampling(confidence=0.95, resamples=1000, seed=1)


def predictions(seed: int, rows: int = 80, hit: float = 0.7) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    label = rng.choice(CLASSES, rows, p=[0.6, 0.3, 0.1])
    return sure(label, np.where(rng.random(rows) < hit, label, rng.choice(CLASSES, rows)))


def sure(label: Sequence[str], predicted: Sequence[str]) -> pd.DataFrame:
    """Predictions with a probability of 0.8 for what they say."""
    table = pd.DataFrame({"label": label, "predicted": predicted})
    for name in CLASSES:
        table[name] = np.where(table["predicted"] == name, 0.8, 0.1)
    return table


def never_predicted_nor_present() -> pd.DataFrame:
    return sure(["c", "c", "a"], ["c", "a", "a"])


@pytest.mark.parametrize("table", [predictions(1), predictions(2), never_predicted_nor_present()])
def test_scores_equal_scikit_learns(table: pd.DataFrame) -> None:
    found = score(table, CLASSES)
    given = {"y_true": table["label"], "y_pred": table["predicted"]}
    by_class = {"labels": CLASSES, "zero_division": 0}
    assert found.rows == len(table)
    assert found.accuracy == pytest.approx(accuracy_score(**given))
    assert found.macro_f1 == pytest.approx(f1_score(**given, **by_class, average="macro"))
    assert list(found.recall.values()) == pytest.approx(
        recall_score(**given, **by_class, average=None)
    )
    assert list(found.precision.values()) == pytest.approx(
        precision_score(**given, **by_class, average=None)
    )
    assert list(found.f1.values()) == pytest.approx(f1_score(**given, **by_class, average=None))
    assert list(found.support.values()) == [sum(table["label"] == name) for name in CLASSES]
    assert found.balanced_accuracy == pytest.approx(balanced_accuracy_score(**given))
    assert found.mcc == pytest.approx(matthews_corrcoef(**given))
    probability = table[sorted(CLASSES)].to_numpy()
    assert found.log_loss == pytest.approx(
        log_loss(table["label"], probability, labels=sorted(CLASSES))
    )
    assert list(found.recall) == CLASSES
    assert (count_confusion(table, CLASSES) == confusion_matrix(**given, labels=CLASSES)).all()


def test_macro_f1_of_many_tables_is_that_of_each() -> None:
    tables = [count_confusion(predictions(seed), CLASSES) for seed in range(4)]
    assert macro_f1(np.stack(tables)).tolist() == [macro_f1(table) for table in tables]


@pytest.mark.parametrize(("hits", "total"), [(0, 10), (10, 10), (7, 10), (450, 600)])
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_wilsons_interval_is_where_the_score_test_turns(
    hits: int, total: int, confidence: float
) -> None:
    z = norm.ppf((1 + confidence) / 2)
    low, high = wilson(hits, total, confidence)
    for bound in {low, high} - {0.0, 1.0}:
        distance = abs(hits / total - bound) / np.sqrt(bound * (1 - bound) / total)
        assert distance == pytest.approx(z)
    assert 0 <= low <= hits / total <= high <= 1
    assert high > low


def test_nothing_is_known_of_a_class_without_rows() -> None:
    table = never_predicted_nor_present()
    recall = find_intervals(table, CLASSES, SETTINGS).recall
    assert recall is not None and recall["b"] == (0.0, 1.0)
    assert score(table, CLASSES).recall["b"] == 0.0


@pytest.mark.parametrize("seed", range(3))
def test_intervals_cover_the_point_and_shrink_with_rows(seed: int) -> None:
    widths = []
    for rows in (80, 2000):
        table = predictions(seed, rows)
        low, high = find_intervals(table, CLASSES, SETTINGS).macro_f1 or (0, 0)
        assert low < score(table, CLASSES).macro_f1 < high
        widths.append(high - low)
    assert widths[1] < widths[0] / 3


def test_the_bootstrap_by_counts_equals_the_one_by_rows() -> None:
    table = predictions(1, rows=200)
    label, predicted = (pd.Categorical(table[c], CLASSES).codes for c in ("label", "predicted"))
    cells = (3 * label + predicted)[np.random.default_rng(2).integers(200, size=(4000, 200))]
    counts = np.stack([(cells == cell).sum(axis=1) for cell in range(9)], axis=1)
    draws = macro_f1(counts.reshape(-1, 3, 3))
    interval = find_intervals(table, CLASSES, Resampling(0.95, 4000, 1)).macro_f1
    assert interval == pytest.approx(np.quantile(draws, [0.025, 0.975]), abs=0.01)


def test_the_same_seed_gives_the_same_interval_and_another_seed_another() -> None:
    first, again, other = (
        find_intervals(predictions(1), CLASSES, Resampling(0.95, 500, seed)) for seed in (1, 1, 2)
    )
    assert first == again
    assert first.macro_f1 != other.macro_f1


def test_the_gain_has_the_sign_of_the_better_one_and_swaps_with_the_two() -> None:
    rng = np.random.default_rng(1)
    better, worse = rng.random(500) < 0.9, rng.random(500) < 0.7
    gain, loss = (
        compare_accuracy(a, b, Resampling(0.95, 2000, 1))
        for a, b in ((better, worse), (worse, better))
    )
    assert gain.accuracy == pytest.approx(better.mean() - worse.mean())
    assert loss.accuracy == -gain.accuracy
    assert 0 < gain.interval[0] < gain.accuracy < gain.interval[1]
    assert loss.interval[1] < 0


def test_the_gain_is_paired_equal_predictions_leave_no_doubt() -> None:
    right = np.random.default_rng(1).random(200) < 0.7
    gain = compare_accuracy(right, right.copy(), Resampling(0.95, 500, 1))
    assert (gain.accuracy, gain.interval, gain.p_value) == (0.0, (0.0, 0.0), 1.0)


def pair(draw: np.random.Generator, rows: int, better: float, worse: float) -> list[np.ndarray]:
    """Two classifiers that find much the same rows hard, with these accuracies in expectation."""
    hard = draw.standard_normal(rows)
    noise = draw.standard_normal((2, rows))
    return [
        np.sqrt(0.6) * hard + np.sqrt(0.4) * own < norm.ppf(share)
        for own, share in zip(noise, (better, worse), strict=True)
    ]


def test_the_paired_interval_covers_the_true_difference_as_often_as_it_says() -> None:
    draw = np.random.default_rng(1)
    gains = [
        compare_accuracy(*pair(draw, 900, 0.85, 0.80), Resampling(0.95, 2000, n))
        for n in range(1000)
    ]
    covered = [gain.interval[0] <= 0.05 <= gain.interval[1] for gain in gains]
    assert 0.93 <= np.mean(covered) <= 0.97


def test_an_interval_holds_zero_just_where_the_exact_test_finds_nothing() -> None:
    """The bootstrap's alone does not: none of its draws has what four rows against none lack."""
    right = np.arange(600) < 500
    four = compare_accuracy(right, right & (np.arange(600) >= 4), Resampling(0.95, 2000, 1))
    assert four.p_value == 0.125
    assert four.interval[0] == pytest.approx(4 * (2 * 0.025**0.25 - 1) / 600)
    for gained, lost in itertools.product(range(13), repeat=2):
        changed = np.arange(300)
        before, after = changed >= gained, (changed < gained) | (changed >= gained + lost)
        found = compare_accuracy(after, before, Resampling(0.95, 500, 1))
        assert (found.gained, found.lost) == (gained, lost)
        assert (found.interval[0] <= 0 <= found.interval[1]) == (found.p_value >= 0.05)


def test_wilsons_interval_covers_the_true_accuracy_as_often_as_it_says() -> None:
    hits = np.random.default_rng(1).binomial(900, 0.85, size=2000)
    covered = [low <= 0.85 <= high for low, high in (wilson(int(h), 900, 0.95) for h in hits)]
    assert 0.93 <= np.mean(covered) <= 0.97


def test_mcnemar_is_seldom_wrong_and_finds_five_points() -> None:
    draw = np.random.default_rng(2)
    same = [
        compare_accuracy(*pair(draw, 900, 0.85, 0.85), Resampling(0.95, 100, 1)) for _ in range(600)
    ]
    assert np.mean([gain.p_value < 0.05 for gain in same]) <= 0.05
    apart = [
        compare_accuracy(*pair(draw, 900, 0.85, 0.80), Resampling(0.95, 100, 1)) for _ in range(600)
    ]
    assert np.mean([gain.p_value < 0.05 for gain in apart]) >= 0.80
