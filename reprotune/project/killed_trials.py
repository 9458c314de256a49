"""What trials leave that were killed: a workspace each, and here the settings of the last one.

DVC sets up a trial in the project's own folder: for a second or two no branch is checked out, and
``params.yaml`` has the trial's settings. Whoever sweeps notes what was there before.
"""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from socket import gethostname
from tempfile import TemporaryDirectory

import psutil

from reprotune.comparison.revision import git
from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.io import parse_json, whole_file
from reprotune.core.printing import say

EXPERIMENTS = Path(".dvc/tmp/exps")
WORKSPACES, RUNS = EXPERIMENTS / "standalone", EXPERIMENTS / "run"  # the second: who is at work
NOTES = paths.WORK / "sweeps"  # what was checked out: HOST.PID.json of each sweep at work
DETACHED = "HEAD"  # what git calls the branch where none is checked out


@contextmanager
def noted(settings: Sequence[Sequence[str]], commit: str) -> Iterator[None]:
    """Run trials of these settings; however that ends, the project is as it was.

    After ``kill -9`` it is so with the next call of ``put_back``.
    """
    branch = git("rev-parse", "--symbolic-full-name", "HEAD").strip()
    note = {"branch": branch, "commit": commit, "settings": [*map(list, settings)]}
    with whole_file(NOTES / f"{gethostname()}.{os.getpid()}.json") as partial:
        partial.write_text(json.dumps(note), encoding="utf-8")
    try:
        yield
    finally:
        put_back()


def put_back() -> None:
    """Check out what was, where a sweep was killed while DVC set up a trial.

    Nothing as long as a trial is at work, and nothing but the bytes that DVC itself has written.
    """
    notes = [note for note in NOTES.glob("*.json") if is_over(note)]
    if not notes or any(map(is_trial, psutil.process_iter(["cwd", "cmdline"]))):
        return
    for note in notes:
        try:
            found = parse_json(note.read_bytes())
            branch, commit, settings = found["branch"], found["commit"], found["settings"]
        except (OSError, ValueError, LookupError, TypeError, InputError):
            branch, commit, settings = DETACHED, "", []
        if git("rev-parse", "HEAD").strip() == commit:
            if has_settings(settings):
                git("checkout", "--quiet", "HEAD", "--", str(paths.PARAMS))
                say(f"{paths.PARAMS}: a killed trial had left its settings; the commit's are back")
            attach(branch, commit)
        note.unlink(missing_ok=True)


def is_over(note: Path) -> bool:
    """Whether the sweep of a note has ended; this process asks at the end of its own.

    Of another machine that shares the disk nobody can tell.
    """
    host, _, sweeper = note.stem.rpartition(".")
    is_here = host == gethostname()
    return is_here and (sweeper == str(os.getpid()) or not psutil.pid_exists(int(sweeper)))


def has_settings(settings: Sequence[Sequence[str]]) -> bool:
    """Whether nothing was changed but the parameter file, and that by DVC; it may be cut off."""
    from dvc.utils.hydra import apply_overrides

    if git("diff", "--name-only", "--relative", "HEAD").splitlines() != [str(paths.PARAMS)]:
        return False
    left = paths.PARAMS.read_bytes()
    with TemporaryDirectory() as folder:
        scratch = Path(folder) / paths.PARAMS
        for setting in settings:
            scratch.write_text(git("show", f"HEAD:./{paths.PARAMS}"), encoding="utf-8")
            apply_overrides(scratch, [*setting])
            if scratch.read_bytes().startswith(left):
                return True
    return False


def attach(branch: str, commit: str) -> None:
    """Check out a branch again from which DVC has detached; the commit is the same."""
    now = git("rev-parse", "--symbolic-full-name", "HEAD").strip()
    if now == DETACHED != branch and git("rev-parse", branch).strip() == commit:
        git("symbolic-ref", "HEAD", branch)


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
