"""Accuracy against the truth, from the labels of all test rows and the truth of a sample of them.

Prediction-powered inference (Angelopoulos et al. 2023), with the power tuned (PPI++, Angelopoulos,
Duchi and Zrnic 2024): the accuracy against the labels, less what the sample says that the labels
get wrong, as far as that is steadier than the sample alone. As for every accuracy here, it is that
on all such texts, not on these: where every test row was answered, chance still is in the interval.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.stats import norm

from reprotune.evaluation.metrics import wilson
from reprotune.tables.reviewed import Powered, Reviewed

TUNED = "tuned"
PRIOR = 0.5  # weight of a row on which label and truth disagree, each way, in every variance
LEAST = 2  # answered rows from which anything is said


def review(
    predicted: Mapping[str, pd.DataFrame],
    answers: Mapping[str, str],
    drawn: Sequence[str],
    confidence: float,
) -> Reviewed | None:
    """All of it; None before two rows are answered.

    ``predicted`` has id, label and predicted of the test rows for each predictor, ``answers`` the
    true label of the sampled ones, ``drawn`` the test rows in the order of drawing. Rows that have
    left the test set count no more. Those without an answer are taken to be as the others are.
    """
    label = predicted[TUNED].set_index("id")["label"]
    chosen = [row for row in label.index if row in answers]
    if len(chosen) < LEAST:
        return None
    wrong = sum(label[row] != answers[row] for row in chosen)
    return Reviewed(
        rows=len(chosen),
        missing=max(map(drawn.index, chosen)) + 1 - len(chosen),
        label_error=wrong / len(chosen),
        interval=wilson(wrong, len(chosen), confidence),
        predictors={
            name: score(rows.set_index("id"), answers, chosen, confidence)
            for name, rows in predicted.items()
        },
    )


def score(
    rows: pd.DataFrame, answers: Mapping[str, str], chosen: list[str], confidence: float
) -> Powered:
    """One predictor; ``rows`` has label and predicted by id."""
    truth = pd.Series(answers, dtype="str")[chosen]
    right = (rows["predicted"][chosen] == truth).to_numpy()
    by_label = (rows["predicted"] == rows["label"]).to_numpy()
    sampled = rows.index.isin(chosen)
    accuracy, interval, power = estimate(right, by_label[sampled], by_label[~sampled], confidence)
    return Powered(
        accuracy=accuracy,
        interval=interval,
        power=power,
        sample=float(right.mean()),
        sample_interval=wilson(int(right.sum()), len(right), confidence),
        sample_by_label=float(by_label[sampled].mean()),
    )


def estimate(
    right: np.ndarray, by_label: np.ndarray, rest: np.ndarray, confidence: float
) -> tuple[float, tuple[float, float], float]:
    """The accuracy against the truth, its interval, and the power.

    ``right`` says of the sampled rows whether a predictor is right, ``by_label`` whether it is so
    by their labels, ``rest`` the latter of the rows that were not sampled.

    Wald's interval knows no doubt where all of a small sample are right; so this one is Wilson's
    (1927), for as many rows as a sample alone would need to be as steady. Two rows of half a
    weight, on which labels are wrong either way, keep a small sample from trusting them blindly.
    """
    rows, others = len(right), len(rest)
    weights = np.concatenate([np.ones(rows), [PRIOR, PRIOR]])
    truth, label = np.append(right, [1, 0]).astype(float), np.append(by_label, [0, 1]).astype(float)
    (own, shared), (_, known) = np.cov(truth, label, aweights=weights, ddof=0)
    spread = float(np.var(rest)) if others else 0.0
    power = float(np.clip(shared / ((1 + rows / others) * known), 0, 1)) if spread else 0.0
    shift = power * (float(np.mean(rest)) - float(np.mean(by_label))) if power else 0.0
    accuracy = float(np.clip(np.mean(right) + shift, 0, 1))
    variance = (own - 2 * power * shared + power**2 * known) / rows
    variance += power**2 * spread / others if power else 0.0
    effective = rows * max(own / rows / variance, 1.0)
    return accuracy, wilson_of_share(accuracy, effective, confidence), power


def wilson_of_share(share: float, rows: float, confidence: float) -> tuple[float, float]:
    """Wilson's interval for a share of so many rows, which need not be whole."""
    z = float(norm.ppf((1 + confidence) / 2))
    centre = (share + z**2 / (2 * rows)) / (1 + z**2 / rows)
    half = z / (1 + z**2 / rows) * np.sqrt(share * (1 - share) / rows + z**2 / (4 * rows**2))
    return max(centre - half, 0.0), min(centre + half, 1.0)
