"""What edits do to predictions is counted by row and by edit."""

import pandas as pd
import pytest

from reprotune.evaluation.flips import score_flips


def test_flips_are_counted_for_each_edit_and_over_rows() -> None:
    table = pd.DataFrame({"id": ["a", "b"], "predicted": ["up", "down"]})
    edited = pd.DataFrame(
        {
            "id": ["a", "b", "a"],
            "edit": ["typos", "typos", "names"],
            "label": ["up", "up", "up"],
            "predicted": ["down", "down", "up"],
        }
    )
    found = score_flips(table, edited, 0.95)
    assert found is not None
    assert (found.rows, found.flipped) == (2, 0.25), "one of two edits of one row of two"
    assert found.interval[0] <= 0.25 <= found.interval[1]
    typos, names = found.kinds["typos"], found.kinds["names"]
    assert (typos.rows, typos.flipped, typos.accuracy) == (2, 0.5, 0)
    assert (names.rows, names.flipped, names.accuracy) == (1, 0, 1)
    assert typos.interval == pytest.approx((0.0945, 0.9055), abs=1e-3)


def test_without_edited_texts_nothing_is_said() -> None:
    table = pd.DataFrame({"id": ["a"], "predicted": ["up"]})
    assert score_flips(table, table[:0].assign(edit="", label=""), 0.95) is None
