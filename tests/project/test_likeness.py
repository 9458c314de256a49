"""Labels that are likely one are named, and others are not."""

import pandas as pd
import pytest

from reprotune.project.garbled import describe_garbled
from reprotune.project.likeness import describe_alike, find_alike


@pytest.mark.parametrize(
    ("rare", "common"),
    [
        ("negatve", "negative"),
        ("negativve", "negative"),
        ("negatine", "negative"),
        ("engative", "negative"),
        ("Negativ", "negative"),
        ("sci-tech", "Sci/Tech"),
        ("SciTech", "Sci/Tech"),
    ],
)
def test_a_label_that_is_likely_another_one_is_named(rare: str, common: str) -> None:
    assert list(find_alike({rare: 4, common: 40, "positive": 40})) == [(rare, common)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("intent 17", "intent 18"),
        ("GPT-3", "GPT-4"),
        ("C++", "C#"),
        ("legal", "illegal"),
        ("cat", "car"),
        ("informative", "uninformative"),
    ],
)
def test_others_are_not(one: str, other: str) -> None:
    assert not list(find_alike({one: 4, other: 40}))


def test_two_common_labels_are_two_however_near() -> None:
    assert not describe_alike({"moral": 40, "mortal": 30})
    assert describe_alike({"mortal": 10, "moral": 40}) == (
        "'mortal' (10 rows) and 'moral' (40); if they are one class: --names mortal=moral"
    )


def test_labels_that_differ_by_marks_are_alike_but_for_names_of_one_letter() -> None:
    assert list(find_alike({"bad": 23, "Bad.": 7})) == [("Bad.", "bad")]
    assert not list(find_alike({"C": 30, "C++": 20, "C#": 9, "+": 8, "-": 7}))


def test_only_utf8_that_was_read_in_another_encoding_is_garbled() -> None:
    right = pd.Series(["L’été, déjà", "AÇÃO É ÓTIMA", "Größe „groß“ – 20 °C", "日本語", "naïve"])
    assert describe_garbled(right) == ""
    assert "such as Ã© for é" in describe_garbled(pd.Series(["a cafÃ© here", "plain"]))
