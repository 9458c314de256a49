"""The words of texts as numbers, for learners without a language model."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import Pipeline, make_pipeline

CHARACTERS = 2  # of a word, about, where no spaces part words


def vectorizer(ngrams: int, units: str = "words") -> Pipeline:
    """TF-IDF of words and n-grams of up to ``ngrams`` words, with the single ones gathered.

    ``units``: words or characters, as ``params.text``.
    """
    longest = ngrams if units == "words" else CHARACTERS * ngrams
    kind = "word" if units == "words" else "char"
    counted = TfidfVectorizer(analyzer=kind, ngram_range=(1, longest), sublinear_tf=True)
    return make_pipeline(counted, GatheredSingles())


class GatheredSingles(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """The columns that only one row has become one column of that row, as long as they were.

    The weights of a linear model with an L2 penalty are a weighted sum of the rows it was taught
    (representer theorem), so within these columns they follow the row, and what the model learns
    and predicts stays the same, up to the tolerance of its solver. Most n-grams occur once: a third
    of the columns is left.
    """

    def fit(self, rows: csr_matrix, labels: object = None) -> GatheredSingles:
        """Learns which of the columns to gather; shape (rows, columns)."""
        cells = rows.tocoo()
        counts = rows.getnnz(axis=0)
        single, shared = counts[cells.col] == 1, np.flatnonzero(counts > 1)
        column, row, value = cells.col[single], cells.row[single], cells.data[single]
        length = np.sqrt(np.bincount(row, value**2, minlength=rows.shape[0]))
        _, place = np.unique(row, return_inverse=True)
        self.basis_ = csr_matrix(
            (
                np.concatenate([np.ones(len(shared)), value / length[row]]),
                (
                    np.concatenate([shared, column]),
                    np.concatenate([np.arange(len(shared)), len(shared) + place]),
                ),
            ),
            shape=(rows.shape[1], len(shared) + place.max(initial=-1) + 1),
        )
        return self

    def transform(self, rows: csr_matrix) -> csr_matrix:
        gathered: csr_matrix = rows @ self.basis_
        return gathered
