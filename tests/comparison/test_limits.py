"""Kinds of rows that fall and models that grow brittle are named in a comparison."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from reprotune.comparison.verdict import compare_revisions
from reprotune.core import paths
from reprotune.robustness.edits import edit_rows
from reprotune.tables import predictions as tables
from tests.comparison.test_verdict import commit, predictions, repository, say, write_predictions

__all__ = ["repository"]  # a fixture


def write_edited(flipped: int) -> None:
    """The edited texts of a hundred rows, of which so many flip in all."""
    rows = tables.read(paths.PREDICTIONS)
    edited = edit_rows(rows, 100, seed=1)
    said = edited["id"].map(rows.set_index("id")["predicted"])
    others = said.map({"negative": "neutral", "neutral": "positive", "positive": "negative"})
    first = edited["id"].isin(rows["id"].head(flipped))
    say(edited.assign(predicted=said.mask(first, others))).to_csv(paths.EDITED, index=False)


def write_slices() -> None:
    table = tables.read(paths.PREDICTIONS)[["id"]]
    kinds = np.where(np.arange(len(table)) < 150, "`short` | @octocat", "long")
    table.assign(length=kinds).to_csv(paths.SLICES, index=False)


def test_a_kind_of_rows_that_falls_is_named_though_the_rest_is_as_good(repository: Path) -> None:
    table = predictions(900, 0.9, seed=1)
    write_predictions(table)
    commit("before")
    wrong = table["label"].map(
        {"negative": "neutral", "neutral": "positive", "positive": "negative"}
    )
    fallen = np.arange(900) < 30
    risen = np.arange(900) >= 600
    said = np.where(fallen, wrong, np.where(risen, table["label"], table["predicted"]))
    write_predictions(table.assign(predicted=said).pipe(lambda t: t.assign(**shares(t))))
    write_slices()
    result = compare_revisions("HEAD")
    assert "Accuracy fell on ``length: `short`" in result.sentence
    assert [change.name for change in result.slices] == [
        "length: `short` | @octocat",
        "length: long",
    ]
    assert result.slices[0].corrected < 0.001 and result.slices[1].difference > 0


def shares(table: pd.DataFrame) -> dict[str, np.ndarray]:
    return {
        name: np.where(table["predicted"] == name, 0.8, 0.1)
        for name in ("negative", "neutral", "positive")
    }


@pytest.mark.parametrize(("after", "exit_code"), [(30, 1), (14, 0), (10, 0)])
def test_a_more_brittle_model_closes_the_gate(repository: Path, after: int, exit_code: int) -> None:
    write_edited(10)
    commit("before")
    write_edited(after)
    result = compare_revisions("HEAD")
    assert result.exit_code == exit_code
    told = "edits that keep the label flip 30.0 % of the predictions, before 10.0 % (p < 0.001"
    assert (told in result.sentence) == bool(exit_code)


def test_a_gate_is_not_opened_by_asking_no_edited_texts(repository: Path) -> None:
    write_edited(10)
    commit("before")
    paths.EDITED.unlink()
    result = compare_revisions("HEAD")
    assert result.exit_code == 1
    assert "no text of reports/predictions/edited.csv was asked on both sides" in result.sentence


def test_a_run_of_an_earlier_version_is_compared_without_them(repository: Path) -> None:
    write_edited(10)
    commit("before")
    paths.EDITED.unlink()
    text = paths.PARAMS.read_text()
    paths.PARAMS.write_text(text.replace("  edited_rows: 100\n", "", 1))
    assert "cannot be judged" not in compare_revisions("HEAD").sentence


def test_a_base_without_edited_texts_gates_nothing(repository: Path) -> None:
    write_edited(90)
    write_slices()
    assert compare_revisions("main").exit_code == 0
