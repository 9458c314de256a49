"""How well probabilities rank the rows of one class first; and for two classes, where to cut."""

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
import pandas as pd
from sklearn.metrics import (
    average_precision_score,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)

POINTS = 101  # of a plotted curve, at most


class Ranking(TypedDict):
    """By class."""

    roc_auc: dict[str, float]
    average_precision: dict[str, float]


def rank_classes(probability: np.ndarray, labels: np.ndarray, classes: Sequence[str]) -> Ranking:
    """Area under the ROC curve and average precision of each class against the rest.

    ``probability`` has shape (rows, classes), ``labels`` are column numbers. Through scikit-learn;
    a class that has no rows, or all, is left out.
    """
    figures: Ranking = {"roc_auc": {}, "average_precision": {}}
    for column, truth in find_present(labels, classes):
        score, name = probability[:, column], classes[column]
        figures["roc_auc"][name] = float(roc_auc_score(truth, score))
        figures["average_precision"][name] = float(average_precision_score(truth, score))
    return figures


def find_present(labels: np.ndarray, classes: Sequence[str]) -> list[tuple[int, np.ndarray]]:
    """The columns of the classes that some rows have and some not, and which rows those are."""
    truths = [(column, labels == column) for column in range(len(classes))]
    return [(column, truth) for column, truth in truths if truth.any() and not truth.all()]


def trace_curves(
    probability: np.ndarray, labels: np.ndarray, classes: Sequence[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """ROC and precision-recall curves of each class against the rest, thinned for plotting.

    Columns class, false_positive_rate, true_positive_rate; and class, recall, precision.
    """
    roc, pr = [], []
    for column, truth in find_present(labels, classes):
        name, score = classes[column], probability[:, column]
        false, true, _ = roc_curve(truth, score)
        precision, recall, _ = precision_recall_curve(truth, score)
        roc.append(thin(name, false_positive_rate=false, true_positive_rate=true))
        pr.append(thin(name, recall=recall, precision=precision))
    return pd.concat(roc, ignore_index=True), pd.concat(pr, ignore_index=True)


def thin(name: str, **columns: np.ndarray) -> pd.DataFrame:
    table = pd.DataFrame({"class": name, **columns})
    kept = np.linspace(0, len(table) - 1, min(POINTS, len(table))).round().astype(int)
    return table.iloc[kept]


def find_threshold(score: np.ndarray, truth: np.ndarray) -> float:
    """The probability from which a row counts as positive, with the best balanced accuracy.

    Youden's J (1950); of equally good cuts the one nearest to 0.5, halfway between two scores.
    ``score`` and ``truth`` have shape (rows,).
    """
    false, true, upper = roc_curve(truth, score, drop_intermediate=False)
    lower = np.append(upper[1:], 0.0)  # every cut above it, up to upper, says the same
    best = np.isclose(true - false, (true - false).max())
    upper, lower = np.minimum(upper[best], 1.0), lower[best]
    cuts = np.where((lower < 0.5) & (upper >= 0.5), 0.5, (lower + upper) / 2)
    return float(cuts[np.abs(cuts - 0.5).argmin()])


def score_at_threshold(
    score: np.ndarray, truth: np.ndarray, held_score: np.ndarray, held_truth: np.ndarray
) -> dict[str, float]:
    """What a threshold that is chosen on held-out rows gives on these."""
    if held_truth.all() or not held_truth.any():
        return {}
    cut = find_threshold(held_score, held_truth)
    right = (score >= cut) == truth
    sides = [side for side in (truth, ~truth) if side.any()]  # a later file may lack one
    return {
        "value": cut,
        "accuracy": float(right.mean()),
        "balanced_accuracy": float(np.mean([right[side].mean() for side in sides])),
    }
