"""Near-duplicate groups are those of an exhaustive comparison."""

import random
from itertools import combinations

import numpy as np
import pytest

from reprotune.data import duplicates
from reprotune.data.duplicates import near_duplicate_groups, normalize, split_shingles


def jaccard(a: set[str], b: set[str]) -> float:
    return len(a & b) / len(a | b)


def brute_force(texts: list[str], threshold: float) -> list[int]:
    sets = [split_shingles(text) for text in texts]
    group = list(range(len(texts)))
    for a, b in combinations(range(len(texts)), 2):
        if jaccard(sets[a], sets[b]) >= threshold:
            group = [group[a] if g == group[b] else g for g in group]
    return group


def partition(groups: np.ndarray | list[int]) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(np.array(groups) == g).tolist()) for g in groups}


def edited_texts(seed: int, rows: int = 60) -> list[str]:
    """Texts of a few words, most of which are another one with up to three edits."""
    rng = random.Random(seed)
    bases = [rng.choices("abcdefgh", k=12) for _ in range(6)]
    texts = []
    for _ in range(rows):
        words = list(rng.choice(bases))
        for _ in range(rng.randint(0, 2)):
            words[rng.randrange(len(words))] = rng.choice("abcdefgh")
        texts.append(" ".join([*words, *rng.choices("abcd", k=rng.random() < 0.3)]))
    return texts


@pytest.mark.parametrize("threshold", [0.5, 0.8, 0.9, 1.0])
def test_groups_equal_an_exhaustive_comparison(threshold: float) -> None:
    differ = [
        seed
        for seed in range(40, 65)
        if partition(near_duplicate_groups(edited_texts(seed), threshold, seed=1))
        != partition(brute_force(edited_texts(seed), threshold))
    ]
    assert differ == [], "seeds of texts that are grouped otherwise"


def test_the_order_of_rows_does_not_matter() -> None:
    texts = edited_texts(3)
    groups = near_duplicate_groups(texts, 0.8, seed=1)
    turned = near_duplicate_groups(texts[::-1], 0.8, seed=1)[::-1]
    assert partition(groups) == partition(turned)


def test_a_chain_of_near_duplicates_is_one_group() -> None:
    words = [str(n) for n in range(40)]
    texts = [" ".join(words[i : i + 30]) for i in range(0, 9, 3)]
    assert jaccard(split_shingles(texts[0]), split_shingles(texts[2])) < 0.8
    assert len(partition(near_duplicate_groups(texts, 0.8, seed=1))) == 1


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("Profit rose 5 %.", "profit  rose\n5 %"),
        ("“Profit” rose  again", "profit rose again"),
        ("Profit rose https://a.example/x?y=1", "PROFIT rose"),
    ],
)
def test_case_spaces_quotes_and_addresses_do_not_matter(text: str, same: str) -> None:
    assert normalize(text) == normalize(same)
    assert len(set(near_duplicate_groups([text, "other words", same], 1.0, seed=1))) == 2


@pytest.mark.parametrize(
    ("text", "other"),
    [("up 5.1 mn", "up 5.2 mn"), ("up 5 %", "up 5"), ("a fell b rose", "b fell a rose")],
)
def test_figures_signs_and_word_order_matter(text: str, other: str) -> None:
    assert len(set(near_duplicate_groups([text, other], 1.0, seed=1))) == 2


def test_a_single_text_is_its_own_group() -> None:
    assert near_duplicate_groups(["alone"], 0.8, seed=1).tolist() == [0]


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("great 👍", "great 👎"),
        ("really good!", "really good?"),
        ("की", "का"),
        ("🎉", "💔"),
        (":)", ":("),
    ],
)
def test_marks_that_can_turn_the_meaning_matter(text: str, other: str) -> None:
    assert normalize(text) != normalize(other)


def test_texts_are_grouped_alike_however_they_are_cut_into_chunks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts = edited_texts(5)
    whole = near_duplicate_groups(texts, 0.8, seed=1)
    monkeypatch.setattr(duplicates, "CHUNK", 7)
    monkeypatch.setattr(duplicates, "PAIRS", 5)
    assert near_duplicate_groups(texts, 0.8, seed=1).tolist() == whole.tolist()
