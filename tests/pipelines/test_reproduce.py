"""The flows run what DVC says, stream it, and leave what plain DVC would."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from dvc.repo import Repo

from pipelines import commands, dag
from reprotune import cli
from reprotune.core import paths
from reprotune.core.supervision import PARENT
from reprotune.project import sweeps
from tests.commands import dvc, flow
from tests.project.test_sweeps import DAG as SWEPT
from tests.project.test_sweeps import STAGE, write

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
PYTHON = sys.executable  # which forks nothing
DAG = """
stages:
  second:
    cmd: {python} second.py
    deps: [made.txt]
    outs: [more.txt]
  first:
    cmd: {python} first.py
    deps: [first.py]
    outs: [made.txt]
    meta: {{retries: 1}}
"""


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def really(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PYTHON, "-m", *arguments], capture_output=True, text=True, check=False, timeout=300
    )


@pytest.fixture
def repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prefect_server: str, forking_python: None
) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    run("git", "init", "-q", "-b", "main")
    dvc("init", "-q")
    shutil.copy(ROOT / "profiles/builtin.yaml", "params.yaml")
    Path(".gitignore").write_text("/.reprotune/\n/reports/\n/sweep.yaml\n")
    return tmp_path


@pytest.fixture
def project(repository: Path) -> Path:
    Path("first.py").write_text("print('made it'); open('made.txt', 'w').write('made')")
    Path("second.py").write_text("open('more.txt', 'w').write('more')")
    Path("dvc.yaml").write_text(DAG.format(python=sys.executable))
    run("git", "add", "-A")
    run("git", "commit", "-qm", "start")
    return repository


def test_the_order_is_that_of_dvc_and_retries_come_from_meta(project: Path) -> None:
    assert dag.list_stages() == [dag.Stage("first", retries=1), dag.Stage("second")]


def test_the_stages_of_the_project_are_in_an_order_that_works() -> None:
    names = [stage.name for stage in dag.list_stages(ROOT)]
    assert len(names) == 13
    after = {"roles": "download", "train": "split", "evaluate": "baseline", "export": "predictions"}
    for later, earlier in after.items():
        assert names.index(earlier) < names.index(later)


def test_a_stage_that_is_added_to_dvc_yaml_shows_up(project: Path) -> None:
    more = f"  third:\n    cmd: {sys.executable} second.py\n    deps: [more.txt]\n"
    with Path("dvc.yaml").open("a") as file:
        file.write(more)
    assert dag.list_stages()[-1] == dag.Stage("third")
    assert not any("third" in file.read_text() for file in (ROOT / "pipelines").glob("*.py"))


def test_a_flow_leaves_what_dvc_would_and_shows_what_is_unchanged(
    project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with monkeypatch.context() as alone:  # without a server, the flow starts one
        alone.delenv("PREFECT_API_URL")
        alone.setenv("PREFECT_HOME", str(tmp_path_factory.mktemp("prefect")))
        done = flow("pipelines.reproduce")
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Task run 'first' - made it" in done.stderr
    assert "git add" not in done.stderr and "dvc push" not in done.stderr, "advice to nobody"
    with Repo() as repo:
        assert repo.status() == {}
    again = flow("pipelines.reproduce")
    assert again.stderr.count("Cached('unchanged, skipped'") == 2
    Path("first.py").write_text("import sys; sys.exit('the third column is missing')")
    failed = flow("pipelines.reproduce")
    assert failed.returncode == 1
    assert failed.stderr.endswith("\nreproduce: first: the third column is missing\n")
    assert failed.stderr.count("the third column is missing") == 3, "two tries say it, and the end"
    assert "Task run 'first' - Retry 1/1 will start" in failed.stderr, "meta asks for it"


def test_ctrl_c_at_a_terminal_ends_in_one_message(
    project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.delenv("PREFECT_API_URL")
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path_factory.mktemp("prefect")))
    Path("first.py").write_text("import time; open('pid', 'w').close(); time.sleep(100)")
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)  # ignored, if these tests are a job
    with subprocess.Popen(
        [PYTHON, "-m", "pipelines.reproduce"], stderr=subprocess.PIPE, text=True, process_group=0
    ) as process:
        signal.signal(signal.SIGINT, before)
        wait_for(Path("pid"))
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        _, said = process.communicate(timeout=120)
    assert process.returncode == 130
    assert said.endswith("\nreproduce: interrupted\n")
    assert "Traceback" not in said


def test_a_server_that_is_named_and_not_there_is_one_message(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    failed = flow("pipelines.reproduce")
    assert failed.stderr.startswith("reproduce: Failed to reach API at http://127.0.0.1:9/api/; ")
    assert failed.stderr.count("\n") == 1 and failed.returncode == 1


def wait_for(file: Path) -> None:
    deadline = time.monotonic() + 120
    while not file.is_file():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_stage_that_was_killed_says_so(project: Path) -> None:
    Path("first.py").write_text("import os; print(' 50%|##  |'); os.kill(os.getpid(), 9)")
    Path("dvc.yaml").write_text(Path("dvc.yaml").read_text().replace("retries: 1", "retries: 0"))
    failed = flow("pipelines.reproduce")
    assert "\nreproduce: first: ERROR: failed to reproduce 'first'" in failed.stderr
    assert "exited with -9" in failed.stderr.splitlines()[-1]


def test_a_stage_that_takes_too_long_is_ended(project: Path) -> None:
    Path("first.py").write_text("import time; open('pid', 'w').close(); time.sleep(1000)")
    text = Path("dvc.yaml").read_text()
    Path("dvc.yaml").write_text(text.replace("retries: 1", "timeout: 10"))
    started = time.monotonic()
    failed = flow("pipelines.reproduce")
    assert time.monotonic() - started < 900
    assert Path("pid").exists()
    assert "reproduce: first: Task run exceeded timeout of 10" in failed.stderr
    Path("first.py").write_text("open('made.txt', 'w').write('made')")
    deadline = time.monotonic() + 60
    while (done := flow("pipelines.reproduce")).returncode and time.monotonic() < deadline:
        assert "another dvc is at work" in done.stderr  # a killed flow's, which is about to end
    assert done.returncode == 0, "nothing is left locked"


def test_a_second_flow_in_the_same_folder_is_refused_with_a_message(project: Path) -> None:
    paths.WORK.mkdir()
    with (paths.WORK / "flow.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused = flow("pipelines.reproduce")
    assert refused.returncode == 1
    assert "\nreproduce: " in refused.stderr
    assert "another flow is at work under" in refused.stderr


def test_a_command_that_fails_tells_its_last_lines(tmp_path: Path) -> None:
    said: list[str] = []
    script = "import sys; print('one\\rtwo'); sys.exit('three')"
    with pytest.raises(commands.FlowError, match=r"two\nthree"):
        commands.run([sys.executable, "-c", script], tmp_path, said.append)
    assert said == ["two", "three"]


def test_a_progress_bar_is_seen_before_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "PROGRESS_SECONDS", 0)
    said: list[str] = []
    script = "print('10 %\\r20 %\\r', end=''); print('30%|#  |'); print('end', end='')"
    assert commands.run([sys.executable, "-c", script], tmp_path, said.append) == ["end"]
    assert said == ["10 %", "20 %", "30%|#  |", "end"]
    monkeypatch.setattr(commands, "PROGRESS_SECONDS", 30)
    said.clear()
    commands.run([sys.executable, "-c", script], tmp_path, said.append)
    assert said == ["end"], "at most one state in half a minute"


def test_dvcs_lock_is_told_in_words(project: Path) -> None:
    Path("first.py").write_text("import time; time.sleep(20)")
    with subprocess.Popen([PYTHON, "-m", "dvc", "repro"], stdout=subprocess.DEVNULL) as one:
        time.sleep(4)
        refused = flow("pipelines.reproduce")
        one.kill()
    assert "another dvc is at work in this folder" in refused.stderr
    assert refused.returncode == 1


SLOW = """
import os, sys, time
sys.path.insert(0, {root!r})
from reprotune.core.supervision import die_with_parent
if "DVC_STAGE" in os.environ:
    die_with_parent()
