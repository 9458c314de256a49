"""Whether probabilities mean what they say."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import softmax

from reprotune.tables.figures import Calibration, Losses

BINS = 10
FOLDS = 5  # in which a temperature must prove itself
LEAST = 1e-6  # the probability that a table of six decimals calls 0
COLDEST, HOTTEST = math.log(0.05), math.log(20)  # of the temperature


def arrays(predictions: pd.DataFrame, classes: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities, shape (rows, classes), and the labels as column numbers, shape (rows,)."""
    probability = predictions[list(classes)].to_numpy(dtype=float)
    return probability, pd.Categorical(predictions["label"], categories=list(classes)).codes


def measure_losses(probability: np.ndarray, labels: np.ndarray) -> Losses:
    """Log loss (nats), Brier score (summed over classes, 0 to 2) and calibration error.

    Brier 1950; ECE as in Guo et al. 2017, over ten bins of equal width.
    """
    truth = np.eye(probability.shape[1])[labels]
    own = np.clip(probability[np.arange(len(labels)), labels], LEAST, 1)
    table = bin_by_confidence(probability, labels)
    gap = (table["confidence"] - table["accuracy"]).abs()
    return Losses(
        log_loss=float(-np.log(own).mean()),
        brier=float(((probability - truth) ** 2).sum(axis=1).mean()),
        ece=float((gap * table["rows"]).sum() / max(len(labels), 1)),
    )


def bin_by_confidence(probability: np.ndarray, labels: np.ndarray) -> pd.DataFrame:
    """For each bin of confidence that has rows: mean confidence, accuracy and rows."""
    confidence = probability.max(axis=1)
    right = probability.argmax(axis=1) == labels
    place = np.minimum((confidence * BINS).astype(int), BINS - 1)
    table = pd.DataFrame({"bin": place, "confidence": confidence, "right": right})
    return (
        table.groupby("bin")
        .agg(confidence=("confidence", "mean"), accuracy=("right", "mean"), rows=("right", "size"))
        .reset_index(drop=True)
    )


def apply_temperature(log_p: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities of log-likelihoods over a temperature; rows sum to 1."""
    return np.asarray(softmax(log_p / temperature, axis=1))


def rescale(table: pd.DataFrame, classes: Sequence[str], temperature: float) -> pd.DataFrame:
    """A table of predictions with its probabilities over a temperature."""
    probability = table[list(classes)].to_numpy(dtype=float)
    scaled = apply_temperature(np.log(np.clip(probability, LEAST, 1)), temperature)
    table = table.copy()
    table[list(classes)] = scaled  # no keywords: a class may be called self
    return table


def fit_temperature(log_p: np.ndarray, labels: np.ndarray) -> float:
    """The temperature with the least log loss on these rows (Guo et al. 2017).

    ``log_p`` are log-likelihoods, shape (rows, classes), ``labels`` column numbers.
    """

    def loss(log_temperature: float) -> float:
        own = apply_temperature(log_p, np.exp(log_temperature))[np.arange(len(labels)), labels]
        return float(-np.log(np.clip(own, 1e-300, 1)).mean())

    found = minimize_scalar(loss, bounds=(COLDEST, HOTTEST), method="bounded")
    return float(np.exp(found.x))


def scale(
    log_p: np.ndarray, labels: np.ndarray, held_log_p: np.ndarray, held_labels: np.ndarray
) -> Calibration:
    """Calibration before and after a temperature that is fitted on held-out rows.

    It is 1 unless, fitted on four fifths of them in turn, temperatures make both log loss and
    Brier score of the other fifth lower: with few rows they can do harm.
    """
    temperature = fit_temperature(held_log_p, held_labels)
    fold = np.arange(len(held_labels)) % FOLDS
    scaled = np.zeros_like(held_log_p)
    for k in range(FOLDS if len(held_labels) >= FOLDS else 0):
        fitted = fit_temperature(held_log_p[fold != k], held_labels[fold != k])
        scaled[fold == k] = apply_temperature(held_log_p[fold == k], fitted)
    raw = measure_losses(apply_temperature(held_log_p, 1.0), held_labels)
    own = measure_losses(scaled, held_labels)
    if not (own.log_loss < raw.log_loss and own.brier < raw.brier):
        temperature = 1.0
    return Calibration(
        temperature=temperature,
        before=measure_losses(apply_temperature(log_p, 1.0), labels),
        after=measure_losses(apply_temperature(log_p, temperature), labels),
    )
