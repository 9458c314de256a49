"""How many new texts are of each class, without a label: black-box shift estimation.

What a model predicts of new texts is a mixture of what it predicts of each class, which its test
rows tell; the shares that make the mixture are those of the classes (Lipton, Wang and Smola 2018).
That holds if each class still looks as it did.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

RESAMPLES = 1000
CONFIDENCE = 0.95
WEIGHT = 1e3  # of the sum of the shares, which is 1, against the counts


@dataclass(frozen=True)
class Shares:
    """Of each class: its share so far, and of the new texts, with an interval."""

    old: list[float]
    new: list[float]
    low: list[float]
    high: list[float]
    p_value: float  # that the shares are what they were


def solve(confusion: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """The shares, none below 0, that make these shares of predictions; they sum to 1."""
    ones = np.full((1, len(predicted)), WEIGHT)
    found, _ = nnls(np.vstack([confusion, ones]), np.append(predicted, WEIGHT))
    return np.asarray(found / found.sum())


def estimate(test: np.ndarray, old: Sequence[int], new: Sequence[int], seed: int) -> Shares | None:
    """Shares of the classes among new texts; None if the test rows have none of a class.

    ``test[i, j]`` counts test rows of class j that are predicted as i; ``old`` counts the rows of
    each class so far, ``new`` the predictions of each class.
    """
    rows, known, asked = test.sum(axis=0), np.asarray(old), np.asarray(new)
    if not (rows > 0).all():
        return None
    rng = np.random.default_rng(seed)
    confusion, before = test / rows, known / known.sum()
    predicted = asked / asked.sum()
    drawn = [
        solve(
            draw_confusion(confusion, rows, rng),
            rng.multinomial(asked.sum(), predicted) / asked.sum(),
        )
        for _ in range(RESAMPLES)
    ]
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0)
    found = solve(confusion, predicted)
    distances = [measure(predicted, confusion @ before, asked.sum())]
    for _ in range(RESAMPLES - 1):  # as if the shares were what they were
        again = rng.multinomial(asked.sum(), confusion @ before) / asked.sum()
        shares = rng.multinomial(known.sum(), before) / known.sum()
        expected = draw_confusion(confusion, rows, rng) @ shares
        distances.append(measure(again, expected, asked.sum()))
    p_value = float(np.mean(np.asarray(distances) >= distances[0] - 1e-12))
    return Shares(before.tolist(), found.tolist(), low.tolist(), high.tolist(), p_value)


def draw_confusion(confusion: np.ndarray, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The same from as many other test rows."""
    columns = [rng.multinomial(n, column) / n for n, column in zip(rows, confusion.T, strict=True)]
    return np.stack(columns, axis=1)


def measure(predicted: np.ndarray, expected: np.ndarray, rows: int) -> float:
    """How far predictions are from what is expected; half a row more keeps it finite."""
    return float(((predicted - expected) ** 2 / (expected + 0.5 / rows)).sum())
