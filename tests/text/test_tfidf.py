"""What the words of texts become for the classical learners."""

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from reprotune.text.tfidf import vectorizer

WORDS = [f"word{i}" for i in range(300)]


def texts(count: int, seed: int) -> list[str]:
    often = 1 / np.arange(1, len(WORDS) + 1)  # Zipf: most words are rare
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, 8, p=often / often.sum())) for _ in range(count)]


def test_gathering_the_words_of_one_row_leaves_the_solution_as_it_was() -> None:
    train, test = texts(200, seed=1), texts(50, seed=2)
    labels = np.random.default_rng(3).integers(0, 3, len(train))
    every, gathered = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), vectorizer(2)
    probability, columns = [], []
    for words in (every, gathered):
        known = words.fit_transform(train)
        model = LogisticRegression(C=10, tol=1e-10, max_iter=10_000).fit(known, labels)
        probability.append(model.predict_proba(words.transform(test)))
        columns.append(known.shape[1])
    assert np.allclose(*probability, atol=1e-6)
    assert columns[1] < columns[0] / 2


def test_rows_without_a_single_word_of_their_own_stay_as_they_are() -> None:
    same = ["up up", "up up", "down down"] * 2
    plain = TfidfVectorizer(ngram_range=(1, 1), sublinear_tf=True).fit_transform(same)
    assert np.array_equal(vectorizer(1).fit_transform(same).toarray(), plain.toarray())
