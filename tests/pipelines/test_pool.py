"""Workers in separate folders, a remote on S3, and a run whose processes were killed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
import pandas as pd
import psutil
import pytest
from moto.server import ThreadedMotoServer

from reprotune.core import paths
from reprotune.project import sweeps
from tests.commands import SECONDS, ask_runs, begin_flow, dvc, flow
from tests.project.test_sweeps import write

ROOT = Path(__file__).resolve().parents[2]
PYTHON = sys.executable  # whose processes are children of who starts them
STAGE = """
import json, pathlib, time
from ruamel.yaml import YAML
train = YAML(typ="safe", pure=True).load(open("params.yaml"))["train"]
if train["seed"] == 99:
    pathlib.Path("started").touch()
    time.sleep(600)
text = pathlib.Path("data/source/own.csv").read_text()
fit = 0.7 + train["learning_rate"] * 100 + train["seed"] / 100
pathlib.Path("metrics").mkdir(exist_ok=True)
figures = {"fit": {"validation": fit}, "test": {"accuracy": 1 - fit}}
pathlib.Path("metrics/evaluate.json").write_text(json.dumps(figures))
pathlib.Path("model.txt").write_text(f"{text} {fit}")
"""
DAG = """
stages:
  evaluate:
    cmd: {python} evaluate.py
    deps: [evaluate.py, data/source/own.csv]
    params: [train]
    outs: [model.txt]
    metrics:
      - metrics/evaluate.json: {{cache: false}}
"""


def run(*command: str, at: Path = Path()) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=at, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    return done.stdout.strip()


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server that speaks S3's protocol, with the bucket ``store``."""
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(key, "tester")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    boto3.client("s3", endpoint_url=address).create_bucket(Bucket="store")
    yield address
    server.stop()


@pytest.fixture
def project(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    prefect_server: str,
    s3: str,
    forking_python: None,
) -> Path:
    """A project that is pushed, git's part to a bare repository, its data to S3."""
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    run("git", "init", "-q", "--bare", "-b", "main", str(tmp_path / "origin.git"))
    run("git", "clone", "-q", str(tmp_path / "origin.git"), str(tmp_path / "project"))
    monkeypatch.chdir(tmp_path / "project")
    dvc("init", "-q")
    dvc("remote", "add", "-d", "store", "s3://store")
    dvc("remote", "modify", "store", "endpointurl", s3)
    shutil.copy(ROOT / "profiles/builtin.yaml", "params.yaml")
    shutil.copy(ROOT / "prefect.yaml", "prefect.yaml")
    shutil.copytree(ROOT / "pipelines", "pipelines")
    paths.SOURCE_DATA.mkdir(parents=True)
    (paths.SOURCE_DATA / "own.csv").write_text("text")
    dvc("add", "-q", "data/source/own.csv")
    Path("evaluate.py").write_text(STAGE)
    Path("dvc.yaml").write_text(DAG.format(python=sys.executable))
    Path(".gitignore").write_text("/.reprotune/\n/reports/\n/started\n__pycache__\n")
    write(Path("far.yaml"))
    dvc("repro", "-q")
    run("git", "add", "-A")
    run("git", "commit", "-qm", "a run")
    return Path().resolve()


@contextmanager
def worker(folder: Path, python: str) -> Iterator[psutil.Process]:
    """A worker of the pool, in a clone of its own."""
    run("git", "clone", "-q", str(folder.parent / "origin.git"), str(folder))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("REPROTUNE_PROJECT", str(folder))
        command = ["prefect", "worker", "start", "--pool", "reprotune", "--limit", "1"]
        process = psutil.Popen(
            [python, "-m", *command],
            cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    try:
        yield process
    finally:
        kill(process)


def kill(process: psutil.Process) -> None:
    """``kill -9`` of a process and all below it."""
    if process.is_running():
        for one in [process, *process.children(recursive=True)]:
            one.kill()
    process.wait()


def states(server: str, *names: str) -> list[str]:
    found = ask_runs(server, flow_runs={"name": {"any_": names}})
    return [str(one["state"]["type"]) for one in found]


@pytest.mark.slow
def test_trials_on_two_machines_and_a_run_that_crashed(project: Path, prefect_server: str) -> None:
    sweep = ["pipelines.sweep", "far.yaml", "--on", "trial/anywhere"]
    refused = flow(*sweep)
    assert refused.returncode == 1 and "git push first" in refused.stderr
    run("git", "push", "-q", "origin", "main")
    dvc("push", "-q")
    for _ in ("once", "and again"):
        said = flow("pipelines.deploy").stdout
        assert "trial/anywhere" in said and "automation: reprotune: crashed runs" in said

    wrong = flow("pipelines.deploy", "--notify", "custom-webhook/nosuch")
    assert wrong.returncode == 1 and wrong.stderr.startswith(
        "deploy: --notify custom-webhook/nosuch"
    )

    commit = run("git", "rev-parse", "HEAD")
    with worker(project.parent / "lost", PYTHON) as lost:
        lost_trial = {"name": "lost", "commit": commit, "changes": ["train.seed=99"]}
        command = ["deployment", "run", "trial/anywhere", "--flow-run-name", "lost"]
        parameters = [f"--param={key}={json.dumps(value)}" for key, value in lost_trial.items()]
        run(sys.executable, "-m", "prefect", *command, *parameters, "--param", 'stage="evaluate"')
        started = project.parent / "lost/.reprotune/trials/lost/started"
        deadline = time.monotonic() + SECONDS
        while not started.exists():
            assert time.monotonic() < deadline and lost.is_running()
            time.sleep(0.5)
        kill(lost)
    died = time.monotonic()
    assert states(prefect_server, "lost") == ["RUNNING"], "nobody has told the server"

    names = [one.name for one in sweeps.prepare(Path("far.yaml"))[1]]
    interrupted = begin_flow([Path(os.devnull)] * 2, *sweep)
    while states(prefect_server, *names) != ["SCHEDULED"] * len(names):
        assert interrupted.is_alive()
        time.sleep(0.2)
    os.kill(interrupted.pid or 0, signal.SIGINT)
    interrupted.join(120)
    assert interrupted.exitcode == 130
    assert states(prefect_server, *names) == ["CANCELLED"] * len(names), "no worker takes them"

    one, two = (worker(project.parent / name, sys.executable) for name in ("one", "two"))
    with one, two:
        told = flow(*sweep).stdout
    for name in ("one", "two"):
        left = list((project.parent / name / ".reprotune/trials").iterdir())
        assert left and all(file.suffix == ".lock" for file in left), "it took part and tidied up"
    far = pd.read_csv(paths.SWEEPS / "far-trials.csv")
    best = names[3]
    assert told == f"best: {best}\n"
    dvc("exp", "pull", "-q", "origin", best)
    dvc("exp", "apply", "-q", best)
    assert Path("model.txt").read_text() == "text 0.82"
    run("git", "checkout", "-q", ".")
    dvc("exp", "remove", "-q", "-A")
    run(sys.executable, "-m", "reprotune", "sweep", "far.yaml")
    pd.testing.assert_frame_equal(far, pd.read_csv(paths.SWEEPS / "far-trials.csv"))

    while states(prefect_server, "lost") != ["CRASHED"]:
        assert time.monotonic() < died + SECONDS
        time.sleep(2)
