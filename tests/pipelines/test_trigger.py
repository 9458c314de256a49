"""What makes a retraining due: enough rows or decisions, or rows of another kind, and a rest."""

import json
from argparse import ArgumentParser
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from ruamel.yaml import YAML

from pipelines.retrain import look
from pipelines.trigger import (
    Trigger,
    add_options,
    find_reason,
    find_rest,
    hash_reason,
    read_options,
)
from reprotune.builtin import headlines
from reprotune.core import paths
from reprotune.core.params_file import load_params
from reprotune.core.seals import hash_file
from reprotune.data.ids import add_ids
from reprotune.tables import schemas
from tests.production.made import git
from tests.production.test_drift import FOREIGN

ROOT = Path(__file__).resolve().parents[2]
ROWS = "data/source/own.csv 0123456789"
DECISIONS = "data/decisions.csv 0123456789"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The clone of a retraining, after a run with 200 rows; 20 rows and a decision are new."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    git("init", "-q", "-b", "main")
    tree = YAML(typ="safe", pure=True).load((ROOT / "profiles/builtin.yaml").read_text())
    file = {"location": "own.csv", "sha256": None, "label": None, "split": None}
    tree["download"] |= {"kind": "file", "files": [file]}
    with paths.PARAMS.open("w") as written:
        YAML(typ="safe", pure=True).dump(tree, written)
    paths.SOURCE_DATA.mkdir(parents=True)
    rows = headlines.examples(rows=220, wrong=0, repeated=0, seed=1)
    raw = add_ids(rows[:200].astype({"label": "str"}))
    raw["split"] = pd.Series([None] * len(raw), dtype="str")
    paths.RAW.parent.mkdir(parents=True)
    schemas.write(raw.assign(row=range(200)), paths.RAW, schemas.Raw)
    Path("data/decisions.csv").write_text("id,action,label,reviewer,note,date\n")
    git("add", "params.yaml", "data/decisions.csv")
    git("commit", "-qm", "a run")
    rows[["text", "label"]].to_csv(paths.SOURCE_DATA / "own.csv", index=False)
    with Path("data/decisions.csv").open("a") as log:
        log.write("0123456789abcdef,keep,,ann,,\n")
    return tmp_path


def ask(folder: Path, news: list[str], **trigger: float) -> tuple[bool, str]:
    return find_reason(folder, news, Trigger.model_validate(trigger), load_params())


def test_anything_new_is_enough_if_nothing_else_is_asked(project: Path) -> None:
    (paths.SOURCE_DATA / "own.csv").write_text("no table")
    assert ask(project, [ROWS]) == (True, ROWS)


@pytest.mark.parametrize(
    ("trigger", "is_due", "why"),
    [
        ({"rows": 20, "decisions": 5}, True, "20 new rows (enough: 20)"),
        ({"rows": 21, "decisions": 1}, True, "1 new decision (enough: 1)"),
        (
            {"rows": 21, "decisions": 2},
            False,
            "20 new rows (enough: 21); 1 new decision (enough: 2)",
        ),
    ],
)
def test_rows_and_decisions_are_counted(
    project: Path, trigger: dict[str, float], is_due: bool, why: str
) -> None:
    found, told = ask(project, [ROWS, DECISIONS], **trigger)
    assert found == is_due and told.startswith(why)


@pytest.mark.parametrize("location", ["own.zip/rows.csv", "data/source/own.zip/rows.csv"])
def test_a_new_archive_is_news_however_the_file_in_it_is_named(
    project: Path, location: str
) -> None:
    tree = YAML(typ="safe", pure=True).load(paths.PARAMS.read_text())
    tree["download"]["files"][0]["location"] = location
    with paths.PARAMS.open("w") as written:
        YAML(typ="safe", pure=True).dump(tree, written)
    incoming = project / "incoming"
    (incoming / paths.SOURCE_DATA).mkdir(parents=True)
    (incoming / paths.SOURCE_DATA / "own.zip").write_bytes(b"an archive")
    told = f"data/source/own.zip {hash_file(incoming / paths.SOURCE_DATA / 'own.zip')[:10]}"
    assert told in look(project, incoming)
    assert (project / paths.SOURCE_DATA / "own.zip").read_bytes() == b"an archive"


def test_rows_whose_label_leaves_them_out_are_not_new(project: Path) -> None:
    tree = YAML(typ="safe", pure=True).load(paths.PARAMS.read_text())
    tree["download"]["labels"]["unclear"] = None
    with paths.PARAMS.open("w") as written:
        YAML(typ="safe", pure=True).dump(tree, written)
    with (paths.SOURCE_DATA / "own.csv").open("a") as file:
        file.writelines(f"nobody knows {number},unclear\n" for number in range(100))
    found, told = ask(project, [ROWS], rows=21, decisions=2)
    assert not found and told.startswith("20 new rows (enough: 21)")


