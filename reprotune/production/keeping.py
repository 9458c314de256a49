"""The exported folder of a version, out of DVC's cache or its remote, with every byte checked."""

import os
import re
import subprocess
from contextlib import suppress
from pathlib import Path

from reprotune.comparison.lock import read_stages
from reprotune.comparison.revision import Revision, git, read_revision
from reprotune.comparison.tree import hash_list
from reprotune.core import paths
from reprotune.core.dvc import COMMAND as DVC
from reprotune.core.dvc import tell_cause
from reprotune.core.errors import InputError
from reprotune.core.io import parse_json, whole_file, whole_folder
from reprotune.core.restoring import FOLDER, find_cache, locate
from reprotune.core.seals import CLASSIFIER, check_seal, hash_file
from reprotune.core.signing import place_signature
from reprotune.core.supervision import PARENT, SUPERVISED
from reprotune.production.history import History

NONE = "it has no such folder"
KEPT = paths.WORK / "models"  # by their hashes


def find_commit(history: History, name: str) -> str:
    """The commit of a version, or of anything else that served or that git knows.

    Raises:
        InputError: nothing is called so.
    """
    if name in history.versions:
        return history.versions[name].commit
    served = {one.version: one.commit for one in history.services}
    commit = served.get(name) or read_revision(name).commit
    if commit is None:
        raise InputError(f"{name!r} is no version")
    return commit


def find_hash(name: str, commit: str, path: str) -> str:
    """DVC's hash of the model of a version.

    Raises:
        InputError: the commit is not here, or its lock knows no such folder.
    """
    if found := find_output(Revision(name, commit), path):
        return found
    raise InputError(
        f"{name}: the dvc.lock of its commit {commit[:10]} has no folder {path}, so no model of it "
        "is kept; choose another of reprotune versions"
    )


def find_output(side: Revision, path: str) -> str | None:
    """DVC's hash of a folder that a stage made, as the lock has it."""
    outs = (out for stage in read_stages(side).values() for out in stage.outs)
    hashes = (str(out.md5) for out in outs if out.path == path)
    return next((known for known in hashes if known.endswith(FOLDER)), None)


def find_held(history: History, folder: Path, path: str) -> list[str]:
    """The versions whose model is what lies in a folder, the last registered first.

    Raises:
        InputError: there is no folder.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no folder of an exported model here")
    held, found = hash_folder(folder), []
    for version in reversed(history.versions.values()):
        with suppress(InputError):  # of a version without a model
            if find_hash(version.name, version.commit, path) == held:
                found.append(version.name)
    return found


def hash_folder(folder: Path) -> str:
    """The hash that DVC gives a folder."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    return hash_list(
        {file.relative_to(folder).as_posix(): hash_file(file, "md5") for file in files}
    )


def fetch(name: str, commit: str, path: str, target: Path) -> None:
    """Write the model of a version to ``target``, which is not there yet.

    Raises:
        InputError: DVC has not every file of it, or one is not what was exported.
    """
    known = find_hash(name, commit, path)
    top, place = (git("rev-parse", f"--show-{what}").strip("\n") for what in ("cdup", "prefix"))
    command = ["get", top or ".", f"{place}{path}", "--rev", commit, "--out", str(target)]
    done = subprocess.run(
        [*SUPERVISED, *DVC, *command],
        env=os.environ | {PARENT: str(os.getpid())},
        capture_output=True, errors="replace", check=False,
    )  # fmt: skip
    if done.returncode or not target.is_dir():
        raise InputError(
            f"{name}: neither the cache here nor the remote of DVC gives its model: "
            f"{tell_cause(done.stderr) or NONE}; {tell_remedy()}; nothing was changed"
        )
    if (found := hash_folder(target)) != known:
        told = "; ".join(list_damaged(target, known)) or f"it has {found}, dvc.lock says {known}"
        raise InputError(
            f"{name}: what DVC has of {path} is not what was exported ({told}); remove what is "
            "damaged in the cache here, then run this again; what the remote of DVC has damaged, "
            "push anew where the model was made; nothing was changed"
        )
    check_seal(target, f"{name}: {path}")


def list_damaged(folder: Path, known: str) -> list[str]:
    """The files of a folder that are not what DVC noted of them, and whence they came.

    None if DVC's list of them is not in the cache here.
    """
    cache = find_cache()
    try:
        listed = {e["relpath"]: e["md5"] for e in parse_json(locate(cache, known).read_bytes())}
    except (OSError, ValueError, TypeError, KeyError):
        return []
    told = []
    for file, md5 in listed.items():
        kept = locate(cache, md5)
        if not (folder / file).is_file():
            told.append(f"{file} is missing")
        elif hash_file(folder / file, "md5") != md5:
            told.append(f"{file} is damaged, of {kept if kept.is_file() else 'the remote'}")
    return told


def tell_remedy() -> str:
    """What to do about a model that is not to be had: most often nobody has pushed it."""
    command = [*DVC, "config", "--list"]
    listed = subprocess.run(command, capture_output=True, errors="replace", check=False).stdout
    named = re.findall(r"^remote\.(.+)\.url=", listed, re.MULTILINE)
    if not (names := dict.fromkeys(named)):  # of a project's configuration, and of this machine's
        return "no remote is set here: dvc remote add --default NAME ADDRESS, with that of others"
    return (
        f"see that {' and '.join(names)} can be reached (dvc remote list), or run "
        "`dvc push --all-tags` where the model was made"
    )


def keep(history: History, name: str, path: str) -> Path:
    """The folder of an exported model: as it is named, or that of a version, kept by its hash."""
    if (Path(name) / CLASSIFIER).is_file():
        return Path(name)
    commit = find_commit(history, name)
    known = find_hash(name, commit, path)
    place = KEPT / known.removesuffix(FOLDER)
    if not place.is_dir() or hash_folder(place) != known:
        with whole_folder(place) as partial:
            partial.rmdir()
            fetch(name, commit, path, partial)
    put_signature(commit, path, place)
    return place


def put_signature(commit: str, path: str, folder: Path) -> None:
    """Lay beside a folder the signature that was committed with it, if one was."""
    said = Revision("", commit).read_bytes(place_signature(Path(path)))
    if said is not None:
        with whole_file(place_signature(folder)) as partial:
            partial.write_bytes(said)
