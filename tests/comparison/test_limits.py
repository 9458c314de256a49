"""Kinds of rows that fall and models that grow brittle are named in a comparison."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from reprotune.comparison.limits import find_forgotten
from reprotune.comparison.revision import WORKSPACE, Revision, read_revision
from reprotune.comparison.verdict import compare_revisions
from reprotune.core import paths
from reprotune.core.params import Params
from reprotune.robustness.edits import edit_rows
from reprotune.tables import predictions as tables
from tests.comparison.runs import write_answers
from tests.comparison.test_verdict import (
    ROOT,
    commit,
    predictions,
    repository,
    write_predictions,
)

__all__ = ["repository"]  # a fixture


def write_edited(flipped: int) -> None:
    """The edited texts of a hundred rows, of which so many flip in all."""
    rows = tables.read(paths.PREDICTIONS)
    edited = edit_rows(rows, 100, seed=1)
    said = edited["id"].map(rows.set_index("id")["predicted"])
    others = said.map({"negative": "neutral", "neutral": "positive", "positive": "negative"})
    first = edited["id"].isin(rows["id"].head(flipped))
    write_answers(edited.assign(predicted=said.mask(first, others)))


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
    assert result.exit_code == 3, "git held it before"
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
    assert compare_revisions("main").exit_code == 0


def write_forgetting(after: float | None) -> None:
    figures = json.loads((ROOT / paths.EVALUATE_METRICS).read_text())
    del figures["forgetting"]
    if after is not None:
        figures["forgetting"] = {"before": 3.8, "after": after}
    paths.EVALUATE_METRICS.write_text(json.dumps(figures))


@pytest.mark.parametrize(
    ("after", "limit", "told"),
    [
        (8.75, 1.0, "tuning raises the loss on general text by 4.95 nats, before by 0.50 (1 are"),
        (5.2, 1.0, ""),
        (None, 1.0, "`compare.gate.forgotten` cannot be judged"),
        (8.75, None, ""),
    ],
)
def test_a_model_that_has_forgotten_much_more_closes_the_gate_if_it_looks(
    repository: Path, params: Params, after: float | None, limit: float | None, told: str
) -> None:
    gate = params.compare.gate.model_copy(update={"forgotten": limit})
    write_forgetting(4.3)
    commit("before")
    write_forgetting(after)
    found = find_forgotten(read_revision("HEAD"), Revision(WORKSPACE, None), gate)
    assert (told in found) if told else not found


def test_the_gate_names_what_was_forgotten(repository: Path) -> None:
    text = paths.PARAMS.read_text()
    assert "forgotten: null" in text
    paths.PARAMS.write_text(text.replace("forgotten: null", "forgotten: 0.5"))
    write_forgetting(4.3)
    commit("before")
    write_forgetting(8.75)
    result = compare_revisions("HEAD")
    assert result.exit_code and "tuning raises the loss on general text by 4.95" in result.sentence


def test_a_gate_is_not_opened_by_asking_fewer_edited_texts(repository: Path) -> None:
    write_edited(10)
    commit("before")
    text = paths.PARAMS.read_text()
    paths.PARAMS.write_text(text.replace("edited_rows: 100", "edited_rows: 2"))
    told = "edits of 2 test rows are asked in place of 100 (`predictions.edited_rows`)"
    assert told in compare_revisions("HEAD").sentence


def test_a_gate_is_not_opened_by_an_easier_general_text(repository: Path, params: Params) -> None:
    gate = params.compare.gate.model_copy(update={"forgotten": 1.0})
    Path("data").mkdir()
    Path(params.predictions.forgetting_text).write_text("hard")
    write_forgetting(4.3)
    commit("before")
    Path(params.predictions.forgetting_text).write_text("easy")
    found = find_forgotten(read_revision("HEAD"), Revision(WORKSPACE, None), gate)
    assert found == "the general text is another, so that `compare.gate.forgotten` cannot be judged"
