"""Macro-F1 of two models on the same rows, from counts of (label, answer before, answer after)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from reprotune.evaluation.metrics import quantiles
from reprotune.tables.figures import Interval


@dataclass(frozen=True)
class Answers:
    """How often each label met each pair of answers.

    ``cells`` has shape (3, cells): label, answer before, answer after, as numbers of classes; what
    is none of the ``classes`` has the next number. ``counts`` has shape (cells,).
    """

    cells: np.ndarray
    counts: np.ndarray
    classes: int

    @property
    def rows(self) -> int:
        return int(self.counts.sum())

    def score(self, said: int, counts: np.ndarray) -> np.ndarray:
        """Macro-F1 of the answers before (1) or after (2), for each row of ``counts``."""
        return score(np.asarray(counts @ self.place(said)), self.classes)

    def place(self, said: int) -> np.ndarray:
        """Where each cell falls in a flat confusion matrix: zeros and ones (cells, matrix)."""
        size = self.classes + 1
        return np.asarray(np.eye(size * size)[self.cells[0] * size + self.cells[said]])


def count_answers(base: pd.DataFrame, head: pd.DataFrame, classes: Sequence[str]) -> Answers:
    """Two tables of the same rows, whose labels are among the classes."""
    columns = (head["label"], base["predicted"], head["predicted"])
    codes = np.stack([pd.Index(list(classes)).get_indexer(pd.Index(column)) for column in columns])
    codes = np.where(codes < 0, len(classes), codes)
    cells, counts = np.unique(codes, axis=1, return_counts=True)
    return Answers(cells, counts, len(classes))


def score(confusions: np.ndarray, classes: int) -> np.ndarray:
    """Macro-F1 over the first classes of flat confusion matrices; shape (matrices,)."""
    size = classes + 1
    counts = confusions.reshape(-1, size, size)
    hits = np.diagonal(counts, axis1=1, axis2=2)[:, :classes]
    total = (counts.sum(1) + counts.sum(2))[:, :classes]
    scores = np.divide(2 * hits, total, out=np.zeros(hits.shape), where=total > 0)
    return np.asarray(scores.mean(-1))


def swap_models(answers: Answers, resamples: int, rng: np.random.Generator) -> float:
    """Two-sided p-value of the difference: how often swapped models differ as much.

    If the models are equal, it does not matter whose answer is whose; so each row is swapped with
    an even chance. Among ``resamples`` such swaps the observed one counts as one more, so that the
    test errs no more often than it says, at any number of rows (Phipson and Smyth 2010).
    """
    before, after = (answers.counts @ answers.place(said) for said in (1, 2))
    other = answers.cells[1] != answers.cells[2]
    swapped = rng.binomial(answers.counts[other], 0.5, size=(resamples, int(other.sum())))
    moved = swapped @ (answers.place(2) - answers.place(1))[other]
    drawn = score(after - moved, answers.classes) - score(before + moved, answers.classes)
    observed = float(score(after, answers.classes)[0] - score(before, answers.classes)[0])
    as_far = np.abs(drawn) >= abs(observed) - 1e-12  # sums in another order differ in the last bits
    return float((as_far.sum() + 1) / (resamples + 1))


def draw_rows(
    answers: Answers, confidence: float, resamples: int, rng: np.random.Generator
) -> Interval:
    """Interval of the difference: paired bootstrap over the rows (Efron 1979)."""
    draws = rng.multinomial(answers.rows, answers.counts / answers.rows, size=resamples)
    return quantiles(answers.score(2, draws) - answers.score(1, draws), confidence)
