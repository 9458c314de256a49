"""``reprotune new``: a project of one's own, in which this library is a package as any other."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from reprotune import __version__
from reprotune.core.errors import InputError
from reprotune.scaffold.files import BASE, Files, find_wheels, pack, render, write

GIT = ".git"
HALF = ":(exclude,glob)**/.*.partial"  # what another machine writes, or was killed while it did


def new(folder: Path) -> str:
    """Write a project and commit it; where git does not, why.

    Raises:
        InputError: there is something in the folder, or git is not to be had.
    """
    if shutil.which("git") is None:
        raise InputError("git is not on the PATH, and a project is a repository; install it")
    before = [*folder.iterdir()] if folder.is_dir() else []
    files = render()
    files |= {BASE.as_posix(): pack(files)} | find_wheels()
    if folder.is_file() or not is_own(folder, files):
        raise InputError(f"{folder}: there is something in it; name a new or an empty folder")
    made = not folder.exists()
    try:
        write(folder, files)
        return commit(folder)
    except BaseException:  # nothing half-written stays
        clear(folder, before)
        if made and folder.is_dir():
            folder.rmdir()
        raise


def is_own(folder: Path, files: Files) -> bool:
    """Whether a folder holds nothing but what a `new` wrote that was killed before its commit."""
    for path in folder.rglob("*"):
        place = path.relative_to(folder)
        if place.parts[0] == GIT or path.is_dir() or path.suffix == ".partial":
            continue  # a clone of nothing has .git
        if place.as_posix() not in files or path.read_bytes() != files[place.as_posix()]:
            return False
    return not ((folder / BASE).is_file() and succeeds(folder, "cat-file", "-e", f"HEAD:./{BASE}"))


def commit(folder: Path) -> str:
    """Commit a project in a repository of its own; why that was not done.

    In a larger repository it becomes a part of that one, whose owner commits.
    """
    larger = find_larger(folder)
    if not larger:
        run(folder, "init", "--quiet", "--initial-branch", "main")
    run(folder, "add", "--force", "--all", ".", HALF)  # whatever else this user's git ignores
    if larger:
        return f"it is a part of the repository {larger}"
    try:
        run(folder, "commit", "--quiet", "--message", f"A project by reprotune {__version__}")
    except InputError as error:  # nobody is known who commits, no key, or a hook refuses
        return " ".join(str(error).split())
    return ""


def find_larger(folder: Path) -> str:
    """The repository that a folder is a part of; empty without one, or if it ignores the folder."""
    if (folder / GIT).exists() or succeeds(folder, "check-ignore", "--quiet", "."):
        return ""
    try:
        return run(folder, "rev-parse", "--show-toplevel").strip()
    except InputError:
        return ""


def run(folder: Path, *command: str) -> str:
    """What git says.

    Raises:
        InputError: it fails; its own message, or that of a hook.
    """
    done = subprocess.run(
        ["git", *command],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise InputError(f"git {command[0]}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def succeeds(folder: Path, *command: str) -> bool:
    return not subprocess.run(
        ["git", *command], cwd=folder, capture_output=True, check=False
    ).returncode


def clear(folder: Path, before: Sequence[Path]) -> None:
    """Remove what is in a folder and was not there ``before``."""
    for path in {*folder.iterdir()} - {*before} if folder.is_dir() else ():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
