"""What a stage leaves when it fails: the outputs of its last good run, from DVC's cache or git.

DVC removes a stage's outputs before it runs it. ``persist: true`` would keep them, but DVC stores
no run of such a stage; so a stage with ``meta: {keep: true}`` puts them back as its first act.
"""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from reprotune.core import dvc
from reprotune.core.errors import InputError
from reprotune.core.io import parse_json, whole_file, whole_folder
from reprotune.core.printing import say
from reprotune.core.yaml_file import read_yaml

LOCK = Path("dvc.lock")
FOLDER = ".dir"  # what the hash of a list of files ends with


class Output(NamedTuple):
    """An output of a stage as ``dvc.lock`` has it."""

    path: Path
    md5: str


def keep_last(stage: str) -> None:
    """Have the outputs of a stage's last good run in their place until it makes new ones.

    For a stage that ``dvc.yaml`` says it of. What is kept nowhere stays away, as before a first
    run; nothing is raised.
    """
    try:
        wanted = read_yaml(dvc.FILE)["stages"][stage]["meta"]["keep"]
    except (OSError, InputError, LookupError, TypeError):
        return
    if wanted:
        bring(out for out in list_outputs(stage) if not out.path.exists())


def restore(stage: str, began: float) -> None:
    """Put back the outputs that are not as they were before a stage ``began`` (a time).

    What cannot be put back is named with what brings it; nothing is raised, for the stage has
    its own failure to tell.
    """
    changed = (out for out in list_outputs(stage) if not is_older(out.path, began))
    for path, error in bring(changed).items():
        way = "git checkout HEAD --" if path.parts[0] in ("metrics", "reports") else "dvc checkout"
        say(f"{path}: not put back ({error}); {way} {path} brings it", sys.stderr)


def bring(outputs: Iterable[Output]) -> dict[Path, Exception]:
    """Put outputs in their places; those that could not be, with the reason."""
    failed: dict[Path, Exception] = {}
    cache = None
    for path, md5 in outputs:
        cache = cache or find_cache()
        try:
            put_back(path, md5, cache)
        except (OSError, ValueError, LookupError, TypeError, InputError) as error:
            if not take_from_git(path, md5):
                failed[path] = error
    return failed


def find_cache() -> Path:
    """Where DVC keeps files here."""
    from dvc.config import Config, ConfigError  # takes a moment, and is rarely needed

    here = Path.cwd()
    root = next((place for place in (here, *here.parents) if (place / ".dvc").is_dir()), here)
    try:
        told = Config(str(root / ".dvc"))["cache"].get("dir")
    except ConfigError:
        told = None
    return Path(told or root / ".dvc/cache") / "files/md5"


def list_outputs(stage: str) -> Iterator[Output]:
    """What a stage left when it last ended well; nothing if the lock is damaged."""
    try:
        for out in read_yaml(LOCK)["stages"][stage]["outs"]:
            yield Output(Path(out["path"]), str(out["md5"]))
    except (OSError, InputError, LookupError, TypeError):
        return


def is_older(path: Path, moment: float) -> bool:
    return path.exists() and path.stat().st_mtime < moment


def put_back(path: Path, md5: str, cache: Path) -> None:
    """Copy a file or folder from the cache.

    Raises:
        OSError, ValueError, LookupError, TypeError: it is not there, or damaged.
    """
    if not md5.endswith(FOLDER):
        with whole_file(path) as partial:
            copy(cache, md5, partial)
        return
    with whole_folder(path) as folder:
        for part in parse_json(locate(cache, md5).read_bytes()):
            target = folder / part["relpath"]
            target.parent.mkdir(parents=True, exist_ok=True)
            copy(cache, part["md5"], target)


def take_from_git(path: Path, md5: str) -> bool:
    """Put a file back from the last commit, if it is the same there."""
    shown = ["git", "show", f"HEAD:./{path.as_posix()}"]
    done = subprocess.run(shown, capture_output=True, check=False)
    if done.returncode or hashlib.md5(done.stdout).hexdigest() != md5:
        return False
    try:
        with whole_file(path) as partial:
            partial.write_bytes(done.stdout)
    except (OSError, InputError):
        return False
    return True


def copy(cache: Path, md5: str, target: Path) -> None:
    """A file of the cache; where there is no room for a copy, under a second name."""
    source = locate(cache, md5)
    with source.open("rb") as file:
        if hashlib.file_digest(file, "md5").hexdigest() != md5:
            raise ValueError(f"{source} is damaged")
    try:
        shutil.copyfile(source, target)
    except OSError:
        target.unlink()
        target.hardlink_to(source)


def locate(cache: Path, md5: str) -> Path:
    return cache / md5[:2] / md5[2:]
