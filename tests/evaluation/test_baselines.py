"""The baselines without a language model give probabilities in class order."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegressionCV
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler

from reprotune.core.params import Params
from reprotune.evaluation import baselines
from reprotune.evaluation.baselines import majority, remove_bias, tfidf
from reprotune.tables.classes import take_first

CLASSES = ["up", "flat", "down"]


def rows(count: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    label = rng.choice(CLASSES, count)
    noise = rng.choice(["profit", "sales", "costs", "debt"], (count, 2))
    texts = [f"{a} went {name} {b}" for (a, b), name in zip(noise, label, strict=True)]
    return pd.DataFrame({"text": texts, "label": label})


def test_majority_gives_every_row_the_class_shares_in_class_order() -> None:
    table = majority(pd.Series(["down", "up", "down", "down"]), CLASSES, rows=2)
    assert table.tolist() == [[0.25, 0.0, 0.75]] * 2


def test_majority_predicts_the_first_class_of_a_tie() -> None:
    assert majority(pd.Series(["down", "flat"]), CLASSES, rows=1).argmax() == 1


def test_without_its_bias_a_prompt_no_longer_says_one_class_alone() -> None:
    draw = np.random.default_rng(1)
    labels = draw.integers(0, 3, 600)
    log_p = draw.normal(size=(600, 3)) + 2 * np.eye(3)[labels] + np.array([3.0, 0.0, 0.0])
    biased = np.exp(log_p) / np.exp(log_p).sum(axis=1, keepdims=True)
    even = remove_bias(biased[:300], biased[300:])
    assert even.sum(axis=1) == pytest.approx(np.ones(300))
    assert (biased[:300].argmax(axis=1) == labels[:300]).mean() < 0.5
    assert (even.argmax(axis=1) == labels[:300]).mean() > 0.7


def test_tfidf_learns_a_word_and_keeps_the_class_order() -> None:
    test = rows(30, seed=2)
    probability = tfidf(rows(120, seed=1), test["text"], CLASSES, ngrams=2, folds=3, seed=1)
    assert probability.shape == (30, 3)
    assert probability.sum(axis=1) == pytest.approx(np.ones(30))
    assert (np.array(CLASSES)[probability.argmax(axis=1)] == test["label"]).all()


def test_tfidf_sees_word_order_through_longer_ngrams_only() -> None:
    label = np.array(["up", "down"])[np.arange(80) % 2]
    texts = np.where(label == "up", "sales beat costs", "costs beat sales")
    train = pd.DataFrame({"text": texts, "label": label})
    two, one = (
        tfidf(train, train["text"], ["up", "down"], ngrams=n, folds=4, seed=1) for n in (2, 1)
    )
    assert (np.array(["up", "down"])[two.argmax(axis=1)] == label).all()
    assert one == pytest.approx(np.full((80, 2), 0.5), abs=0.01)


def test_all_but_majority_learn_from_so_many_rows(params: Params) -> None:
    settings = params.baseline.model_copy(update={"rows": 60})
    train, texts = rows(120, seed=1), rows(10, seed=2)["text"]
    found = baselines.learn(train, texts, CLASSES, settings, 1, "words")
    np.testing.assert_allclose(found["majority"], majority(train["label"], CLASSES, 10))
    taught = train[take_first(train["label"], 60)]
    expected = tfidf(taught, texts, CLASSES, settings.ngrams, settings.folds, 1)
    np.testing.assert_allclose(found["tfidf"], expected)


def test_tfidf_is_the_same_for_the_same_seed() -> None:
    train, texts = rows(60, seed=1), rows(10, seed=2)["text"]
    first, again = (tfidf(train, texts, CLASSES, ngrams=1, folds=3, seed=1) for _ in range(2))
    assert np.array_equal(first, again)


def test_turned_onto_their_components_embeddings_teach_what_they_taught() -> None:
    draw = np.random.default_rng(1)
    codes = np.repeat([0, 1], 30)
    known, new = draw.normal(size=(60, 100)) + codes[:, None] * 0.3, draw.normal(size=(20, 100))
    labels = pd.Series(np.array(["a", "b"])[codes])
    found = baselines.frozen_embeddings(known, new, labels, ["a", "b"], 3, 1)
    scaler = StandardScaler()
    plain = baselines.regress(
        scaler.fit_transform(known), labels, ["a", "b"], baselines.DENSE, 3, 1
    )
    expected = plain.predict_proba(scaler.transform(new))
    np.testing.assert_allclose(found, expected, atol=0.01)


def test_c_is_that_of_scikit_learns_own_cross_validation() -> None:
    draw = np.random.default_rng(1)
    codes = np.repeat([0, 1, 2], 40)
    known = draw.normal(size=(120, 20)) + codes[:, None] * 0.4
    found = baselines.regress(
        known, pd.Series(np.array(CLASSES)[codes]), CLASSES, baselines.DENSE, 4, 1
    )
    stock = LogisticRegressionCV(
        Cs=list(baselines.DENSE),
        cv=StratifiedKFold(4, shuffle=True, random_state=1),
        scoring="neg_log_loss",
        l1_ratios=(0.0,),
        max_iter=2000,
        use_legacy_attributes=False,
    ).fit(known, codes)
    assert baselines.DENSE[0] < found.C == stock.C_ < baselines.DENSE[-1]
    np.testing.assert_allclose(found.predict_proba(known), stock.predict_proba(known), atol=1e-3)