def test_decisions_that_were_committed_in_another_encoding_are_counted(project: Path) -> None:
    log = Path("data/decisions.csv")
    log.write_bytes(log.read_bytes() + b"fedcba9876543210,keep,,Andr\xe9,,\n")
    git("commit", "-qam", "by a spreadsheet")
    assert ask(project, [ROWS], rows=21)[1].endswith("0 new decisions (enough: 1)")


def test_a_decision_is_a_row_below_the_header_whatever_its_note_holds(project: Path) -> None:
    with Path("data/decisions.csv").open("a") as log:
        log.write('fedcba9876543210,keep,,ann,"two\nlines",\n')
    assert ask(project, [DECISIONS], rows=21, decisions=3)[1].endswith(
        "2 new decisions (enough: 3)"
    )
    git("rm", "-q", "--cached", "data/decisions.csv")
    git("commit", "-qm", "without decisions")
    assert ask(project, [DECISIONS], rows=21, decisions=3)[1].endswith(
        "2 new decisions (enough: 3)"
    )


def test_the_same_data_are_tried_again_once_they_are_new_to_something_else(project: Path) -> None:
    first = hash_reason(project, [ROWS])
    Path("README.md").write_text("what it is")
    git("add", "README.md")
    git("commit", "-qm", "a document")
    assert hash_reason(project, [ROWS]) == first != hash_reason(project, [DECISIONS])
    paths.PARAMS.write_text(f"{paths.PARAMS.read_text()}# another\n")
    git("commit", "-qam", "parameters")
    assert hash_reason(project, [ROWS]) != first


def test_a_newer_revision_and_a_file_that_is_none_are_always_due(project: Path) -> None:
    told = "download.revision 0123"
    assert ask(project, [ROWS, told], rows=1000) == (True, told)
    (paths.SOURCE_DATA / "own.csv").write_text("no table\n")
    found, why = ask(project, [ROWS], rows=1000)
    assert found and why.startswith("the sources cannot be counted: ")


@pytest.mark.slow  # reprotune drift in a process of its own
def test_few_rows_of_another_kind_are_due_and_few_of_the_same_are_not(project: Path) -> None:
    asked = {"rows": 1000, "decisions": 1000, "drift": True}
    found, why = ask(project, [ROWS], **asked)
    assert not found and "No drift found in 20 new texts" in why
    rows = pd.DataFrame({"text": FOREIGN, "label": "neutral"})
    rows.to_csv(paths.SOURCE_DATA / "own.csv", mode="a", header=False, index=False)
    found, why = ask(project, [ROWS], **asked)
    assert found and "44 new rows (enough: 1000); Drift: the 44 new texts differ" in why


def test_after_a_retraining_there_is_a_rest(project: Path) -> None:
    assert find_rest(project, "Retrained on data", Trigger(cool_down=7)) is None
    then = datetime.now(UTC) - timedelta(days=3)
    git("commit", "-qm", "Retrained on data abc\n\nWhy: x", "--allow-empty", at=then)
    assert find_rest(project, "Retrained on data", Trigger(cool_down=2)) is None
    end = find_rest(project, "Retrained on data", Trigger(cool_down=7))
    assert end and abs(end - then - timedelta(days=7)) < timedelta(seconds=2)
    git("update-ref", "refs/remotes/origin/retrain/abc", "HEAD")
    git("reset", "-q", "--hard", "HEAD~1")
    assert find_rest(project, "Retrained on data", Trigger(cool_down=7)), "not merged yet"
    far = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)  # of a clock that is ahead
    git("commit", "-qm", "Retrained on data abc", "--allow-empty", at=far)
    assert find_rest(project, "Retrained on data", Trigger(cool_down=7)) == end, "not for ever"
    git("update-ref", "-d", "refs/remotes/origin/retrain/abc")
    assert find_rest(project, "Retrained on data", Trigger(cool_down=7)) is None
    soon = datetime.now(UTC) + timedelta(minutes=5)
    git("commit", "-qm", "Retrained on data abc", "--allow-empty", at=soon)
    end = find_rest(project, "Retrained on data", Trigger(cool_down=7))
    assert end and abs(end - datetime.now(UTC) - timedelta(days=7)) < timedelta(seconds=60)


def test_options_are_those_of_a_trigger(capsys: pytest.CaptureFixture[str]) -> None:
    parser = ArgumentParser()
    add_options(parser)
    given = parser.parse_args(["--rows", "200", "--drift", "--cool-down", "0.5"])
    expected = {"rows": 200, "decisions": 1, "drift": True, "cool_down": 0.5}
    assert read_options(parser, given) == expected and json.dumps(expected)
    with pytest.raises(SystemExit):
        read_options(parser, parser.parse_args(["--rows", "0"]))
    assert "--rows: Input should be greater than or equal to 1" in capsys.readouterr().err
