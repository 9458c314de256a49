"""A project whose versions were registered, without a training: commits, tags and a remote."""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from tests.commands import dvc

DAG = """
stages:
  export:
    cmd: "true"
    outs: [models/merged]
artifacts:
  classifier: {path: models/merged, type: model}
"""
MERGED = Path("models/merged")


def git(*command: str, at: datetime | None = None) -> str:
    """What git says; with a date, as if it were then."""
    when = {} if at is None else {f"GIT_{who}_DATE": f"@{int(at.timestamp())} +0000" for who in WHO}
    done = subprocess.run(
        ["git", *command], check=False, capture_output=True, text=True, env=os.environ | when
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


WHO = ("AUTHOR", "COMMITTER")


def make_project(origin: str, store: str, settings: Mapping[str, str] | None = None) -> None:
    """A repository with a bare ``origin`` and a remote of DVC, in the working folder."""
    git("init", "-q", "--bare", "-b", "main", origin)
    git("init", "-q", "-b", "main")
    git("remote", "add", "origin", origin)
    dvc("init", "-q")
    dvc("remote", "add", "-q", "-d", "store", store)
    for key, value in (settings or {}).items():
        dvc("remote", "modify", "-q", "store", key, value)
    Path("dvc.yaml").write_text(DAG)
    Path(".gitignore").write_text("/.reprotune/\n")


def export(content: str, more: Mapping[str, str] | None = None) -> None:
    """A folder that is sealed as an exported one is, with more files if there are any."""
    shutil.rmtree(MERGED, ignore_errors=True)
    MERGED.mkdir(parents=True)
    (MERGED / "reprotune.json").write_text("{}")
    for name, text in {"model.safetensors": content, **(more or {})}.items():
        (MERGED / name).write_text(text)
    seal = {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in sorted(MERGED.iterdir())}
    (MERGED / "sha256.json").write_text(json.dumps(seal))


def register(version: str, number: int, at: datetime | None = None) -> None:
    """The tags of GTO on the last commit: a version, and that it serves."""
    moment = at or datetime.now(UTC)
    git("tag", "-a", "-m", f"Registering {version}", f"classifier@{version}", at=moment)
    git("tag", "-a", "-m", f"Assigning {version}", f"classifier#production#{number}", at=moment)


def release(version: str, number: int, at: datetime) -> None:
    """A retraining that was promoted: model, commit and tags."""
    export(f"the weights of {version}")
    dvc("commit", "-q", "-f", "export")
    git("add", "-A")
    told = f"Retrained on data {number}\n\nGate: passed\nBetter: accuracy rose by 0.0{number}."
    git("commit", "-qm", told, at=at)
    register(version, number, at)
