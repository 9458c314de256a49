"""Clones in which flows work, so that nobody's working copy is touched."""

import shutil
import sys
from pathlib import Path

from prefect import get_run_logger

from pipelines import commands
from reprotune import paths


def git(folder: Path, *command: str) -> str:
    """What git says in a folder.

    Raises:
        FlowError: it fails.
    """
    return "\n".join(commands.run(["git", *command], folder, lambda _: None))


def dvc(folder: Path, *command: str) -> list[str]:
    """Run DVC in a folder; what it says goes into the log of the flow.

    Raises:
        FlowError: it fails.
    """
    return commands.run([sys.executable, "-m", "dvc", *command], folder, get_run_logger().info)


def origin(source: str) -> str:
    """Where a clone of this source comes from: a folder as a whole path, or a git address."""
    return str(Path(source).resolve()) if Path(source).is_dir() else source


def clone(source: str, revision: str, folder: Path) -> Path:
    """A clean clone at a revision (a commit or ``origin/BRANCH``); an old one is taken up again."""
    folder = folder.resolve()
    git(Path(), "init", "--quiet", str(folder))
    git(folder, "config", "remote.origin.url", origin(source))
    git(folder, "config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*")
    for left in ("index.lock", "HEAD.lock"):  # of a git that was killed
        (folder / ".git" / left).unlink(missing_ok=True)
    git(folder, "fetch", "--quiet", "--prune", "--tags", "--force", "origin")
    git(folder, "checkout", "--quiet", "--force", "--detach", revision)
    git(folder, "clean", "--quiet", "-fd")
    return folder


def has_remote(folder: Path) -> bool:
    return bool(
        commands.run([sys.executable, "-m", "dvc", "remote", "list"], folder, lambda _: None)
    )


def share(source: Path, folder: Path) -> None:
    """Give a clone the remotes, the cache and the base models of a project on this machine."""
    if (source / ".dvc/config.local").is_file():
        shutil.copy(source / ".dvc/config.local", folder / ".dvc/config.local")
    cache = commands.run([sys.executable, "-m", "dvc", "cache", "dir"], source, lambda _: None)
    dvc(folder, "cache", "dir", "--local", str((source / cache[-1]).resolve()))
    tracked = set(git(folder, "ls-files", "--", paths.SOURCE_MODELS.as_posix()).splitlines())
    models = [file for file in (source / paths.SOURCE_MODELS).rglob("*") if file.is_file()]
    places = sorted(file.relative_to(source).as_posix() for file in models)
    for place in (place for place in places if place not in tracked):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source / place, folder / place)
    exclude = "".join(f"/{place}\n" for place in places if place not in tracked)
    (folder / ".git/info/exclude").write_text(exclude)  # base models that are in no commit
