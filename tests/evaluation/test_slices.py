"""A kind of rows on which a model is weak is found, and none is made up."""

import pandas as pd
import pytest

from benchmarks.evidence import draw_rows, find_weak
from reprotune.evaluation import slices


@pytest.mark.parametrize("kind", ["length: ", "class: neutral", "doubt", "words: "])
def test_a_planted_weak_slice_is_found_in_18_of_20_seeds(kind: str) -> None:
    found = 0
    for seed in range(20):
        table, kinds = draw_rows(seed, weak=kind)
        found += any(name.startswith(kind) for name in find_weak(table, kinds))
    assert found >= 18


def test_without_a_weak_slice_there_is_at_most_one_false_alarm_in_20_seeds() -> None:
    assert sum(bool(find_weak(*draw_rows(seed))) for seed in range(20)) <= 1


def test_every_row_has_a_length_and_a_topic() -> None:
    table, kinds = draw_rows(1)
    assert (kinds["length"] != "").all() and (kinds["words"] != "").all()
    assert kinds["length"].nunique() == slices.BINS
    assert 2 <= kinds["words"].nunique() <= slices.TOPICS
    assert list(kinds["id"]) == list(table["id"])


@pytest.mark.parametrize("text", ["same", "", "!", "東京"])
def test_texts_that_are_all_alike_have_no_kinds(text: str) -> None:
    table = pd.DataFrame({"id": [f"{n:03}" for n in range(90)], "text": text})
    table = table.assign(label=["up", "down"] * 45, predicted="up")
    scored = slices.score_slices(table, slices.cut_slices(table, set(), 1), 0.95)
    assert list(scored) == ["class: down", "class: up"]
    assert scored["class: down"].p_value < 1e-9 and scored["class: up"].p_value == 1


def test_a_slice_of_few_rows_is_none() -> None:
    table, _ = draw_rows(1)
    kinds = slices.cut_slices(table, set(table["id"][: slices.LEAST - 1]), 1)
    assert not any("doubt" in name for name in slices.score_slices(table, kinds, 0.95))
