"""Retraining: nothing new, new data, a gate that closes, broken data, two at once, and a kill."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from gto import api as gto
from ruamel.yaml import YAML

from pipelines.retrain import CLONE, tell_moving
from reprotune import cli
from reprotune.core import paths
from reprotune.core.params import Params, SourceFile
from tests.commands import SECONDS, ask_runs, dvc, flow

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
STAGE_FILE = Path("stages/evaluate.py")
STAGE = """
import os, pathlib, sys, time
sys.path.insert(0, {root!r})
from reprotune.core.supervision import die_with_parent
if "DVC_STAGE" in os.environ:
    die_with_parent()
from tests.comparison.runs import write_figures
from tests.comparison.test_verdict import write_run
text = pathlib.Path("data/source/own.csv").read_text()
if text == "broken":
    sys.exit("expectations.class_share: row 3 has no label")
if text.endswith("slow") and not pathlib.Path("quick").exists():
    pathlib.Path("started").touch()
    time.sleep(60)
keep = {{name: pathlib.Path(name).read_bytes() for name in ("params.yaml", "dvc.lock", "pins.yaml")
        if pathlib.Path(name).exists()}}
write_run(float(text.split()[0]), seed=int(float(text.split()[0]) * 100))
pathlib.Path("dvc.lock").unlink()
for name, content in keep.items():
    pathlib.Path(name).write_bytes(content)
write_figures()
pathlib.Path("model.txt").write_text(text)
"""
DAG = """
stages:
  evaluate:
    cmd: python -m stages.evaluate
    deps: [data/source]
    outs:
      - model.txt
      - reports/predictions/evaluate.csv: {cache: false}
      - reports/rows.csv: {cache: false}
      - reports/plots/confusion.csv: {cache: false}
    metrics:
      - metrics/evaluate.json: {cache: false}
artifacts:
  classifier: {path: model.txt, type: model}
"""
OWN = {
    "kind": "file",
    "files": [{"location": "own.csv", "sha256": None, "label": None, "split": None}],
}


def run(*command: str) -> str:
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def retrain(*arguments: str) -> subprocess.CompletedProcess[str]:
    return flow("pipelines.retrain", *arguments)


def put(text: str) -> None:
    (paths.SOURCE_DATA / "own.csv").write_text(text)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, forking: str) -> Iterator[Path]:
    """A project that was run and committed, once for all tests, which get copies."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("finished")
        patch.chdir(folder)
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.setenv("PATH", forking)
        make_project()
        yield folder


