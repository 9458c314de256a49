"""No process of a stage outlives those who started it, whenever they die."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from reprotune.core.supervision import RWLOCK
from tests.projects import ROOT

NOBODY = 2**22 + 1  # no process has this number
DAG = """
stages:
  slow:
    cmd: python -m stages.slow
    deps: [stages]
    outs: [made.txt]
"""
LOOP = """
import sys
from reprotune.models import chat
class Endless:
    def get_chat_template(self): return ""
    def apply_chat_template(self, *_, **__):
        print("rendering", flush=True)
        while True: pass
chat.render(Endless(), ["x"])
"""


def start_stage(folder: Path, rwlock: str | None) -> int:
    """How a stage ends that does nothing but start, under what DVC notes of who is running."""
    if rwlock is not None:
        (folder / RWLOCK).parent.mkdir(parents=True)
        (folder / RWLOCK).write_text(rwlock)
    known = os.environ | {"DVC_STAGE": "slow", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", "import stages"]
    return subprocess.run(command, cwd=folder, env=known, check=False).returncode


def note(*pids: int) -> str:
    return json.dumps({"write": {}, "read": {"dvc.yaml": [{"pid": n, "cmd": "x"} for n in pids]}})


def test_a_stage_whose_dvc_was_killed_before_it_had_started_ends_at_once(tmp_path: Path) -> None:
    assert start_stage(tmp_path, note(NOBODY)) == -signal.SIGKILL


@pytest.mark.parametrize("rwlock", [None, "", "{", "[" * 5000, "{}", '{"pid": "x"}', note()])
def test_a_stage_runs_where_dvc_has_noted_nothing_readable(
    tmp_path: Path, rwlock: str | None
) -> None:
    assert start_stage(tmp_path, rwlock) == 0


def test_a_stage_whose_shell_was_killed_after_which_dvc_ended_well_ends_at_once(
    tmp_path: Path,
) -> None:
    (tmp_path / RWLOCK).parent.mkdir(parents=True)
    (tmp_path / RWLOCK).write_text(note())
    known = os.environ | {"DVC_STAGE": "slow", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", "import stages"]
    done = subprocess.run(command, cwd=tmp_path, env=known, check=False, process_group=0)
    assert done.returncode == -signal.SIGKILL


def test_a_stage_runs_under_one_of_those_that_dvc_has_noted(tmp_path: Path) -> None:
    assert start_stage(tmp_path, note(NOBODY, os.getpid())) == 0


def wait_until_gone(pids: list[int], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while left := [p for p in pids if psutil.pid_exists(p) and not is_zombie(p)]:
        assert time.monotonic() < deadline, f"{left} go on"
        time.sleep(0.05)


def is_zombie(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


@pytest.mark.slow  # imports of transformers
def test_a_chat_template_that_does_not_end_ends_with_its_process(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LOOP], env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout and process.stdout.readline() == "rendering\n"
        children = [child.pid for child in psutil.Process(process.pid).children()]
        process.kill()
    wait_until_gone(children, seconds=3)


@pytest.mark.slow  # DVC, as often as it is killed
@pytest.mark.parametrize("shell", ["/bin/bash", "/bin/sh"])
@pytest.mark.parametrize("delay", [0.0, 0.05])
def test_a_plain_dvc_that_is_killed_while_its_stage_starts_leaves_no_process(
    tmp_path: Path, shell: str, delay: float
) -> None:
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages/__init__.py").write_text((ROOT / "stages/__init__.py").read_text())
    (tmp_path / "stages/slow.py").write_text("import time; time.sleep(60)")
    (tmp_path / "dvc.yaml").write_text(DAG)
    known = os.environ | {"PYTHONPATH": f"{tmp_path}:{ROOT}", "SHELL": shell}
    known["PATH"] = f"{Path(sys.executable).parent}:{known['PATH']}"
    dvc = [sys.executable, "-m", "dvc"]
    subprocess.run([*dvc, "init", "-q", "--no-scm"], cwd=tmp_path, check=True)
    with subprocess.Popen([*dvc, "repro", "-q"], cwd=tmp_path, env=known) as process:
        above = psutil.Process(process.pid)
        while not (stage := find_stage(above)):
            assert process.poll() is None
        time.sleep(delay)
        process.kill()
    wait_until_gone(stage, seconds=3)


def find_stage(above: psutil.Process) -> list[int]:
    try:
        children = above.children(recursive=True)
        return [child.pid for child in children if "stages.slow" in " ".join(child.cmdline())]
    except psutil.NoSuchProcess:
        return []
