"""What other labels and rows of the test set do to a figure is told apart from the model's part."""

import json
from hashlib import md5
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from reprotune.comparison.report import Verdict
from reprotune.comparison.revision import read_revision
from reprotune.comparison.verdict import Result, compare_revisions, judge, read_gate
from reprotune.core import paths
from reprotune.tables import metrics
from reprotune.tables import predictions as tables
from tests.comparison.test_verdict import (
    EXPORT,
    commit,
    git,
    repository,
    say,
    write_predictions,
    write_run,
)

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


def list_as(rows: pd.DataFrame, role: str) -> None:
    """These rows are in another part now."""
    listed = [pd.read_csv(paths.ROWS, dtype="str"), rows[["id", "label"]].assign(role=role)]
    pd.concat(listed).to_csv(paths.ROWS, index=False)


def test_hard_rows_that_are_removed_are_counted_and_not_those_of_another_part(
    repository: Path,
) -> None:
    table = tables.read(paths.PREDICTIONS)
    wrong = table["predicted"] != table["label"]
    gone, moved = table.index[wrong][:20], table.index[wrong][20:50]
    write_predictions(table.drop([*gone, *moved]))
    list_as(table.loc[moved], "train")
    metrics.write(paths.EXPORT_METRICS, EXPORT.model_copy(update={"rows": 850}))
    found = compare("hard rows")
    assert found.verdict == Verdict.SAME
    told = "model +0.0; 20 of 900 test rows removed; 30 of 900 test rows in another part now."
    assert told in found.report.verdict
    assert "rows +4." in found.report.verdict


def note_parts(code: str, raw: str) -> None:
    """The parts were made by this code, of raw data with this hash."""
    file, data = Path("stages/split.py"), {"path": "data/raw.parquet", "md5": raw}
    file.write_text(code)
    deps, outs = (
        [{"path": str(path), "md5": md5(path.read_bytes()).hexdigest()}]
        for path in (file, paths.ROWS)
    )
    lock = json.loads(Path("dvc.lock").read_text())
    lock["stages"] |= {
        "download": {"cmd": "x", "outs": [data]},
        "split": {"cmd": "x", "deps": [*deps, data], "outs": outs},
    }
    Path("dvc.lock").write_text(json.dumps(lock))


@pytest.mark.parametrize(
    "how", ["other rules", "published rules", "growing rules", "other code", "the same rules"]
)
def test_rows_that_a_change_chose_to_ask_no_more_close_the_gate(repository: Path, how: str) -> None:
    strategy = {"published rules": "published", "growing rules": "growing"}.get(how, "hashed")
    rules: dict[str, Any] = {"roles__strategy": strategy}
    if strategy == "growing":
        for part in ("test", "validation"):
            rules |= {f"roles__{part}_share": 0.2, f"roles__{part}_per_class": None}
    git("checkout", "-q", "main")
    write_run(0.80, **rules)
    note_parts("old", raw="1")
    commit("a run")
    git("checkout", "-q", "-B", "change")
    write_run(0.80, **rules | ({"roles__test_per_class": 190} if how == "other rules" else {}))
    table = tables.read(paths.PREDICTIONS)
    hard = table.index[table["predicted"] != table["label"]][:46]
    write_predictions(table.drop(hard))
    list_as(table.loc[hard], "spare")
    note_parts("new" if how == "other code" else "old", raw="2")
    metrics.write(paths.EXPORT_METRICS, EXPORT.model_copy(update={"rows": 854}))
    found = compare("the hard rows are asked no more")
    assert "46 of 900 test rows in another part now." in found.sentence
    is_chosen = how != "the same rules"
    assert found.verdict == (Verdict.WORSE if is_chosen else Verdict.SAME)
    if is_chosen:
        told = "5.1 % of the test rows were relabelled, moved to another part or removed (5 % are"
        assert told in found.sentence


def exchange(rows: int, of: int) -> None:
    """Put others in the place of so many test rows."""
    table = tables.read(paths.PREDICTIONS).head(of)
    table.loc[: rows - 1, "id"] += "new"
    write_predictions(table)
    metrics.write(paths.EXPORT_METRICS, EXPORT.model_copy(update={"rows": of}))


