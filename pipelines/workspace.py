"""Clones in which flows work, so that nobody's working copy is touched."""

import re
import shutil
import sys
from pathlib import Path

from prefect import get_run_logger

from pipelines import commands
from reprotune.core import paths

LOGIN = re.compile(r"(?<=://)[^/@\s]+@")  # a name and a password in an address


def git(folder: Path, *command: str) -> str:
    """What git answers in a folder.

    Raises:
        FlowError: it fails.
    """
    return commands.ask(["git", *command], folder)


def dvc(folder: Path, *command: str) -> list[str]:
    """Run DVC in a folder; what it says goes into the log of the flow.

    Raises:
        FlowError: it fails.
    """
    return commands.run([sys.executable, "-m", "dvc", *command], folder, get_run_logger().info)


def home(project: Path) -> str:
    """Where a project was cloned from: there its branches go. Its own folder, if nowhere."""
    there = "origin" in git(project, "remote").split()
    return git(project, "config", "remote.origin.url") if there else str(project)


def clone(source: str, revision: str, folder: Path) -> Path:
    """A clean clone at a revision (a commit or ``origin/BRANCH``); an old one is taken up again."""
    folder = folder.resolve()
    git(Path(), "init", "--quiet", str(folder))
    git(folder, "config", "remote.origin.url", source)
    git(folder, "config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*")
    for left in (*folder.glob(".git/**/*.lock"), *folder.glob(".dvc/tmp/**/rwlock")):
        left.unlink()  # of a git or a DVC that was killed
    git(folder, "fetch", "--quiet", "--prune", "--prune-tags", "--tags", "--force", "origin")
    git(folder, "checkout", "--quiet", "--force", "--detach", revision)
    git(folder, "clean", "--quiet", "-fd")
    return folder


def has_remote(folder: Path) -> bool:
    return bool(commands.ask([sys.executable, "-m", "dvc", "remote", "list"], folder))


def push(folder: Path) -> None:
    """Push data and models to the remote of DVC.

    Raises:
        FlowError: says to which remote it failed, why, and what to do.
    """
    try:
        dvc(folder, "push")
    except commands.FlowError as error:
        remotes = commands.ask([sys.executable, "-m", "dvc", "remote", "list"], folder)
        named = ", ".join(" ".join(line.split()) for line in remotes.splitlines())
        told = (
            f"dvc push failed: {error}\nremote: {named}\nSee that it can be reached, that this "
            "machine may write there and that it has space; then run again: what was computed is "
            "in the cache and is not computed again"
        )
        raise commands.FlowError(LOGIN.sub("", told)) from None


def share(source: Path, folder: Path) -> None:
    """Give a clone the remotes, the cache and the base models of a project on this machine."""
    if (source / ".dvc/config.local").is_file():
        shutil.copy(source / ".dvc/config.local", folder / ".dvc/config.local")
    cache = commands.ask([sys.executable, "-m", "dvc", "cache", "dir"], source)
    dvc(folder, "cache", "dir", "--local", str((source / cache).resolve()))
    tracked = set(git(folder, "ls-files", "--", paths.SOURCE_MODELS.as_posix()).splitlines())
    models = [file for file in (source / paths.SOURCE_MODELS).rglob("*") if file.is_file()]
    places = sorted(file.relative_to(source).as_posix() for file in models)
    for place in (place for place in places if place not in tracked):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source / place, folder / place)
    exclude = "".join(f"/{place}\n" for place in places if place not in tracked)
    (folder / ".git/info/exclude").write_text(exclude)  # base models that are in no commit
