"""The baselines that a classical learner reaches."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from sklearn.base import ClassifierMixin
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegressionCV
from sklearn.metrics import get_scorer
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from reprotune.core.errors import InputError
from reprotune.core.progress import Advance, show_progress
from reprotune.text.tfidf import vectorizer

SPARSE = tuple(float(c) for c in np.logspace(-2, 3, 11))  # of C, for TF-IDF
DENSE = tuple(float(c) for c in np.logspace(-5, 1, 9))  # for standardized embeddings


def majority(labels: pd.Series, classes: Sequence[str], rows: int) -> np.ndarray:
    """Class shares of the training labels for every row; shape (rows, classes).

    Its prediction, the largest share, is the most frequent class, the first one of a tie.
    """
    shares = labels.value_counts(normalize=True).reindex(list(classes), fill_value=0)
    return np.tile(shares.to_numpy(), (rows, 1))


def remove_bias(probability: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Probabilities of a prompted model without its liking for a class; shape (rows, classes).

    They are divided by their means over texts without labels, ``known`` of shape (texts, classes):
    batch calibration (Zhou et al. 2024).
    """
    even = probability / known.mean(axis=0)
    return np.asarray(even / even.sum(axis=1, keepdims=True))


def tfidf(
    train: pd.DataFrame,
    texts: pd.Series,
    classes: Sequence[str],
    ngrams: int,
    folds: int,
    seed: int,
    units: str = "words",
) -> np.ndarray:
    """Class probabilities from TF-IDF and logistic regression; shape (texts, classes).

    C is chosen on the training rows by stratified cross-validation of the log loss.
    """
    with show_progress("baseline: words", folds * len(SPARSE), "model") as bar:
        regressed = regression(train["label"], classes, SPARSE, folds, seed, bar.update)
        model = make_pipeline(vectorizer(ngrams, units), regressed)
        model.fit(train["text"], codes(train["label"], classes))
    return np.asarray(model.predict_proba(texts))


def frozen_embeddings(
    train: np.ndarray,
    test: np.ndarray,
    labels: pd.Series,
    classes: Sequence[str],
    folds: int,
    seed: int,
) -> np.ndarray:
    """Class probabilities from embeddings and logistic regression; shape (test rows, classes).

    Embeddings have shape (rows, features). C is chosen as for ``tfidf``. They are turned onto their
    principal components, all of them: never more than rows, and the penalty stays what it was.
    """
    with show_progress("baseline: embeddings", folds * len(DENSE), "model") as bar:
        regressed = regression(labels, classes, DENSE, folds, seed, bar.update)
        model = make_pipeline(StandardScaler(), PCA(), regressed).fit(train, codes(labels, classes))
    return np.asarray(model.predict_proba(test))


def codes(labels: pd.Series, classes: Sequence[str]) -> np.ndarray:
    return np.asarray(pd.Categorical(labels, categories=list(classes)).codes)


def regression(
    labels: pd.Series,
    classes: Sequence[str],
    strengths: Sequence[float],
    folds: int,
    seed: int,
    advance: Advance,
) -> LogisticRegressionCV:
    """Logistic regression that chooses C by stratified cross-validation of the log loss.

    ``advance`` hears of each model whose loss is known.

    Raises:
        InputError: a class has fewer rows than there are folds.
    """
    fewest = int(labels.value_counts().reindex(list(classes), fill_value=0).min())
    if fewest < folds:
        raise InputError(
            f"baseline.folds {folds}: a class has only {fewest} training rows; lower it or add rows"
        )
    loss = get_scorer("neg_log_loss")

    def measure(model: ClassifierMixin, rows: np.ndarray | csr_matrix, true: np.ndarray) -> float:
        advance(1)
        return float(loss(model, rows, true))

    return LogisticRegressionCV(
        Cs=list(strengths),
        cv=StratifiedKFold(folds, shuffle=True, random_state=seed),
        scoring=measure,
        l1_ratios=(0.0,),
        max_iter=2000,
        use_legacy_attributes=False,
    )
