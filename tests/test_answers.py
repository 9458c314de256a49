"""What programs are answered: one JSON object on stdout, and the exit code of the text."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import reprotune
from reprotune import cli
from reprotune.core import paths
from tests.commands import dvc
from tests.comparison.test_verdict import commit, git, write_run

ROOT = Path(__file__).resolve().parents[1]
DAG = """
stages:
  first:
    cmd: echo made > made.txt
    deps: [source.txt]
    outs: [made.txt]
"""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run on main, in a repository that nothing else is in."""
    monkeypatch.chdir(tmp_path)
    git("init", "-q", "-b", "main")
    Path(".gitignore").write_text("/reports/comparison.*\n/.reprotune/\n")
    write_run(0.80)
    commit("a run")
    return tmp_path


def answer(capsys: pytest.CaptureFixture[str], *command: str) -> tuple[int, Any]:
    code = 0
    try:
        cli.main([*command, "--json"])
    except SystemExit as stopped:
        code = int(stopped.code or 0)
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("accuracy", "verdict", "code"), [(0.87, "better", 0), (0.73, "worse", 1), (None, "none", 2)]
)
def test_a_comparison_is_answered_with_verdict_and_sentence(
    repository: Path,
    capsys: pytest.CaptureFixture[str],
    accuracy: float | None,
    verdict: str,
    code: int,
) -> None:
    if accuracy is None:
        paths.PREDICTIONS.unlink()
    else:
        write_run(accuracy, 2)
    ended, told = answer(capsys, "compare", "HEAD")
    assert (ended, told["verdict"]) == (code, verdict)
    assert "*" not in told["sentence"] and told["sentence"].endswith(".")
    assert paths.COMPARISON.with_suffix(".html").is_file()
    found = reprotune.compare("HEAD")
    assert (found.verdict, found.sentence, found.exit_code) == (verdict, told["sentence"], code)


def test_a_revision_that_is_none_is_an_error_in_words(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="reprotune: 'nonsense' is no revision"):
        cli.main(["compare", "nonsense", "--json"])
    assert capsys.readouterr().out == ""
    with pytest.raises(reprotune.InputError, match="'nonsense' is no revision"):
        reprotune.compare("nonsense")


def test_the_lock_is_answered_with_stages_and_reasons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "profiles/builtin.yaml", "params.yaml")
    Path("source.txt").write_text("one")
    Path("dvc.yaml").write_text(DAG)
    git("init", "-q")
    for command in (["init", "-q"], ["repro", "-q"]):
        dvc(*command)
    assert answer(capsys, "check", "--lock") == (0, {"ok": True, "stale": {}, "contradiction": ""})
    Path("source.txt").write_text("two")
    told = {"ok": False, "stale": {"first": ["source.txt"]}, "contradiction": ""}
    assert answer(capsys, "check", "--lock") == (1, told)
