"""What stands in the environment alone stays there: no file, log, report or database has it."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from pipelines.server import started
from reprotune.builtin import headlines
from reprotune.core import paths
from tests.commands import flow
from tests.projects import ROOT, change, made, run_stages
from tests.test_rerun import SMALL, STAGES

pytestmark = pytest.mark.slow  # a pipeline, a flow and six commands
SECRETS = {
    "HF_TOKEN": "hf_plantedTokenOfTheHub",
    "AWS_SECRET_ACCESS_KEY": "plantedKeyOfTheBucket",
    "PREFECT_API_KEY": "pnu_plantedKeyOfTheServer",
    "REPROTUNE_MADE_UP_SECRET": "plantedAndMadeUp",
}
VERIFY = """
from reprotune import cli
from reprotune.project import rebuild
rebuild.choose_stages = lambda *_: ["roles"]
cli.main(["verify", "--sample", "1"])
"""
COMMANDS = {
    "compare": ["reprotune", "compare", "HEAD~1", "HEAD"],
    "doctor": ["reprotune", "doctor"],
    "check": ["reprotune", "check", "--lock"],
    "verify": [sys.executable, "-c", VERIFY],
    "predict": ["reprotune", "predict", "Sales rose.", "--output", "said.csv"],
    "init": ["reprotune", "init", "own.csv", "--text=text", "--label=label", "--minutes=0"],
}


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory, forking: str) -> Iterator[Path]:
    """A project in which everything was done with secrets in the environment, and what was said."""
    folder = tmp_path_factory.mktemp("work")
    root = folder / "project"
    with pytest.MonkeyPatch.context() as patch:
        for name, secret in SECRETS.items():
            patch.setenv(name, secret)
        patch.setenv("PYTHONPATH", f"{root}:{ROOT}")
        patch.setenv("PATH", forking)
        rows = headlines.examples(rows=300, wrong=0.06, repeated=0.02, seed=1)
        made(root, rows, SMALL)
        run_stages(root, STAGES)
        patch.chdir(root)
        commit("a run")
        change(root / "params.yaml", {"confidence: 0.95  ": "confidence: 0.9  "})
        with started({"PREFECT_HOME": str(folder / "prefect")}) as address:
            patch.setenv("PREFECT_API_URL", address)
            done = flow("pipelines.reproduce")
        assert done.returncode == 0, done.stderr[-3000:]
        (folder / "flow.log").write_text(done.stdout + done.stderr)
        commit("another run")
        (root / "own.csv").write_bytes((root / "data/source/own.csv").read_bytes())
        for name, command in COMMANDS.items():
            said = really(*command)
            assert "Traceback" not in said.stderr, said.stderr
            (folder / f"{name}.log").write_text(said.stdout + said.stderr)
        yield folder


def really(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


def commit(message: str) -> None:
    for command in (["add", "-A"], ["commit", "-qm", message]):
        subprocess.run(["git", *command], check=True)


def list_contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file, and what Parquet and git have packed."""
    for file in folder.rglob("*"):
        if file.is_file():
            yield str(file.relative_to(folder)), file.read_bytes()
        if file.suffix == ".parquet":
            yield f"{file.name}, unpacked", pd.read_parquet(file).to_csv().encode()
    command = ["git", "cat-file", "--batch", "--batch-all-objects"]
    packed = subprocess.run(command, cwd=folder / "project", capture_output=True, check=True)
    yield "git, unpacked", packed.stdout


def find_secrets(folder: Path) -> list[tuple[str, str]]:
    return [
        (place, name)
        for place, content in list_contents(folder)
        for name, secret in SECRETS.items()
        if secret.encode() in content
    ]


def test_no_secret_of_the_environment_is_written_anywhere(work: Path) -> None:
    places = {place for place, _ in list_contents(work)}
    made_there = {paths.MERGED / "model.safetensors", paths.COMPARISON.with_suffix(".html"),
                  paths.RUN, paths.VERIFIED, Path("dvc.lock"), Path("said.csv")}  # fmt: skip
    assert {f"project/{file}" for file in made_there} <= places
    assert {"prefect/prefect.db", "doctor.log", "init.log", "flow.log"} <= places
    assert find_secrets(work) == []


def test_a_secret_in_a_file_a_commit_or_a_table_would_be_found(work: Path) -> None:
    secret = SECRETS["HF_TOKEN"]
    (work / "project/leak").write_text(secret)
    pd.DataFrame({"text": [secret] * 1000}).to_parquet(work / "leak.parquet")
    subprocess.run(["git", "add", "leak"], cwd=work / "project", check=True)
    found = {place for place, _ in find_secrets(work)}
    assert found >= {"project/leak", "leak.parquet, unpacked", "git, unpacked"}
