"""Ranking figures agree with their definitions, and the threshold is chosen on other rows."""

import numpy as np
import pytest

from reprotune.evaluation.ranking import (
    POINTS,
    find_threshold,
    rank_classes,
    score_at_threshold,
    trace_curves,
)


def simulated(rows: int, classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, classes, rows)
    score = draw.normal(size=(rows, classes)) + 1.5 * np.eye(classes)[labels]
    probability = np.exp(score)
    return probability / probability.sum(axis=1, keepdims=True), labels


def test_roc_auc_is_the_share_of_pairs_in_the_right_order() -> None:
    probability, labels = simulated(300, 3, 1)
    for column, name in enumerate("abc"):
        score, truth = probability[:, column], labels == column
        pairs = score[truth][:, None] > score[~truth][None, :]
        assert rank_classes(probability, labels, list("abc"))["roc_auc"][name] == pytest.approx(
            pairs.mean()
        )


def test_curves_are_thinned_and_keep_their_ends() -> None:
    roc, pr = trace_curves(*simulated(5000, 2, 1), ["no", "yes"])
    for name, part in roc.groupby("class"):
        assert len(part) <= POINTS, name
        ends = part[["false_positive_rate", "true_positive_rate"]].iloc[[0, -1]]
        assert ends.to_numpy().tolist() == [[0, 0], [1, 1]]
    assert pr["recall"].min() == 0 and pr["recall"].max() == 1


def test_a_class_without_rows_has_no_figure() -> None:
    probability, labels = simulated(100, 3, 1)
    labels = np.minimum(labels, 1)
    assert set(rank_classes(probability, labels, list("abc"))["roc_auc"]) == {"a", "b"}


def test_a_shifted_score_is_cut_where_it_separates_best() -> None:
    draw = np.random.default_rng(3)
    truth = draw.integers(0, 2, 2000) == 1
    score = np.clip(0.15 + 0.1 * truth + draw.normal(0, 0.02, 2000), 0, 1)
    found = score_at_threshold(score[:1000], truth[:1000], score[1000:], truth[1000:])
    assert 0.18 < found["value"] < 0.22
    assert found["accuracy"] > 0.98
    assert ((score[:1000] >= 0.5) == truth[:1000]).mean() < 0.6


def test_of_equal_cuts_the_one_nearest_to_half_is_taken() -> None:
    assert find_threshold(np.array([0.1, 0.2, 0.9]), np.array([False, False, True])) == 0.5
    assert (
        score_at_threshold(np.array([0.1]), np.array([True]), np.array([0.3]), np.array([True]))
        == {}
    )


def test_a_cut_lies_halfway_between_two_scores() -> None:
    score, truth = np.array([0.1, 0.2, 0.3]), np.array([False, False, True])
    assert find_threshold(score, truth) == pytest.approx(0.25)


def test_rows_of_one_class_alone_have_a_balanced_accuracy() -> None:
    held = np.array([0.1, 0.9]), np.array([False, True])
    for truth in (True, False):
        found = score_at_threshold(np.array([0.2, 0.7, 0.8]), np.full(3, truth), *held)
        assert found["balanced_accuracy"] == pytest.approx(2 / 3 if truth else 1 / 3)
