"""A commit in a clone of its own, and DVC at work in it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from dvc.config import Config
from dvc.exceptions import DvcException
from dvc.repo import Repo

from reprotune.comparison.leftovers import COMPILED, LEFT
from reprotune.comparison.revision import git
from reprotune.core.dvc import COMMAND as DVC
from reprotune.core.errors import InputError
from reprotune.core.supervision import PARENT, SUPERVISED

STDERR = 2  # its descriptor: stdout is for what verify says
HERE = "verified"  # the cache of this folder, as a remote of the clone


def clone(target: Path, from_remote: bool) -> Path:
    """The committed project in a place of its own, with its sources; the folder of the project.

    Raises:
        InputError: DVC has no remote to take from, or lacks a source.
    """
    git("clone", "-q", git("rev-parse", "--show-toplevel").strip(), str(target))
    root = target / git("rev-parse", "--show-prefix").strip()
    remove_leftovers(root)
    share(root, target.parent / "cache", from_remote)
    sources = sorted(str(file.relative_to(root)) for file in root.rglob("*.dvc") if file.is_file())
    fetch(root, sources, from_remote)
    return root


def remove_leftovers(root: Path) -> None:
    """Take what a run leaves out of a clone, if git holds it: a rebuild goes on from nothing."""
    for place in [*(root / left for left in LEFT), *root.rglob(COMPILED)]:
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)


def share(root: Path, cache: Path, from_remote: bool) -> None:
    """Give a clone a cache of its own, and the remotes or the cache of this folder to take from.

    Raises:
        InputError: DVC has no remote, or cannot read its configuration.
    """
    try:
        with Repo() as repo:
            remotes, default = repo.config["remote"], repo.config["core"].get("remote")
            kept = repo.cache.local_cache_dir
        if from_remote and not default:
            raise InputError("verify --pull: DVC has no remote; dvc remote add -d NAME URL")
        if not from_remote:
            remotes = {HERE: {"url": kept}}
        for name, one in remotes.items():
            one["url"] = name_in_ascii(str(one["url"]), cache.with_name(f"remote {name}"))
        with Config(str(root / ".dvc")).edit("local") as config:
            config["cache"]["dir"] = str(cache)
            config["remote"] = {name: {**one, "verify": True} for name, one in remotes.items()}
            config["core"]["remote"] = default if from_remote else HERE
    except DvcException as error:
        raise InputError(f"verify: dvc: {error}; see dvc doctor") from None


def name_in_ascii(address: str, place: Path) -> str:
    """An address that DVC can write into its configuration: of a folder, a link if it must be."""
    if address.isascii() or not Path(address).is_dir():
        return address
    place.symlink_to(address)
    return str(place)


def fetch(root: Path, paths: Sequence[str], from_remote: bool) -> None:
    """Take files that DVC keeps from where the clone may take them, each against its hash.

    Raises:
        InputError: one is not there, or damaged.
    """
    if paths:
        run(root, "pull", *([] if from_remote else ["-r", HERE]), *paths)


def run(root: Path, *command: str) -> None:
    """Run DVC in a clone; what it says goes to stderr as it comes.

    Raises:
        InputError: DVC or one of its stages fails.
    """
    own = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    done = subprocess.run(
        [*SUPERVISED, *DVC, *command],
        cwd=root,
        env=os.environ | {"PATH": own, PARENT: str(os.getpid())},
        stdout=STDERR,
        check=False,
    )
    if done.returncode:
        raise InputError(
            f"verify: dvc {command[0]} fails in a clone of this commit; its message is above"
        )
