"""Why a row is doubted, in a sentence that a person can check."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from reprotune.data.reasons import find_nearest, give_reasons, tell, tell_difference

NUMBERS = np.array([[1, 0], [2, 0.1], [0, 1], [-1, 0], [1, 1], [0, 0], [3, 0.1]])


@pytest.mark.parametrize("kind", [np.asarray, csr_matrix])
def test_the_nearest_are_those_of_the_highest_cosine_and_never_the_row_itself(kind: type) -> None:
    near = list(find_nearest(kind(NUMBERS), np.array([0, 3, 5])))
    assert [one.tolist() for one in near] == [[6, 1, 4], [], []]


def test_ten_are_asked_whatever_ties_there_are() -> None:
    (near,) = find_nearest(np.ones((90, 2)), np.array([3]))
    assert near.tolist() == [0, 1, 2, *range(4, 11)]


def test_the_nearest_rows_are_counted_in_words() -> None:
    texts, labels = np.array(["far off"] * 10), np.array(["good"] * 9 + ["bad"])
    assert tell("x", "bad", texts, labels) == "Nine of its ten nearest rows say good, one bad."
    assert tell("x", "bad", texts[:1], labels[:1]) == "One of its one nearest row says good."
    assert tell("x", "bad", texts[:0], labels[:0]) == "No other row is like it."


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ("Nokex sold ten ships in May", "the same text"),
        ("Rotur Oyj sold ten ships in May", "the same text with “Rotur Oyj” for “Nokex”"),
        ("Nokex sold ten old ships in May", "the same text with “old”"),
        ("Nokex sold ships in May", "the same text without “ten”"),
        ("Rotur sold ten ships in June", ""),
        ("Nokex sold a b c d ships in May", ""),
        ("Nokex bought and then May", ""),
    ],
)
def test_what_sets_two_texts_apart_is_said_if_it_is_little(other: str, told: str) -> None:
    assert tell_difference("Nokex sold ten ships in May", other) == told


def test_a_listed_row_has_the_sentence_of_its_own_neighbours() -> None:
    rows = pd.DataFrame({
        "id": list("abcdefg"),
        "text": [f"the company sold {word} ships" for word in "one two six ten few all no".split()],
        "label": ["bad", "good", "bad", "bad", "good", "bad", "bad"],
    })  # fmt: skip
    found = give_reasons(rows, pd.Series(["d", "a"]), NUMBERS)
    assert found.to_dict() == {
        "a": "Two of its three nearest rows say good, one bad; "
        "the same text with “two” for “one” says good.",
        "d": "No other row is like it.",
    }
