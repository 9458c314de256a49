"""When to answer: accuracy among the surest rows, and a threshold that keeps a promise.

``said`` and ``held`` have the columns certainty, the probability of a prediction, and right.
"""

import math

import numpy as np
import pandas as pd
from scipy.stats import binom

from reprotune.evaluation.metrics import wilson
from reprotune.evaluation.ranking import POINTS
from reprotune.tables.limits import Promise

STEPS = 20  # thresholds that are tried, at most
STARTS = 3  # of them from which on they are lowered


def trace_accuracy(said: pd.DataFrame) -> np.ndarray:
    """Accuracy among the k surest rows, for each k; shape (rows,).

    Of equally sure rows each counts as their mean, so the order of the rows does not matter.
    """
    right = said["right"].astype(float).groupby(said["certainty"]).transform("mean").to_numpy()
    ranked = right[np.argsort(-said["certainty"].to_numpy(), kind="stable")]
    return np.asarray(ranked.cumsum() / np.arange(1, len(ranked) + 1))


def draw_up_curve(said: pd.DataFrame) -> pd.DataFrame:
    """Columns coverage and accuracy, thinned for plotting (El-Yaniv and Wiener 2010)."""
    accuracy = trace_accuracy(said)
    rows = len(accuracy)
    kept = np.linspace(0, rows - 1, min(rows, POINTS)).round().astype(int)
    return pd.DataFrame({"coverage": (kept + 1) / rows, "accuracy": accuracy[kept]})


def find_area(said: pd.DataFrame) -> float:
    """Area under the risk-coverage curve: mean share of mistakes over all coverages."""
    return float(1 - trace_accuracy(said).mean())


def choose_threshold(held: pd.DataFrame, promised: float, confidence: float) -> float | None:
    """The lowest threshold above which answers are right as often as promised, or None.

    Numbers of surest rows are tested in turn, from few to all, each exactly (Clopper and Pearson
    1934). Which these are depends on no label, and the error that is allowed is divided among a few
    starts: each hands what it has on to the next test as long as none fails. So at this confidence
    everything that is proven holds (fallback procedure, Wiens 2003; Learn then Test, Angelopoulos
    et al. 2021).
    """
    held = held.sort_values("certainty", ascending=False, kind="stable")
    thresholds, rows, shares = plan_tests(held["certainty"].to_numpy(), promised, confidence)
    hits = np.append(0, held["right"].to_numpy().cumsum())[rows]
    error, chosen = 0.0, None
    p_values = np.asarray(binom.sf(hits - 1, rows, promised))
    for threshold, p_value, share in zip(thresholds, p_values, shares, strict=True):
        error += share
        if p_value <= error:
            chosen = float(threshold)
        else:
            error = 0.0
    return chosen


def plan_tests(
    certainty: np.ndarray, promised: float, confidence: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Thresholds, how many rows are surer, and the error that is spent on each; strict ones first.

    ``certainty`` falls. None has fewer rows than prove the promise if all are right.
    """
    error = 1 - confidence
    bounds = np.append(certainty, 0.0)  # the k-th is what k rows are surer than
    counts = np.unique(np.searchsorted(-certainty, -bounds))  # equal ones are answered together
    for starts in (STARTS, 1):
        tested = counts[counts >= math.log(error / starts) / math.log(promised)]
        if len(tested):
            tested = tested[np.unique(np.linspace(0, len(tested) - 1, STEPS).round().astype(int))]
            shares = np.zeros(len(tested))
            first = np.linspace(0, len(tested), starts, endpoint=False).astype(int)
            np.add.at(shares, first, error / starts)
            return bounds[tested], tested, shares
    return np.array([]), np.array([], dtype=int), np.array([])


def promise(said: pd.DataFrame, held: pd.DataFrame, promised: float, confidence: float) -> Promise:
    """The threshold that is proven on the held-out rows, and what it does on the others."""
    threshold = choose_threshold(held, promised, confidence)
    found = Promise(accuracy=promised, validation_rows=len(held), threshold=threshold)
    if threshold is None:
        return found
    answered = said.loc[said["certainty"] > threshold, "right"]
    hits, rows = int(answered.sum()), len(answered)
    return found.model_copy(
        update={
            "coverage": rows / len(said),
            "answered": hits / rows if rows else None,
            "interval": wilson(hits, rows, confidence),
        }
    )
