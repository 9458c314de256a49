"""What DVC removed before a stage is there again when it begins, whatever becomes of it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from dvc.cli import main as dvc_main

from reprotune.core import restoring
from reprotune.core.supervision import RWLOCK, is_written
from tests.commands import dvc
from tests.projects import ROOT

DAG = """
stages:
  slow:
    cmd: python -m stages.slow
    meta: {keep: true}
    deps: [seed]
    outs: [made]
    metrics: [{slow.json: {cache: false}}]
"""
STAGE = """
import os, pathlib, signal
made, seed = pathlib.Path("made"), pathlib.Path("seed").read_text()
pathlib.Path("seen").write_text(str(made.is_dir() and (made / "a").read_text()))
if seed == "2":
    os.kill(os.getpid(), signal.SIGKILL)
made.mkdir(exist_ok=True)
(made / "a").write_text(seed)
pathlib.Path("slow.json").write_text(seed)
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A stage that ran once and was committed."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("finished")
        enter(folder, patch)
        Path("stages").mkdir()
        shutil.copy(ROOT / "stages/__init__.py", "stages")
        Path("stages/slow.py").write_text(STAGE)
        Path("dvc.yaml").write_text(DAG)
        Path("seed").write_text("1")
        subprocess.run(["git", "init", "-q"], check=True)
        dvc("init", "-q")
        dvc("repro", "-q")
        for command in (["add", "-A"], ["commit", "-qm", "a run"]):
            subprocess.run(["git", *command], check=True)
        yield folder


def enter(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.chdir(folder)
    patch.setenv("PYTHONPATH", f"{folder}:{ROOT}")
    patch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")


@pytest.fixture
def project(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    enter(shutil.copytree(finished, tmp_path / "project"), monkeypatch)
    return tmp_path / "project"


@pytest.mark.slow  # DVC runs a stage three times
def test_the_last_outputs_serve_while_a_stage_runs_and_after_it_was_killed(project: Path) -> None:
    assert Path("seen").read_text() == "False", "there was none"
    Path("seed").write_text("2")
    assert dvc_main(["repro", "-q"]) != 0
    assert Path("seen").read_text() == Path("made/a").read_text() == "1"
    assert Path("slow.json").read_text() == "1"
    Path("seed").write_text("3")
    dvc("repro", "-q")
    assert Path("made/a").read_text() == "3"
    Path("seed").write_text("1")
    Path("seen").unlink()
    dvc("repro", "-q")
    assert Path("made/a").read_text() == "1" and not Path("seen").exists(), "the run is stored"


def test_what_is_in_git_alone_is_put_back_if_it_is_the_same(project: Path) -> None:
    shutil.rmtree(".dvc/cache")
    Path("slow.json").unlink()
    restoring.keep_last("slow")
    assert Path("slow.json").read_text() == "1"
    Path("slow.json").write_text("another")
    subprocess.run(["git", "commit", "-qam", "another"], check=True)
    Path("slow.json").unlink()
    restoring.keep_last("slow")
    assert not Path("slow.json").exists()


@pytest.mark.parametrize("dag", ["", "{", "stages: []", "stages: {slow: {meta: 1}}", "stages: {}"])
def test_a_stage_of_which_nothing_readable_says_to_keep_keeps_nothing(
    project: Path, dag: str
) -> None:
    Path("dvc.yaml").write_text(dag)
    Path("slow.json").unlink()
    restoring.keep_last("slow")
    assert not Path("slow.json").exists()


def test_an_output_is_known_to_be_made_while_dvc_says_so(project: Path) -> None:
    made = Path("made")
    assert not is_written(made)
    for pid, expected in ((os.getpid(), True), (2**22 + 1, False), ("x", False), (None, False)):
        RWLOCK.write_text(json.dumps({"write": {str(made.absolute()): {"pid": pid}}, "read": {}}))
        assert is_written(made) == expected
    for damaged in ("", "[", "[]", '{"write": []}', "[" * 5000):
        RWLOCK.write_text(damaged)
        assert not is_written(made)
