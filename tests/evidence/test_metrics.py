"""Scores equal scikit-learn's, and their intervals cover what they should."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, recall_score

from reprotune.evidence.metrics import accuracy_gain, confusion, macro_f1, scores, wilson

CLASSES = ["c", "a", "b"]
SETTINGS = {"confidence": 0.95, "resamples": 1000, "seed": 1}


def predictions(seed: int, rows: int = 80, hit: float = 0.7) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    label = rng.choice(CLASSES, rows, p=[0.6, 0.3, 0.1])
    return pd.DataFrame(
        {
            "label": label,
            "predicted": np.where(rng.random(rows) < hit, label, rng.choice(CLASSES, rows)),
        }
    )


def never_predicted_nor_present() -> pd.DataFrame:
    return pd.DataFrame({"label": ["c", "c", "a"], "predicted": ["c", "a", "a"]})


@pytest.mark.parametrize("table", [predictions(1), predictions(2), never_predicted_nor_present()])
def test_scores_equal_scikit_learns(table: pd.DataFrame) -> None:
    found = scores(table, CLASSES, **SETTINGS)
    given = {"y_true": table["label"], "y_pred": table["predicted"]}
    by_class = {"labels": CLASSES, "zero_division": 0}
    assert found["rows"] == len(table)
    assert found["accuracy"] == pytest.approx(accuracy_score(**given))
    assert found["macro_f1"] == pytest.approx(f1_score(**given, **by_class, average="macro"))
    assert list(found["recall"].values()) == pytest.approx(
        recall_score(**given, **by_class, average=None)
    )
    assert list(found["recall"]) == CLASSES
    assert (confusion(table, CLASSES) == confusion_matrix(**given, labels=CLASSES)).all()


def test_macro_f1_of_many_tables_is_that_of_each() -> None:
    tables = [confusion(predictions(seed), CLASSES) for seed in range(4)]
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
    found = scores(never_predicted_nor_present(), CLASSES, **SETTINGS)
    assert found["interval"]["recall"]["b"] == [0.0, 1.0]
    assert found["recall"]["b"] == 0.0


@pytest.mark.parametrize("seed", range(3))
def test_intervals_cover_the_point_and_shrink_with_rows(seed: int) -> None:
    widths = []
    for rows in (80, 2000):
        found = scores(predictions(seed, rows), CLASSES, **SETTINGS)
        low, high = found["interval"]["macro_f1"]
        assert low < found["macro_f1"] < high
        widths.append(high - low)
    assert widths[1] < widths[0] / 3


def test_the_bootstrap_by_counts_equals_the_one_by_rows() -> None:
    table = predictions(1, rows=200)
    label, predicted = (pd.Categorical(table[c], CLASSES).codes for c in ("label", "predicted"))
    cells = (3 * label + predicted)[np.random.default_rng(2).integers(200, size=(4000, 200))]
    counts = np.stack([(cells == cell).sum(axis=1) for cell in range(9)], axis=1)
    draws = macro_f1(counts.reshape(-1, 3, 3))
    low, high = scores(table, CLASSES, 0.95, 4000, seed=1)["interval"]["macro_f1"]
    assert [low, high] == pytest.approx(np.quantile(draws, [0.025, 0.975]), abs=0.01)


def test_the_same_seed_gives_the_same_interval_and_another_seed_another() -> None:
    first, again, other = (scores(predictions(1), CLASSES, 0.95, 500, seed) for seed in (1, 1, 2))
    assert first == again
    assert first["interval"]["macro_f1"] != other["interval"]["macro_f1"]


def test_the_gain_has_the_sign_of_the_better_one_and_swaps_with_the_two() -> None:
    rng = np.random.default_rng(1)
    better, worse = rng.random(500) < 0.9, rng.random(500) < 0.7
    gain, loss = (
        accuracy_gain(a, b, 0.95, 2000, seed=1) for a, b in ((better, worse), (worse, better))
    )
    assert gain["accuracy"] == pytest.approx(better.mean() - worse.mean())
    assert loss["accuracy"] == -gain["accuracy"]
    assert 0 < gain["interval"][0] < gain["accuracy"] < gain["interval"][1]
    assert loss["interval"][1] < 0


def test_the_gain_is_paired_equal_predictions_leave_no_doubt() -> None:
    right = np.random.default_rng(1).random(200) < 0.7
    assert accuracy_gain(right, right.copy(), 0.95, 500, seed=1) == {
        "accuracy": 0.0,
        "interval": [0.0, 0.0],
    }