@pytest.fixture
def project(
    finished: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    prefect_server: str,
    forking_python: None,
) -> Path:
    """A project that was run and committed, with a remote of DVC."""
    shutil.copytree(finished, tmp_path, symlinks=True, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    dvc("remote", "add", "-q", "-d", "store", str(tmp_path / "store"))
    run("git", "commit", "-qam", "a remote")
    return tmp_path


def make_project() -> None:
    run("git", "init", "-q", "-b", "main")
    dvc("init", "-q")
    shutil.copy(ROOT / "profiles/builtin.yaml", "params.yaml")
    yaml = YAML()
    tree = yaml.load(paths.PARAMS.read_text())
    tree["download"].update(OWN)
    with paths.PARAMS.open("w") as file:
        yaml.dump(tree, file)
    Path("pins.yaml").write_text("torch: 2.13.1\n")
    paths.SOURCE_DATA.mkdir(parents=True)
    put("0.80")
    Path("data/decisions.csv").write_text("id,action,label,reviewer,note\n")
    STAGE_FILE.parent.mkdir()
    (STAGE_FILE.parent / "__init__.py").touch()
    STAGE_FILE.write_text(STAGE.format(root=str(ROOT)))
    Path("dvc.yaml").write_text(DAG)
    Path(".gitignore").write_text(
        "/.reprotune/\n/store\n/reports/comparison.*\n/started\n/quick\n__pycache__\n"
    )
    dvc("repro", "-q")
    run("git", "add", "-A")
    run("git", "commit", "-qm", "a run")


def branches() -> list[str]:
    return run("git", "for-each-ref", "--format=%(refname:short)", "refs/heads/retrain").split()


@pytest.mark.parametrize(
    ("roles", "split", "told"),
    [({}, None, True), ({"strategy": "growing"}, None, False),
     ({"strategy": "published"}, "train", False), ({"strategy": "published"}, None, True)],
)  # fmt: skip
def test_a_split_whose_test_rows_can_move_is_told(
    params: Params, roles: dict[str, str], split: str | None, told: bool
) -> None:
    file = SourceFile.model_validate(
        {"location": "a.csv", "sha256": None, "label": None, "split": split}
    )
    changed = params.model_copy(
        update={
            "roles": params.roles.model_copy(update=roles),
            "download": params.download.model_copy(update={"files": [file]}),
        }
    )
    assert bool(tell_moving(changed)) == told


def test_nothing_new_ends_at_once_and_touches_nothing(project: Path) -> None:
    command = [sys.executable, "-m", "pipelines.retrain"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.strip() == "nothing new: nothing to train on"
    assert branches() == [] and run("git", "status", "--porcelain") == ""


def test_new_rows_become_a_branch_that_a_fresh_clone_can_use(
    project: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("0.87")
    done = retrain()
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.startswith("Better: accuracy 0.")
    (branch,) = branches()
    assert f"branch {branch}; no pull request" in done.stdout
    assert run("git", "status", "--porcelain") == "M data/source/own.csv", "the work goes on"
    clone = tmp_path_factory.mktemp("clones") / "fresh"
    run("git", "clone", "-q", "-b", branch, str(project), str(clone))
    monkeypatch.chdir(clone)
    dvc("pull", "-q")
    assert Path("model.txt").read_text() == "0.87"
    assert "up to date" in run(sys.executable, "-m", "dvc", "status")
    base = run("git", "rev-parse", "origin/main")
    with pytest.raises(SystemExit, match=r"^0$"):
        cli.main(["compare", base, branch])
    mine = paths.COMPARISON.with_suffix(".md").read_text()
    assert mine == (project / CLONE / paths.COMPARISON.with_suffix(".md")).read_text()
    monkeypatch.chdir(project)
    assert f"nothing new since branch {branch}; no pull request" in retrain().stdout
    run("git", "checkout", "-q", "data/source/own.csv")
    run("git", "merge", "-q", branch)
    assert "registered: classifier#production" in (done := retrain()).stderr, done.stderr
    assert run("git", "tag").split() == ["classifier#production#1", "classifier@v0.0.1"]


def test_worse_data_are_stopped_at_the_gate(project: Path) -> None:
    put("0.70")
    done = retrain("--promote", "at_once")
    assert done.returncode == 1
    assert done.stdout.startswith("Worse: ") and "accuracy 0." in done.stdout
    assert "Nothing is promoted" in done.stdout
    (branch,) = branches()
    assert run("git", "tag") == ""
    again = retrain("--promote", "at_once").stdout
    assert again.strip() == f"nothing new since branch {branch}, which the gate stopped"
    run("git", "checkout", "-q", ".")
    run("git", "merge", "-q", branch)
    assert "nothing new" in retrain().stdout and run("git", "tag") == "", "merged by mistake"


def test_a_model_no_better_than_a_baseline_is_stopped_too(project: Path) -> None:
    STAGE_FILE.write_text(
        STAGE_FILE.read_text().replace("write_figures()", "write_figures(as_good=True)")
    )
    run("git", "commit", "-qam", "a stronger baseline")
    put("0.87")
    done = retrain()
    assert done.returncode == 1
    assert "not shown to be above the baseline `parrot` (+0.000" in done.stdout


def test_the_model_in_use_is_what_the_next_one_is_compared_with(project: Path) -> None:
    put("0.87")
    assert "registered: " in retrain("--promote", "at_once").stdout
    assert len(run("git", "tag").split()) == 2
    put("0.82")
    assert retrain().stdout.startswith("Worse"), "than 0.87, not better than 0.80 of the branch"
    put("0.93")
    assert "registered: " in retrain("--promote", "at_once").stdout
    gto.assign(".", "classifier", "production", version="v0.0.1", force=True)
    put("0.88")
    assert not retrain().stdout.startswith("Worse"), "than 0.87, which is in use again"


GH = """#!/bin/sh
echo "$@" >> {log}
case "$*" in
  "pr list"*) cat {known} ;;
  "pr create"*) test -f {logged_in} || {{ echo "gh auth login" >&2; exit 4; }}
    echo '[{{"url": "https://github.com/acme/news/pull/1"}}]' > {known}
    echo https://github.com/acme/news/pull/1 ;;
esac
"""


def test_a_pull_request_that_could_not_be_opened_is_opened_by_the_next_run(
    project: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = tmp_path_factory.mktemp("away")
    run("git", "clone", "-q", "--bare", str(project), str(away / "origin.git"))
    known = {name: away / name for name in ("log", "known", "logged_in")}
    known["known"].write_text("[]")
    (away / "gh").write_text(GH.format(**known))
    (away / "gh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{away}:{os.environ['PATH']}")
    address = "https://github.com/acme/news.git"
    (away / "config").write_text(f'[url "{away / "origin.git"}"]\n\tinsteadOf = {address}\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(away / "config"))
    run("git", "remote", "add", "origin", address)
    put("0.87")
    failed = retrain()
    assert failed.returncode == 1 and "gh pr: gh auth login" in failed.stdout
    assert branches() == [], "the branch is at origin"
    assert "retrain/" in run("git", "ls-remote", "--heads", "origin")
    known["logged_in"].touch()
    pull = "https://github.com/acme/news/pull/1"
    for _ in ("opens it", "finds it"):
        assert retrain().stdout.strip() == f"nothing new since {pull}"
    assert known["log"].read_text().count("pr create") == 2


def test_broken_data_fail_with_rule_and_rows_and_the_model_stays(project: Path) -> None:
    put("broken")
    done = retrain()
    assert done.returncode == 1
    assert "expectations.class_share: row 3 has no label" in done.stdout
    assert branches() == []


def test_data_that_dvc_tracks_are_new_as_long_as_no_commit_has_them(project: Path) -> None:
    run("git", "rm", "-q", "--cached", "data/source/own.csv")
    dvc("add", "-q", "data/source/own.csv")
    dvc("repro", "-q")
    run("git", "add", "-A")
    run("git", "commit", "-qm", "data in dvc")
    done = retrain()
    assert "nothing new" in done.stdout, f"the clone has no copy of the file yet: {done.stderr}"
    put("broken")
    for _ in ("once", "and again"):
        assert "row 3 has no label" in retrain().stdout
    put("0.80")
    assert "nothing new" in retrain().stdout


def test_a_killed_retraining_is_taken_up_and_leaves_no_zombie(project: Path) -> None:
    put("0.87 slow")
    with subprocess.Popen(
        [sys.executable, "-m", "pipelines.retrain"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as killed:  # fmt: skip
        deadline = time.monotonic() + 120
        while not (project / CLONE / "started").exists():
            assert time.monotonic() < deadline and killed.poll() is None
            time.sleep(0.1)
        refused = retrain()
        assert "another flow is at work" in refused.stdout
        os.kill(killed.pid, signal.SIGKILL)
    (project / CLONE / "quick").touch()
    done = retrain()
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert len(branches()) == 1
    assert (project / CLONE / "model.txt").read_text() == "0.87 slow"


def test_a_served_retraining_is_scheduled(project: Path, prefect_server: str) -> None:
    command = [sys.executable, "-m", "pipelines.retrain", "--serve", "--cron", "0 3 * * 1"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as served:
        asked = {
            "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
            "flows": {"name": {"any_": ["retrain"]}},
        }
        deadline = time.monotonic() + SECONDS
        while not (found := ask_runs(prefect_server, **asked)):
            assert time.monotonic() < deadline and served.poll() is None
            time.sleep(1)
        served.terminate()
    times = {run["expected_start_time"][11:16] for run in found}
    assert times == {"03:00"}
