"""The baselines that a classical learner reaches."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from reprotune.core.errors import InputError
from reprotune.core.params import Baseline
from reprotune.core.printing import count_of
from reprotune.core.progress import show_progress
from reprotune.tables.classes import take_first
from reprotune.text.tfidf import vectorizer

SPARSE = tuple(float(c) for c in np.logspace(-2, 3, 11))  # of C, for TF-IDF
STEPS = 2000  # of the solver, at most
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


def learn(
    train: pd.DataFrame,
    texts: pd.Series,
    classes: Sequence[str],
    settings: Baseline,
    seed: int,
    units: str,
) -> dict[str, np.ndarray]:
    """What each baseline without a model says of the texts: name, shape (texts, classes).

    All but majority learn from no more than ``settings.rows`` training rows.
    """
    taught = train[take_first(train["label"], settings.rows)]
    with threadpool_limits(1):
        words = tfidf(taught, texts, classes, settings.ngrams, settings.folds, seed, units)
    return {"majority": majority(train["label"], classes, len(texts)), "tfidf": words}


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
    turner = vectorizer(ngrams, units)
    words, known = turner.fit_transform(train["text"]), train["label"]
    learner = regress(words, known, classes, SPARSE, folds, seed, "baseline: words")
    return np.asarray(learner.predict_proba(turner.transform(texts)))


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
    turner = make_pipeline(StandardScaler(), PCA())
    turned = turner.fit_transform(train)
    learner = regress(turned, labels, classes, DENSE, folds, seed, "baseline: embeddings")
    return np.asarray(learner.predict_proba(turner.transform(test)))


def regress(
    rows: np.ndarray | csr_matrix,
    labels: pd.Series,
    classes: Sequence[str],
    strengths: Sequence[float],
    folds: int,
    seed: int,
    title: str = "",
) -> LogisticRegression:
    """Logistic regression that chooses C by stratified cross-validation of the log loss.

    After a higher loss no further C is tried: the largest ones take longest.

    Raises:
        InputError: a class has fewer rows than there are folds.
    """
    fewest = int(labels.value_counts().reindex(list(classes), fill_value=0).min())
    if fewest < folds:
        raise InputError(
            f"baseline.folds {folds}: a class has only {count_of(fewest, 'training row')}; "
            "lower it or add rows"
        )
    codes = np.asarray(pd.Categorical(labels, categories=list(classes)).codes)
    cuts = list(StratifiedKFold(folds, shuffle=True, random_state=seed).split(rows, codes))
    models = [LogisticRegression(warm_start=True, max_iter=STEPS) for _ in cuts]
    best, least, most = strengths[0], np.inf, folds * len(strengths)
    with show_progress(title, most + 1, "model") as bar:
        for strength in strengths:
            loss = 0.0
            for model, (taught, held) in zip(models, cuts, strict=True):
                model.set_params(C=strength).fit(rows[taught], codes[taught])
                loss += log_loss(codes[held], model.predict_proba(rows[held]))
                bar.update()
            if loss >= least:
                break
            best, least = strength, loss
        bar.update(most - bar.n)
        whole = LogisticRegression(C=best, max_iter=STEPS).fit(rows, codes)
        bar.update()
    return whole