@pytest.mark.parametrize(
    ("before", "after", "exchanged", "verdict"),
    [
        (900, 900, 900, Verdict.INCONCLUSIVE),
        (900, 900, 871, Verdict.INCONCLUSIVE),  # 29 are too few to compare
        (900, 900, 180, Verdict.WORSE),  # the rest is compared
        (20, 20, 0, Verdict.NONE),  # too few as they were before
        (20, 20, 20, Verdict.INCONCLUSIVE),
        (0, 900, 900, Verdict.NONE),  # a first run
    ],
)
def test_no_gate_opens_to_a_test_set_that_was_exchanged(
    repository: Path, before: int, after: int, exchanged: int, verdict: Verdict
) -> None:
    git("checkout", "-q", "main")
    whole = paths.PREDICTIONS.read_bytes()
    exchange(0, of=before) if before else git("rm", "-q", str(paths.PREDICTIONS))
    git("commit", "-qam", "before")
    git("checkout", "-q", "-B", "change")
    paths.PREDICTIONS.parent.mkdir(parents=True, exist_ok=True)
    paths.PREDICTIONS.write_bytes(whole)
    exchange(exchanged, of=after)
    Path("notes.txt").write_text("a change")
    found = compare("other rows")
    assert found.verdict == verdict, found.sentence
    assert found.exit_code == (2 if verdict == Verdict.NONE else 1)


def test_no_gate_opens_to_classes_that_are_all_others(repository: Path) -> None:
    names = {"negative": "bad", "neutral": "fair", "positive": "good"}
    write_run(0.80, download__labels={f"own {name}": name for name in names.values()})
    table = tables.read(paths.PREDICTIONS).rename(columns=names).replace(names)
    write_predictions(table)
    found = compare("the same rows under other names")
    assert "100.0 % of the former test rows are not there" in found.sentence
    assert "they have no class in common" in found.sentence and found.exit_code in (1, 3)


def test_no_gate_opens_to_a_change_without_predictions(repository: Path) -> None:
    """Such as one that changes the code of the evaluation, so that git need not hold them."""
    git("rm", "-q", str(paths.PREDICTIONS))
    commit("no predictions")
    bases, heads = [read_revision("main")], [read_revision("HEAD")]
    found = judge(bases, heads, *read_gate(heads[0], bases[0]))
    assert (found.verdict, found.exit_code) == (Verdict.INCONCLUSIVE, 1)
    assert found.sentence.startswith("Inconclusive: nothing to judge by; HEAD has no reports/")


def test_more_test_rows_that_leaked_stand_beside_the_verdict(repository: Path) -> None:
    groups = metrics.NearDuplicates(groups=20, rows=41)
    for leaked in (0, 41):
        found = metrics.Roles(
            roles={"test": {"neutral": 900}}, near_duplicates=groups, leaked_test_rows=leaked
        )
        metrics.write(paths.ROLES_METRICS, found)
        told = "Test rows that nearly repeat a learnt one: 0 → 41." in compare("leaks").sentence
        assert told == bool(leaked)


def test_who_has_a_class_less_to_say_is_not_better_for_it(repository: Path) -> None:
    table = tables.read(paths.PREDICTIONS)
    table.loc[table["predicted"] != table["label"], "predicted"] = "neutral"
    git("checkout", "-q", "main")
    write_predictions(say(table))
    commit("errs on the side of neutral")
    git("checkout", "-q", "-B", "change")
    left = say(table).query("label != 'neutral'").drop(columns="neutral").reset_index(drop=True)
    left["predicted"] = left["predicted"].replace("neutral", "negative")  # the next likely
    sure = (left["predicted"] == "negative").map({True: 0.9, False: 0.1})
    labels = {name: name for name in ("negative", "positive")}
    verbalizers = {name: f" {name}" for name in labels}
    write_run(0.80, download__labels=labels, prompt__verbalizers=verbalizers)
    write_predictions(left.assign(negative=sure, positive=1 - sure))
    metrics.write(paths.EXPORT_METRICS, EXPORT.model_copy(update={"rows": len(left)}))
    found = compare("nobody asks for neutral")
    assert "gone: `neutral`, whose rows do not count" in found.sentence
    assert found.verdict == Verdict.SAME


def test_a_crowd_of_reviewers_does_not_fill_the_headline(repository: Path) -> None:
    relabel(18, "ann")
    said = pd.read_csv("data/decisions.csv")
    said["reviewer"] = [f"{n:03}{'x' * 300}" for n in range(18)]
    said.to_csv("data/decisions.csv", index=False)
    found = compare("eighteen names")
    for told in (found.sentence, next(line for line in found.report.changed if "Data" in line)):
        assert "13 more reviewers" in told and len(told) < 2500


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
