"""Generated headlines: exact shares, true labels, nothing that the base model has read."""

import re

import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from reprotune.builtin import headlines
from reprotune.text.tfidf import vectorizer

NO_PLAIN_FACT = re.compile(
    r"\b(?:although|but|even|while|if|whether|neither|not?|expect\w*)\b", re.I
)
PLAIN_FACT = re.compile(
    f"({'|'.join(headlines.GOOD + headlines.BAD)}) "
    f"({'|'.join(headlines.RISE + headlines.FALL)})(?! short)"
)
ENDING = re.compile(r", the company said\.|, it said\.| - report\.|, according to the report\.")


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return headlines.examples(2000, wrong=0.06, repeated=0.1, seed=1)


@pytest.mark.parametrize("rows", [100, 333, 2000])
def test_classes_have_the_shares_of_financial_phrasebank(rows: int) -> None:
    truth = headlines.examples(rows, 0.06, 0.02, seed=3)["reference_label"].value_counts()
    assert truth.sum() == rows
    assert all(abs(truth[c] - share * rows) <= 1.5 for c, share in headlines.SHARES.items())


@pytest.mark.parametrize(("share", "wrong"), [(0.0, 0), (0.06, 24), (0.5, 200), (0.8, 320)])
def test_exactly_the_asked_share_of_labels_is_wrong(share: float, wrong: int) -> None:
    table = headlines.examples(400, share, 0.02, seed=1)
    assert (table["label"] != table["reference_label"]).sum() == wrong


def test_wrong_labels_keep_the_class_counts_and_always_involve_neutral(table: pd.DataFrame) -> None:
    wrong = table[table["label"] != table["reference_label"]]
    assert (wrong[["label", "reference_label"]] == "neutral").any(axis=1).all()
    assert table["label"].value_counts().equals(table["reference_label"].value_counts())


@pytest.mark.parametrize("share", [0.0, 0.1, 0.4])
def test_the_asked_share_of_rows_repeats_an_earlier_one(share: float) -> None:
    texts = headlines.examples(2000, 0.0, share, seed=1)["text"]
    plain = texts.str.replace(ENDING, ".", regex=True)
    assert plain.duplicated().mean() == pytest.approx(share, abs=0.03)
    assert texts.duplicated().any() == (share > 0)


def test_every_labelled_text_is_held_out_and_few_other_texts_are(table: pd.DataFrame) -> None:
    assert table["text"].map(headlines.is_held_out).all()
    assert (table["text"] + " ").map(headlines.is_held_out).mean() == pytest.approx(1 / 8, abs=0.03)


def test_the_same_seed_gives_the_same_table_and_another_seed_another() -> None:
    first, second, other = (headlines.examples(200, 0.06, 0.02, seed) for seed in (1, 1, 2))
    assert first.equals(second)
    assert not set(first["text"]) & set(other["text"])


def test_every_text_is_one_clean_sentence(table: pd.DataFrame) -> None:
    sentence = re.compile(r"[A-Z][^{}]*[^\s.]\.")
    assert [t for t in table["text"] if not sentence.fullmatch(t) or "  " in t] == []


def test_in_a_plain_fact_measure_and_direction_give_the_true_label(table: pd.DataFrame) -> None:
    plain = table[~table["text"].str.contains(NO_PLAIN_FACT)]
    facts = [(PLAIN_FACT.search(t), c) for t, c in plain[["text", "reference_label"]].to_numpy()]
    good = [((f[1] in headlines.GOOD) == (f[2] in headlines.RISE), c) for f, c in facts if f]
    assert len(good) > 50
    assert all(label == ("positive" if is_good else "negative") for is_good, label in good)


def test_bag_of_words_finds_the_truth_neither_trivial_nor_hopeless(table: pd.DataFrame) -> None:
    rows = table.drop_duplicates("text").groupby("reference_label").head(200)
    judge = make_pipeline(vectorizer(2), LogisticRegression(C=10, max_iter=1000))
    accuracy = cross_val_score(judge, rows["text"], rows["reference_label"], cv=4).mean()
    assert 0.5 < accuracy < 0.85
