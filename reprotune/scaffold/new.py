"""``reprotune new``: a project of one's own, in which this library is a package as any other."""

import shutil
import subprocess
from pathlib import Path

from reprotune import __version__
from reprotune.core.errors import InputError
from reprotune.scaffold.files import BASE, WHEELS, find_wheel, pack, render, write


def new(folder: Path) -> bool:
    """Write a project and commit it; False where git knows nobody who commits.

    Raises:
        InputError: there is something in the folder, or git is not to be had.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder}: there is something in it; name a new or an empty folder")
    if shutil.which("git") is None:
        raise InputError("git is not on the PATH, and a project is a repository; install it")
    made = not folder.exists()
    try:
        files = render()
        write(folder, files | {BASE.as_posix(): pack(files)})
        copy_wheel(folder)
        return commit(folder)
    except BaseException:  # nothing half-written stays
        clear(folder, itself=made)
        raise


def copy_wheel(folder: Path) -> Path | None:
    """Keep the wheel that no index has in the project, where every clone finds it."""
    wheel = find_wheel()
    if wheel is None:
        return None
    (folder / WHEELS).mkdir(exist_ok=True)
    for old in (folder / WHEELS).glob("reprotune-*.whl"):
        old.unlink()
    return Path(shutil.copy(wheel, folder / WHEELS))


def commit(folder: Path) -> bool:
    """Make a repository of a project, with one commit."""
    run(folder, "init", "--quiet", "--initial-branch", "main")
    run(folder, "add", "--all")
    if not succeeds(folder, "var", "GIT_AUTHOR_IDENT"):
        return False
    run(folder, "commit", "--quiet", "--message", f"A project by reprotune {__version__}")
    return True


def run(folder: Path, *command: str) -> None:
    """Have git do something.

    Raises:
        InputError: it fails; its own message.
    """
    done = subprocess.run(
        ["git", *command], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise InputError(f"git {command[0]}: {done.stderr.strip()}")


def succeeds(folder: Path, *command: str) -> bool:
    return not subprocess.run(
        ["git", *command], cwd=folder, capture_output=True, check=False
    ).returncode


def clear(folder: Path, itself: bool) -> None:
    """Remove what is in a folder, and the folder ``itself``."""
    for path in folder.iterdir() if folder.is_dir() else []:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    if itself and folder.is_dir():
        folder.rmdir()
