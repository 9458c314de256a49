"""What other labels and rows of the test set do to a figure is told apart from the model's part."""

from pathlib import Path

import pandas as pd

from reprotune.comparison.report import Verdict
from reprotune.comparison.verdict import Result, compare_revisions
from reprotune.core import paths
from reprotune.tables import metrics
from reprotune.tables import predictions as tables
from tests.comparison.test_verdict import EXPORT, commit, repository, write_predictions, write_run

__all__ = ["repository"]


def relabel(count: int, reviewer: str | None = None) -> None:
    """Give wrong test rows the label that the model says, as a decision or in the data."""
    table = tables.read(paths.PREDICTIONS)
    wrong = table.index[table["predicted"] != table["label"]][:count]
    table.loc[wrong, "label"] = table.loc[wrong, "predicted"]
    write_predictions(table)
    if reviewer:
        made = table.loc[wrong, ["id", "label"]].assign(action="relabel", reviewer=reviewer)
        Path("data").mkdir(exist_ok=True)
        made.assign(note="").to_csv("data/decisions.csv", index=False)


def compare(message: str) -> Result:
    commit(message)
    return compare_revisions("main", "HEAD")


def test_labels_that_follow_the_model_are_named_with_who_decided(repository: Path) -> None:
    relabel(18, "ann")
    found = compare("twenty kind labels")
    assert found.verdict == Verdict.SAME
    assert "labels +2.0 points, rows +0.0, model +0.0" in found.report.verdict
    assert (
        "18 of 900 test rows relabelled, 18 of them to the former model's answer (18 by `ann`)"
        in found.report.verdict
    )
    listed = next(s for s in found.report.sections if s.title == "Test labels that were changed")
    assert {row[2] for row in listed.rows} == {row[1] for row in listed.rows}


def test_labels_that_nobody_decided_on_are_said_to_be_so(repository: Path) -> None:
    relabel(5)
    assert "(5 by no decision)" in compare("other data").report.verdict


def test_many_changed_test_labels_close_the_gate_of_the_base(repository: Path) -> None:
    relabel(46, "ann")
    write = compare("five in a hundred and one more")
    assert write.verdict == Verdict.WORSE
    assert "5.1 % of the test rows were relabelled or removed (5 % are let through)" in (
        write.report.verdict
    )


def test_hard_rows_that_are_removed_are_counted_and_not_those_of_another_part(
    repository: Path,
) -> None:
    table = tables.read(paths.PREDICTIONS)
    wrong = table["predicted"] != table["label"]
    gone, moved = table.index[wrong][:20], table.index[wrong][20:50]
    write_predictions(table.drop([*gone, *moved]))
    rows = [
        pd.read_csv(paths.ROWS, dtype="str"),
        table.loc[moved, ["id", "label"]].assign(role="train"),
    ]
    pd.concat(rows).to_csv(paths.ROWS, index=False)
    metrics.write(paths.EXPORT_METRICS, EXPORT.model_copy(update={"rows": 850}))
    found = compare("hard rows")
    assert found.verdict == Verdict.SAME
    assert "model +0.0; 20 of 900 test rows removed." in found.report.verdict
    assert "rows +4." in found.report.verdict


def test_rows_that_changed_their_part_are_tabulated(repository: Path) -> None:
    listed = pd.read_csv(paths.ROWS, dtype="str")
    listed.loc[:10, "role"] = "spare"
    listed.loc[len(listed)] = ["new", "negative", "train"]
    listed.to_csv(paths.ROWS, index=False)
    parts = {section.title: section for section in compare("added").report.sections}
    table = parts["Rows by part"]
    assert "11 test rows are in another part now" in table.notes[0]
    assert table.rows[0] == ["test", "889", "0", "0", "11", "0"]
    assert table.rows[-1] == ["absent", "0", "0", "1", "0", "0"]


def test_nothing_is_said_of_a_test_set_that_stayed(repository: Path) -> None:
    write_run(0.9, seed=2)
    assert "Recorded" not in compare("a better model").report.verdict
