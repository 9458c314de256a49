"""A comparison reads people's decisions and answers as the stages do that take them up."""

import json
from hashlib import md5
from pathlib import Path

import pytest

from reprotune.comparison.changed import summarize_changes
from reprotune.comparison.contradictions import find_contradiction
from reprotune.comparison.lineage import find_breaks
from reprotune.comparison.revision import read_revision
from reprotune.comparison.verdict import compare_revisions
from reprotune.core import paths
from reprotune.data.decisions import read_answers
from reprotune.data.ids import order_sample
from reprotune.evaluation.truth import review
from reprotune.tables import metrics
from reprotune.tables import predictions as tables
from tests.comparison.runs import write_figures
from tests.comparison.test_testset import relabel
from tests.comparison.test_verdict import CLASSES, commit, repository, write_run

__all__ = ["repository"]  # a fixture
HEADER = "id;action;label;reviewer;note;date\n"
DECISIONS, SAMPLE = Path("data/decisions.csv"), Path("data/sample.csv")


def test_who_decided_is_who_curation_follows(repository: Path) -> None:
    relabel(2, "ann")
    rows = [line.split(",")[:2] for line in DECISIONS.read_text().splitlines()[1:]]
    lines = [f"{row};relabel;{label};ann;;2026-01-01T00:00:0{n}Z" for n, (row, label) in
             enumerate(rows)]  # fmt: skip
    lines += [f"{rows[0][0]};unsure;;bob;;2026-01-02T00:00:00Z"]
    lines += [f"{rows[1][0]};{action};;bob;;2026-01-03T00:00:0{n}Z" for n, action in
              enumerate(("quarantine", "undo"))]  # fmt: skip
    DECISIONS.write_text(HEADER + "\n".join(lines) + "\n")
    commit("two labels, one doubt and a decision taken back")
    assert "(2 by `ann`)" in compare_revisions("main", "HEAD").report.verdict
    told = summarize_changes(read_revision("main"), read_revision("HEAD"))
    assert any("decisions: 2 by `ann`" in line and "bob" not in line for line in told), told


@pytest.fixture
def sampled(repository: Path) -> None:
    """A run with a blind sample of 20 of its test rows."""
    write_run(0.9, rows=300)
    write_figures()
    rows = tables.read(paths.PREDICTIONS)
    SAMPLE.parent.mkdir(exist_ok=True)
    lines = [f"{row.id};relabel;{row.predicted};ann;;" for row in rows[:20].itertuples()]
    SAMPLE.write_text(HEADER + "\n".join(lines) + "\n")
    baseline = tables.read(paths.BASELINE_PREDICTIONS)
    found = metrics.read(paths.EVALUATE_METRICS, metrics.Evaluation)
    answers, drawn = read_answers(SAMPLE, CLASSES), order_sample(rows["id"])
    reviewed = review({"tuned": rows, "parrot": baseline}, answers, drawn, 0.95)
    metrics.write(paths.EVALUATE_METRICS, found.model_copy(update={"reviewed": reviewed}))


@pytest.mark.usefixtures("sampled")
def test_figures_of_a_blind_sample_are_made_once_more() -> None:
    here = read_revision("workspace")
    assert find_contradiction(here) == ""
    found = metrics.read(paths.EVALUATE_METRICS, metrics.Evaluation)
    assert found.reviewed
    better = found.reviewed.model_copy(update={"label_error": 0.5})
    metrics.write(paths.EVALUATE_METRICS, found.model_copy(update={"reviewed": better}))
    assert "reviewed.label_error" in find_contradiction(here)


def test_parameters_and_figures_of_ones_own_are_told_with_their_files(repository: Path) -> None:
    entry = (
        "cmd: x\n    deps: [note.txt]\n    params: [{own.yaml: [longest]}]\n    plots: [own.json]"
    )
    Path("dvc.yaml").write_text(f"stages:\n  own_lengths:\n    {entry}\n")
    Path("note.txt").write_text("")
    for longest in (1, 2):
        Path("own.yaml").write_text(f"longest: {longest}\n")
        Path("own.json").write_text(json.dumps({"too": {"long": 10 * longest}}))
        noted = {
            "cmd": "x",
            "deps": [{"path": "note.txt", "md5": "d41d8cd98f00b204e9800998ecf8427e"}],
            "params": {"own.yaml": {"longest": longest}},
            "outs": [{"path": "own.json", "md5": md5(Path("own.json").read_bytes()).hexdigest()}],
        }
        Path("dvc.lock").write_text(json.dumps({"schema": "2.0", "stages": {"own_lengths": noted}}))
        commit(str(longest))
    head = read_revision("HEAD")
    told = "\n".join(summarize_changes(read_revision("HEAD~1"), head))
    assert "**Parameters**: `own.yaml: longest` `1` → `2`\n" in told
    assert "**Figures of other stages**: `own.json: too.long` `10` → `20`\n" in told
    assert "other files" not in told
    assert find_breaks(head) == {}
    Path("own.yaml").write_text("longest: 3\n")
    assert find_breaks(read_revision("workspace")) == {"own_lengths": ["own.yaml: longest"]}
