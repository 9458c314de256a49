"""The baselines that a classical learner reaches."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegressionCV
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from reprotune.core.errors import InputError
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
    regressed = regression(train["label"], classes, SPARSE, folds, seed)
    model = make_pipeline(vectorizer(ngrams, units), regressed)
    return np.asarray(model.fit(train["text"], codes(train["label"], classes)).predict_proba(texts))


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
    model = make_pipeline(StandardScaler(), PCA(), regression(labels, classes, DENSE, folds, seed))
    return np.asarray(model.fit(train, codes(labels, classes)).predict_proba(test))


def codes(labels: pd.Series, classes: Sequence[str]) -> np.ndarray:
    return np.asarray(pd.Categorical(labels, categories=list(classes)).codes)


def regression(
    labels: pd.Series, classes: Sequence[str], strengths: Sequence[float], folds: int, seed: int
) -> LogisticRegressionCV:
    """Logistic regression that chooses C by stratified cross-validation of the log loss.

    Raises:
        InputError: a class has fewer rows than there are folds.
    """
    fewest = int(labels.value_counts().reindex(list(classes), fill_value=0).min())
    if fewest < folds:
        raise InputError(
            f"baseline.folds {folds}: a class has only {fewest} training rows; lower it or add rows"
        )
    return LogisticRegressionCV(
        Cs=list(strengths),
        cv=StratifiedKFold(folds, shuffle=True, random_state=seed),
        scoring="neg_log_loss",
        l1_ratios=(0.0,),
        max_iter=2000,
        use_legacy_attributes=False,
    )
