"""Ids depend on content alone."""

import pandas as pd

from reprotune.data.ids import add_ids

ROWS = pd.DataFrame({"text": ["a", "b", "a", "a", "ab"], "label": ["x", "x", "x", "y", ""]})


def test_an_id_is_pinned_for_decisions_outlive_versions() -> None:
    assert add_ids(ROWS)["id"][0] == "79cd73fd640ca68a"


def test_repeated_rows_have_distinct_ids() -> None:
    ids = add_ids(ROWS)["id"]
    assert ids.is_unique
    assert ids.str.fullmatch("[0-9a-f]{16}").all()


def test_adding_or_moving_rows_changes_no_id() -> None:
    added = pd.DataFrame({"text": ["c", "a"], "label": ["x", "x"]})
    before, after = add_ids(ROWS), add_ids(pd.concat([ROWS[::-1], added]))
    kept = before.merge(after, on=["id", "text", "label"])
    assert len(kept) == len(ROWS)
    assert after["id"].nunique() == len(ROWS) + 2


def test_the_table_that_was_handed_in_stays_as_it_was() -> None:
    copy = ROWS.copy()
    assert list(add_ids(ROWS)) == ["id", "text", "label"]
    assert copy.equals(ROWS)
