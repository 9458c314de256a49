"""What predictions are worth, with the uncertainty of a finite test set."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from reprotune.evaluation import calibration, ranking
from reprotune.tables.figures import Interval
from reprotune.tables.metrics import Gain, Intervals, Reference, Scores, Subset


class Resampling(NamedTuple):
    """How uncertainty is found: level of the intervals, bootstrap draws, and their seed."""

    confidence: float
    resamples: int
    seed: int


def count_confusion(predictions: pd.DataFrame, classes: Sequence[str]) -> np.ndarray:
    """Counts by label (rows) and predicted class (columns); shape (classes, classes)."""
    table = pd.crosstab(predictions["label"], predictions["predicted"])
    return np.asarray(table.reindex(index=list(classes), columns=list(classes), fill_value=0))


def macro_f1(counts: np.ndarray) -> np.ndarray:
    """Unweighted mean of the classes' F1 over the last two axes of confusion counts."""
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    total = counts.sum(-1) + counts.sum(-2)
    scores = np.divide(2 * hits, total, out=np.zeros(hits.shape), where=total > 0)
    return np.asarray(scores.mean(-1))


def wilson(hits: int, total: int, confidence: float) -> Interval:
    """Wilson's score interval of a proportion (Wilson 1927), through scipy."""
    if total == 0:
        return 0.0, 1.0
    interval = binomtest(hits, total).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)


def holm(p_values: Sequence[float] | np.ndarray) -> list[float]:
    """p-values that hold for all tests together (Holm 1979)."""
    order = np.argsort(p_values)
    scaled = np.asarray(p_values)[order] * np.arange(len(p_values), 0, -1)
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(np.maximum.accumulate(scaled), 1)
    return corrected.tolist()


def quantiles(draws: np.ndarray, confidence: float) -> Interval:
    tail = (1 - confidence) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    return float(low), float(high)


def score(predictions: pd.DataFrame, classes: Sequence[str]) -> Scores:
    """What predictions are worth, over all rows and for each class.

    ``predictions`` has the columns label, predicted and one probability for each class.
    """
    counts = count_confusion(predictions, classes)
    rows, hits = int(counts.sum()), np.diagonal(counts)
    support, said = counts.sum(axis=1), counts.sum(axis=0)
    recall = hits / np.maximum(support, 1)

    def by_class(values: np.ndarray) -> dict[str, Any]:
        return dict(zip(classes, values.tolist(), strict=True))

    probability, labels = calibration.arrays(predictions, classes)
    return Scores(
        rows=rows,
        accuracy=float(hits.sum() / rows),
        macro_f1=float(macro_f1(counts)),
        balanced_accuracy=float(recall[support > 0].mean()),
        mcc=mcc(counts),
        precision=by_class(hits / np.maximum(said, 1)),
        recall=by_class(recall),
        f1=by_class(2 * hits / np.maximum(support + said, 1)),
        support=by_class(support),
        **dict(calibration.measure_losses(probability, labels)),
        **ranking.rank_classes(probability, labels, classes),
    )


def find_intervals(
    predictions: pd.DataFrame, classes: Sequence[str], sampling: Resampling
) -> Intervals:
    """Intervals of the main scores.

    Wilson's for the proportions; for macro-F1 the percentile bootstrap over test rows (Efron
    1979), drawn as multinomial confusion counts, which is the same and much faster.
    """
    counts = count_confusion(predictions, classes)
    rows, hits, support = int(counts.sum()), np.diagonal(counts), counts.sum(axis=1)
    rng = np.random.default_rng(sampling.seed)
    draws = rng.multinomial(rows, counts.ravel() / rows, size=sampling.resamples)
    return Intervals(
        accuracy=wilson(int(hits.sum()), rows, sampling.confidence),
        macro_f1=quantiles(macro_f1(draws.reshape(-1, *counts.shape)), sampling.confidence),
        recall={
            c: wilson(int(h), int(n), sampling.confidence)
            for c, h, n in zip(classes, hits, support, strict=True)
        },
    )


def accuracy(predictions: pd.DataFrame) -> float:
    """Share of rows whose label is predicted."""
    return float((predictions["label"] == predictions["predicted"]).mean())


def mcc(counts: np.ndarray) -> float:
    """Matthews' correlation of labels and predictions (Gorodkin 2004); 0 if one is constant."""
    rows, said, true = counts.sum(), counts.sum(axis=0), counts.sum(axis=1)
    covariance = np.trace(counts) * rows - said @ true
    spread = np.sqrt(float(rows**2 - said @ said) * float(rows**2 - true @ true))
    return float(covariance / spread) if spread else 0.0


def score_subset(predictions: pd.DataFrame, chosen: Collection[str], confidence: float) -> Subset:
    """Accuracy on the rows with these ids, with Wilson's interval."""
    rows = predictions[predictions["id"].isin(list(chosen))]
    hits = int((rows["label"] == rows["predicted"]).sum())
    return Subset(
        rows=len(rows),
        accuracy=hits / len(rows) if len(rows) else None,
        interval=Intervals(accuracy=wilson(hits, len(rows), confidence)),
    )


def score_against(
    predictions: pd.DataFrame,
    reference: pd.Series,
    classes: Sequence[str],
    confidence: float | None = None,
) -> Reference:
    """Accuracy and macro-F1 against other labels of the same rows, such as the known truth.

    With ``confidence``, an interval of the accuracy, too.
    """
    counts = count_confusion(predictions.assign(label=reference.to_numpy()), classes)
    hits, rows = int(np.trace(counts)), int(counts.sum())
    return Reference(
        accuracy=hits / rows,
        macro_f1=float(macro_f1(counts)),
        interval=Intervals(accuracy=wilson(hits, rows, confidence)) if confidence else None,
    )


def compare_accuracy(right: np.ndarray, other_right: np.ndarray, sampling: Resampling) -> Gain:
    """Difference of two accuracies on the same rows, with an interval and the exact McNemar test.

    ``right`` and ``other_right`` say row by row whether a prediction was right; shape (rows,).
    ``p_value`` is that of the two-sided exact test (McNemar 1947): 1 if they never differ.
    """
    gained = int((right & ~other_right).sum())
    lost = int((~right & other_right).sum())
    return Gain(
        accuracy=(gained - lost) / len(right),
        interval=bound_gain(gained, lost, len(right), sampling),
        gained=gained,
        lost=lost,
        p_value=float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0,
    )


def bound_gain(gained: int, lost: int, rows: int, sampling: Resampling) -> tuple[float, float]:
    """The interval that holds the paired bootstrap's and that of McNemar's test.

    Where few rows differ the first is too narrow (four gained, none lost: above 0, with p 0.125),
    where all differ to one side the second (Clopper and Pearson 1934). So it holds 0 wherever the
    test finds nothing.
    """
    cells = np.array([gained, lost, rows - gained - lost]) / rows
    draws = np.random.default_rng(sampling.seed).multinomial(rows, cells, size=sampling.resamples)
    low, high = quantiles((draws[:, 0] - draws[:, 1]) / rows, sampling.confidence)
    if not (differ := gained + lost):
        return low, high
    shares = binomtest(gained, differ).proportion_ci(sampling.confidence)
    least, most = ((2 * share - 1) * differ / rows for share in shares)
    return min(low, least), max(high, most)