open("pid", "w").write(str(os.getpid()))
time.sleep(60)
open("made.txt", "w").write("made")
"""


@pytest.mark.parametrize("victim", ["dvc under bash", "dvc under sh", "flow"])
def test_no_stage_goes_on_writing_after_a_kill_9(
    project: Path, victim: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if victim == "dvc under bash":  # which takes the user's shell; flows see to it themselves
        monkeypatch.setenv("SHELL", "/bin/bash")
    else:
        monkeypatch.delenv("SHELL", raising=False)
    Path("first.py").write_text(SLOW.format(root=str(ROOT)))
    module = ["pipelines.reproduce"] if victim == "flow" else ["dvc", "repro"]
    with subprocess.Popen(
        [PYTHON, "-m", *module], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        deadline = time.monotonic() + 120
        while not Path("pid").is_file() or not Path("pid").read_text():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    pid = Path("pid").read_text()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text():
        assert time.monotonic() < deadline, "the stage goes on"
        time.sleep(0.1)
    Path("first.py").write_text("open('made.txt', 'w').write('made')")
    deadline = time.monotonic() + 60
    while (done := flow("pipelines.reproduce")).returncode and time.monotonic() < deadline:
        assert "another dvc is at work" in done.stderr  # a killed flow's, which is about to end
    assert done.returncode == 0, "nothing is left locked"


@pytest.mark.parametrize(("parent", "code"), [("lives", 0), ("died", -signal.SIGKILL)])
def test_what_begins_after_its_parent_died_ends_at_once(parent: str, code: int) -> None:
    command = [sys.executable, "-m", "reprotune.core.supervision", "true"]
    known = os.environ | {PARENT: str(os.getpid() if parent == "lives" else 2**22 + 1)}
    assert subprocess.run(command, env=known, check=False).returncode == code


def test_two_workers_find_what_one_finds(repository: Path) -> None:
    Path("evaluate.py").write_text(STAGE)
    Path("dvc.yaml").write_text(SWEPT.format(python=sys.executable))
    run("git", "add", "-A")
    run("git", "commit", "-qm", "start")
    paths.SOURCE_DATA.mkdir(parents=True)
    (paths.SOURCE_DATA / "own.csv").write_text("text")
    write(repository / "sweep.yaml")
    done = really("reprotune", "sweep", "sweep.yaml", "--workers", "2")
    assert done.returncode == 0, done.stderr[-3000:]
    two = pd.read_csv(paths.SWEEPS / "sweep-trials.csv")
    assert len(two) == 4
    dvc("exp", "remove", "-q", "-A")
    cli.main(["sweep", "sweep.yaml"])
    pd.testing.assert_frame_equal(two, pd.read_csv(paths.SWEEPS / "sweep-trials.csv"))
    _, found, _ = sweeps.prepare(Path("sweep.yaml"))
    assert f"best: {found[3].name}" in done.stdout
    again = flow("pipelines.sweep", "sweep.yaml", "--workers", "2")
    assert again.returncode == 0 and "Task run" not in again.stderr, "nothing is run twice"


def test_a_trial_that_fails_fails_the_flow_after_the_others(repository: Path) -> None:
    Path("evaluate.py").write_text(STAGE)
    Path("dvc.yaml").write_text(SWEPT.format(python=sys.executable))
    run("git", "add", "-A")
    run("git", "commit", "-qm", "start")
    paths.SOURCE_DATA.mkdir(parents=True)
    (paths.SOURCE_DATA / "own.csv").write_text("text")
    write(repository / "sweep.yaml", parameters={"train.learning_rate": [2.0, 1e-3]}, seeds=[1])
    done = flow("pipelines.sweep", "sweep.yaml")
    assert done.returncode == 1
    assert "1 of 2 trials failed" in done.stderr and "it diverged" in done.stderr
    assert len(pd.read_csv(paths.SWEEPS / "sweep-trials.csv")) == 1
