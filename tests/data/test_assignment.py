"""Roles are exact, keep groups whole, and stay as published where a split is given."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reprotune.core.errors import InputError
from reprotune.core.params import Download, Params, Roles, SourceFile
from reprotune.data.assignment import assign, count_leaks, group_ids, rank_by_hash, set_quotas
from reprotune.data.ids import digest
from reprotune.data.reading.files import read_files

CLASSES = ["bad", "flat", "good"]
PHRASEBANK = Path(__file__).resolve().parents[3] / "shared/real/financial_phrasebank"


def settings(**changes: Any) -> Roles:
    values = {
        "strategy": "hashed",
        "near_duplicate_threshold": 0.8,
        "test_share": None,
        "validation_share": None,
        "test_per_class": 20,
        "validation_per_class": 10,
        "train_per_class": 40,
    }
    return Roles.model_validate(values | changes)


def examples(count: int, seed: int = 1, grouped: float = 0.2) -> pd.DataFrame:
    """Rows of unequal classes, a share of which is in the group of an earlier row."""
    rng = np.random.default_rng(seed)
    ids = pd.Series([digest(str(n)) for n in range(count)])
    groups = np.arange(count)
    for n in np.flatnonzero(rng.random(count) < grouped):
        groups[n] = groups[rng.integers(n + 1)]
    labels = rng.choice(CLASSES, size=count, p=[0.2, 0.5, 0.3])
    return pd.DataFrame({"id": ids, "label": labels, "split": None}).assign(
        group=group_ids(ids, groups)
    )


def assigned(rows: pd.DataFrame, limits: Roles, seed: int = 1) -> pd.Series:
    return assign(rows.assign(rank=rank_by_hash(rows, seed)), limits, CLASSES, seed)


def counts(rows: pd.DataFrame, role: pd.Series, name: str) -> list[int]:
    return [int((rows["label"][role == name] == label).sum()) for label in CLASSES]


@pytest.mark.parametrize("seed", range(5))
def test_hashed_counts_are_exact_and_groups_stay_whole(seed: int) -> None:
    rows = examples(600, seed)
    role = assigned(rows, settings(), seed)
    assert counts(rows, role, "test") == [20, 20, 20]
    assert max(counts(rows, role, "validation")) <= 10
    assert min(counts(rows, role, "train")) >= 40
    assert role.groupby(rows["group"]).nunique().max() == 1


def test_groups_larger_than_the_test_set_go_to_training() -> None:
    rows = examples(600, grouped=0.0)
    large = rows["label"].eq("bad") & (rows.groupby("label").cumcount() < 21)
    rows.loc[large, "group"] = rows.loc[large, "id"].min()
    role = assigned(rows, settings(validation_per_class=0), 1)
    assert set(role[large]) == {"train"}
    assert counts(rows, role, "test") == [20, 20, 20]


def test_adding_rows_moves_few_others() -> None:
    rows = examples(660, grouped=0.0)
    before = assigned(rows[:600], settings(), 1)
    after = assigned(rows, settings(), 1)
    moved = before != after[:600]
    # An added row pushes at most one row from test to validation and one from there to train.
    assert 0 < moved.sum() <= 2 * 60
    assert (before == "test").sum() > 4 * ((before == "test") & moved).sum()


def test_the_order_of_rows_does_not_matter_but_the_seed_does() -> None:
    rows = examples(600)
    role = assigned(rows, settings(), 1)
    assert role.equals(assigned(rows[::-1], settings(), 1).sort_index())
    rank = rank_by_hash(rows, 1)
    assert rank.equals(rank_by_hash(rows[::-1], 1).sort_index())
    assert sorted(rank) == list(range(len(rows)))
    assert not role.equals(assigned(rows, settings(), 2))


def test_too_few_rows_are_an_error_that_says_what_is_missing() -> None:
    rows = pd.DataFrame({"id": list("abc"), "group": list("abc"), "split": None, "label": CLASSES})
    with pytest.raises(InputError, match=r"test_per_class 20 .*train_per_class 40 .*60 .*'bad': 1"):
        assigned(rows, settings(), 1)


def test_a_test_set_that_groups_leave_no_way_to_fill_is_an_error() -> None:
    rows = examples(600, grouped=0.0)
    bad = rows["label"] == "bad"
    rows.loc[bad, "group"] = "0"
    with pytest.raises(InputError, match=r"test set lacks .*'bad': 20"):
        assigned(rows, settings(), 1)


@pytest.mark.parametrize(
    ("test", "validation", "train", "expected"),
    [
        (20, 10, 40, (20, 10, 40)),
        (20, 50, 40, (20, 40, 40)),
        (20, None, 40, (20, 40, 40)),
        (None, 10, 40, (60, 0, 40)),
        (20, 10, None, (20, 10, 70)),
        (20, 0, None, (20, 0, 80)),
    ],
)
def test_none_means_all_that_is_left(
    test: int | None, validation: int | None, train: int | None, expected: tuple[int, ...]
) -> None:
    limits = settings(test_per_class=test, validation_per_class=validation, train_per_class=train)
    found = set_quotas({"a": 100}, limits)
    assert tuple(found[role]["a"] for role in ("test", "validation", "train")) == expected


def test_shares_give_every_class_its_own_number_of_test_rows() -> None:
    by_share = {"test_share": 0.2, "validation_share": 0.1, "test_per_class": None}
    limits = settings(**by_share, validation_per_class=None, train_per_class=None)
    found = set_quotas({"many": 1000, "few": 10, "fewest": 2}, limits)
    assert found["test"] == {"many": 200, "few": 2, "fewest": 1}
    assert found["validation"] == {"many": 100, "few": 1, "fewest": 0}
    assert found["train"] == {"many": 700, "few": 7, "fewest": 1}
    with pytest.raises(InputError, match=r"class 'one' has 1 row:.*0 are left"):
        set_quotas({"one": 1}, limits)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"test_share": 0.2}, "go together"),
        ({"test_share": 0.2, "validation_share": 0.1}, "must be null"),
        ({"test_share": 0.6, "validation_share": 0.4}, "nothing to train on"),
        ({"test_share": 0.2, "validation_share": 0.1, "strategy": "published"}, "no test_share"),
    ],
)
def test_shares_that_make_no_sense_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        settings(**changes)


def test_validation_never_takes_the_last_training_rows() -> None:
    limits = settings(test_per_class=20, validation_per_class=80, train_per_class=None)
    try:
        assert set_quotas({"a": 100}, limits)["train"]["a"] > 0
    except InputError as error:
        assert "train_per_class" in str(error)


def test_the_published_split_is_numpys_permutation_42_of_each_class() -> None:
    rows = examples(600)
    role = assigned(rows, settings(strategy="published"), 7)
    for name in CLASSES:
        members = rows.index[rows["label"] == name].to_numpy()
        drawn = members[np.random.RandomState(42).permutation(len(members))]
        expected = ["test"] * 20 + ["train"] * 40 + ["validation"] * 10
        expected += ["spare"] * (len(drawn) - len(expected))
        assert role[drawn].tolist() == expected


def test_splits_of_the_files_are_kept_as_published() -> None:
    rows = examples(600)
    rows["split"] = np.random.default_rng(1).choice(["train", "test", "validation"], 600)
    role = assigned(rows, settings(strategy="published"), 1)
    assert role.equals(rows["split"])


def test_splits_of_some_files_only_are_refused_as_published() -> None:
    rows = examples(600)
    rows.loc[:300, "split"] = "test"
    with pytest.raises(InputError, match="split"):
        assigned(rows, settings(strategy="published"), 1)


@pytest.mark.skipif(
    not PHRASEBANK.exists(), reason="Financial PhraseBank is not beside the project"
)
def test_the_published_split_of_financial_phrasebank_is_met_row_by_row(params: Params) -> None:
    file = SourceFile(location="all-data.csv", sha256=None, label=None, split=None)
    read = {"kind": "file", "files": [file], "encoding": "latin-1", "header": True,
            "delimiter": ",", "text_column": "content", "label_column": "result",
            "labels": {n: n for n in ("positive", "neutral", "negative")}}  # fmt: skip
    way = Download.model_validate(params.download.model_dump() | read)
    rows = read_files(way, PHRASEBANK).rows
    limits = settings(
        strategy="published", test_per_class=300, train_per_class=300, validation_per_class=50
    )
    role = assign(rows, limits, list(read["labels"]), 1)
    published = json.loads((PHRASEBANK / "massaron_split.json").read_text())
    for part in ("test", "train"):
        assert set(rows.index[role == part]) == set(published[part])


def test_leaks_counts_the_test_rows_with_a_twin_in_training_or_validation() -> None:
    rows = pd.DataFrame(
        {
            "group": list("aabbccd"),
            "role": ["test", "train", "test", "validation", "test", "spare", "test"],
        }
    )
    assert count_leaks(rows) == 2


def test_a_group_is_named_after_its_smallest_id() -> None:
    assert group_ids(pd.Series(list("cabd")), np.array([0, 0, 1, 1])).tolist() == list("aabb")
