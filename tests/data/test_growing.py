"""Rows that are added to growing data change the role of no test and no validation row."""

import random

import pandas as pd
import pytest

from reprotune.core.errors import InputError
from reprotune.core.params import Roles
from reprotune.data.assignment import assign
from reprotune.project.dry_run import group_rows
from tests.data.test_assignment import examples, settings

WORDS = [f"{a}{b}" for a in ("la", "mo", "ri", "tu", "se", "no") for b in ("ken", "dal", "pir")]
SHARES = {"test_share": 0.2, "validation_share": 0.1}
COUNTS = dict.fromkeys(("test_per_class", "validation_per_class", "train_per_class"))
ROUNDS, START, ADDED = 10, 400, 20


def growing() -> Roles:
    return settings(strategy="growing", **SHARES, **COUNTS)


def write_texts(count: int, old: list[str], draw: random.Random) -> list[str]:
    """New texts, every second one nearly an old one."""
    new = [" ".join(draw.choices(WORDS, k=15)) for _ in range(count)]
    edited = [f"{text} {draw.choice(WORDS)}" for text in draw.choices(old or new, k=count)]
    return [pair[n % 2] if old else pair[0] for n, pair in enumerate(zip(new, edited, strict=True))]


def assigned(texts: list[str], seed: int = 1) -> pd.DataFrame:
    """The rows by text, with their group and role."""
    labels = ["rare" if text.count("a") % 5 == 0 else "common" for text in texts]
    rows = group_rows(pd.DataFrame({"text": texts, "label": labels, "split": None}), 0.8, seed)
    role = assign(rows, growing(), ["common", "rare"], seed)
    return rows.assign(role=role).set_index("text")


def test_ten_retrainings_change_no_test_and_no_validation_row_and_training_grows() -> None:
    draw = random.Random(1)
    texts = write_texts(START, [], draw)
    first = before = assigned(texts)
    for _ in range(ROUNDS):
        texts = [*write_texts(ADDED, texts, draw), *texts]
        draw.shuffle(texts)
        after = assigned(texts)
        for part in ("test", "validation"):
            old, new = (set(rows.index[rows["role"] == part]) for rows in (before, after))
            assert old <= new
        apart = after[after["role"].isin(["test", "validation"])]
        assert not after.loc[after["role"] == "train", "group"].isin(apart["group"]).any()
        before = after
    trained = [(rows["role"] == "train").sum() for rows in (first, before)]
    assert trained[1] > 1.2 * trained[0]


def test_the_shares_are_about_those_asked_for_in_every_class() -> None:
    rows = assigned(write_texts(3000, [], random.Random(2)))
    shares = pd.crosstab(rows["label"], rows["role"], normalize="index")
    assert set(shares.index) == {"common", "rare"}
    assert shares["test"].between(0.17, 0.23).all()
    assert shares["validation"].between(0.08, 0.12).all()


def test_what_counts_as_the_same_text_is_in_one_part_and_another_seed_draws_others() -> None:
    texts = write_texts(200, [], random.Random(3))
    loud = assigned([*texts, *(f'"{text.upper()}."' for text in texts)])
    parts = loud["role"].to_numpy().reshape(2, -1)
    assert (parts[0] == parts[1]).all()
    assert not assigned(texts)["role"].equals(assigned(texts, seed=2)["role"])


def published(validation: bool = False) -> pd.DataFrame:
    rows = examples(600)
    rows["split"] = ["test" if n % 5 == 0 else "train" for n in range(len(rows))]
    if validation:
        rows.loc[1, "split"] = "validation"
    return rows.assign(rank=range(len(rows)))


def test_a_published_train_without_validation_gives_a_share_of_each_class_to_it() -> None:
    rows = published()
    limits = settings(strategy="published", **COUNTS, validation_share=0.1)
    role = assign(rows, limits, ["bad", "flat", "good"], 1)
    train = rows[rows["split"] == "train"]
    for name, count in train["label"].value_counts().items():
        held = (role[train.index] == "validation") & (train["label"] == name)
        assert held.sum() == pytest.approx(0.1 * count, abs=2)  # whole groups
    assert (role[rows["split"] == "test"] == "test").all()
    inside = role[train.index].groupby(train["group"]).nunique()
    assert inside.max() == 1  # near-duplicates stay together
    assert role.equals(assign(rows[::-1], limits, ["bad", "flat", "good"], 1).sort_index())


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (published(validation=True), "validation part of their own; set it to null"),
        (published().assign(split=None), "no entry of download.files has a split"),
    ],
)
def test_a_share_of_train_that_makes_no_sense_is_refused(rows: pd.DataFrame, said: str) -> None:
    limits = settings(strategy="published", validation_share=0.1)
    with pytest.raises(InputError, match=said):
        assign(rows, limits, ["bad", "flat", "good"], 1)


def test_growing_data_need_shares() -> None:
    with pytest.raises(ValueError, match="growing needs test_share and validation_share"):
        settings(strategy="growing")
