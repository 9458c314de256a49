"""The baselines that need no language model."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegressionCV
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline

from reprotune.params import InputError

STRENGTHS = tuple(float(c) for c in np.logspace(-2, 3, 11))


def majority(labels: pd.Series, classes: Sequence[str], rows: int) -> np.ndarray:
    """Class shares of the training labels for every row; shape (rows, classes).

    Its prediction, the largest share, is the most frequent class, the first one of a tie.
    """
    shares = labels.value_counts(normalize=True).reindex(list(classes), fill_value=0)
    return np.tile(shares.to_numpy(), (rows, 1))


def tfidf(
    train: pd.DataFrame,
    texts: pd.Series,
    classes: Sequence[str],
    ngrams: int,
    folds: int,
    seed: int,
) -> np.ndarray:
    """Class probabilities from TF-IDF and logistic regression; shape (texts, classes).

    C is chosen on the training rows by stratified cross-validation of the log loss.
    """
    fewest = int(train["label"].value_counts().reindex(list(classes), fill_value=0).min())
    if fewest < folds:
        raise InputError(
            f"baseline.folds {folds}: a class has only {fewest} training rows; lower it or add rows"
        )
    codes = pd.Categorical(train["label"], categories=list(classes)).codes
    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, ngrams), sublinear_tf=True),
        LogisticRegressionCV(
            Cs=STRENGTHS,
            cv=StratifiedKFold(folds, shuffle=True, random_state=seed),
            scoring="neg_log_loss",
            l1_ratios=(0.0,),
            max_iter=2000,
            use_legacy_attributes=False,
        ),
    )
    return np.asarray(model.fit(train["text"], codes).predict_proba(texts))
