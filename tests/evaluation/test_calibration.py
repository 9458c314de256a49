"""Probabilities that mean what they say are told from those that do not."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss

from reprotune.evaluation.calibration import (
    apply_temperature,
    bin_by_confidence,
    fit_temperature,
    measure_losses,
    rescale,
    scale,
)


def drawn(temperature: float, rows: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Log-likelihoods whose labels follow them at this temperature."""
    draw = np.random.default_rng(1)
    log_p = draw.normal(0, 2, (rows, 3))
    edges = apply_temperature(log_p, temperature).cumsum(axis=1)
    return log_p, (draw.random((rows, 1)) > edges).sum(axis=1)


def test_a_higher_temperature_makes_less_sure() -> None:
    log_p = np.log([[0.8, 0.2]])
    assert apply_temperature(log_p, 2.0)[0] == pytest.approx([2 / 3, 1 / 3])
    assert apply_temperature(log_p, 0.5)[0] == pytest.approx([16 / 17, 1 / 17])


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_behind_the_labels_is_found(temperature: float) -> None:
    assert fit_temperature(*drawn(temperature)) == pytest.approx(temperature, rel=0.05)


def test_scaling_by_it_lowers_every_loss() -> None:
    log_p, labels = drawn(3.0)
    half = len(labels) // 2
    found = scale(log_p[half:], labels[half:], log_p[:half], labels[:half])
    for key in ("log_loss", "brier", "ece"):
        assert getattr(found.after, key) < getattr(found.before, key)
    assert found.after.ece < 0.02


def test_a_temperature_that_helps_no_other_rows_is_not_used() -> None:
    log_p, labels = drawn(1.0)
    used = [
        scale(log_p, labels, log_p[at : at + 60], labels[at : at + 60]).temperature
        for at in range(0, 1800, 60)
    ]
    assert used.count(1.0) >= 15, "of 30 fits to noise"


def test_true_probabilities_are_calibrated() -> None:
    log_p, labels = drawn(1.0)
    assert measure_losses(apply_temperature(log_p, 1.0), labels).ece < 0.01


def test_brier_is_that_of_scikit_learn() -> None:
    log_p, labels = drawn(1.0, 500)
    probability = apply_temperature(log_p, 1.0)
    expected = brier_score_loss(labels, probability, labels=[0, 1, 2], scale_by_half=False)
    assert measure_losses(probability, labels).brier == pytest.approx(expected)


def test_a_sure_model_that_is_always_wrong_is_as_uncalibrated_as_can_be() -> None:
    found = measure_losses(np.array([[1.0, 0.0]] * 4), np.array([1, 1, 1, 1]))
    assert found.ece == 1.0
    assert found.brier == 2.0
    assert found.log_loss == pytest.approx(-np.log(1e-6))


def test_a_model_that_is_right_more_often_than_it_says_is_uncalibrated_too() -> None:
    doubting = np.array([[0.6, 0.4]] * 4)
    assert measure_losses(doubting, np.zeros(4, dtype=int)).ece == pytest.approx(0.4)
    assert measure_losses(doubting, np.ones(4, dtype=int)).ece == pytest.approx(0.6)


def test_the_bins_hold_every_row_once_and_full_confidence_too() -> None:
    table = bin_by_confidence(
        np.array([[1.0, 0.0], [0.55, 0.45], [0.52, 0.48]]), np.array([0, 0, 1])
    )
    expected = pd.DataFrame({"confidence": [0.535, 1.0], "accuracy": [0.5, 1.0], "rows": [2, 1]})
    pd.testing.assert_frame_equal(table, expected)


def test_a_whole_confidence_is_of_the_last_bin() -> None:
    table = bin_by_confidence(np.array([[1.0, 0.0], [0.94, 0.06]]), np.array([0, 1]))
    assert table.to_dict("list") == {"confidence": [0.97], "accuracy": [0.5], "rows": [2]}


def test_a_class_may_be_called_self() -> None:
    table = pd.DataFrame({"label": ["self"], "self": [0.9], "other": [0.1]})
    assert rescale(table, ["self", "other"], 2.0)["self"][0] == pytest.approx(0.75)
    assert table["self"][0] == 0.9
