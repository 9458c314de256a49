"""What trials leave that were killed: a workspace each, which DVC never removes."""

import shutil
from pathlib import Path

import psutil

from reprotune.core.errors import InputError
from reprotune.core.io import parse_json

EXPERIMENTS = Path(".dvc/tmp/exps")
WORKSPACES, RUNS = EXPERIMENTS / "standalone", EXPERIMENTS / "run"  # the second: who is at work


def clear() -> None:
    """Remove the workspaces of trials that are dead, and DVC's notes that they run.

    Nothing as long as any process works in one, or `dvc exp` is at work in this folder.
    """
    if not WORKSPACES.is_dir() or any(map(is_trial, psutil.process_iter(["cwd", "cmdline"]))):
        return
    for folder in WORKSPACES.iterdir():
        shutil.rmtree(folder, ignore_errors=True)
    for note in RUNS.glob("*/*.run"):
        try:
            place = Path(parse_json(note.read_bytes())["root_dir"])
        except (OSError, ValueError, LookupError, TypeError, InputError):
            continue
        if not place.exists():
            shutil.rmtree(note.parent, ignore_errors=True)


def is_trial(process: psutil.Process) -> bool:
    """Whether a process belongs to a trial of this project."""
    cwd, command = process.info["cwd"], process.info["cmdline"] or []
    if cwd is None:  # it has ended, or is another's
        return False
    here = Path.cwd()
    is_dvc = any(Path(word).name == "dvc" for word in command) and "exp" in command
    return Path(cwd).is_relative_to(here / WORKSPACES) or (is_dvc and Path(cwd) == here)
