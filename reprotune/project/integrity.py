"""Whether every byte that is kept here is still what was noted of it.

DVC takes a file for unchanged whose size and time are; here each one is read, as ``git fsck`` does.
"""

import hashlib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from dvc.exceptions import DvcException
from dvc.output import Output
from dvc.repo import Repo

from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.io import parse_json
from reprotune.core.printing import count_of
from reprotune.models.manifest import MANIFEST, Manifest
from reprotune.project.checks import Check
from reprotune.sources import hub

OBJECT = "remove it, then dvc pull; without a remote, dvc repro --force"
SAVED = "fetch or save it again (of the Hub: remove it), then dvc repro base_model"
SHOWN = 3  # outputs that are not here
FOLDER = ".dir"  # what the hash of a list of files ends with


class Kept(NamedTuple):
    """A file, what was noted of it, and what mends it."""

    path: Path
    hash: str
    kind: str  # md5 | sha256
    remedy: str

    @property
    def is_whole(self) -> bool:
        with self.path.open("rb") as file:  # in blocks
            return hashlib.file_digest(file, self.kind).hexdigest() == self.hash


def check_bytes() -> Check:
    """Read DVC's cache, what was checked out of it, and the base model.

    What is not here is counted: a clone has no cache, and ``dvc status`` names what lacks.

    Raises:
        InputError: DVC cannot read the pipeline, ``base.json`` is damaged, or nothing is here.
    """
    found = dict(list_kept())
    kept = list(dict.fromkeys(chain.from_iterable(found.values())))
    if not kept:
        raise InputError(
            f"nothing was read: dvc.lock names {count_of(len(found), 'output')}, and none is here; "
            "dvc pull fetches them, dvc repro makes them"
        )
    damaged = {str(file.path): [file.remedy] for file in kept if not file.is_whole}
    told = f"{count_of(len(kept), 'file', 'were')} read, and each byte is what was noted of it"
    if absent := [path for path, files in found.items() if not files]:
        named = ", ".join(absent[:SHOWN]) + ", ..." * (len(absent) > SHOWN)
        told += f"; {len(absent)} of {count_of(len(found), 'output')} not here: {named}"
    if damaged:
        lines = [f"  {path}: {remedy}" for path, (remedy,) in damaged.items()]
        told = "\n".join(
            [f"{len(damaged)} of {count_of(len(kept), 'file')} damaged or changed:", *lines]
        )
    return Check({"damaged": damaged}, told)


def list_kept() -> Iterator[tuple[str, list[Kept]]]:
    """What the lock and the ``.dvc`` files name, in the cache and beside it, and the base model.

    Of an output that is not here no file.
    """
    try:
        with Repo() as repo:
            for out in repo.index.outs:
                if out.use_cache and out.hash_info and out.hash_name == "md5":
                    yield str(out), list(list_output(out))
    except DvcException as error:
        raise InputError(f"dvc: {error}; see dvc doctor and git diff dvc.lock") from None
    if (paths.BASE / MANIFEST).is_file():
        yield MANIFEST, list(list_base(Manifest.read(paths.BASE)))


def list_output(out: Output) -> Iterator[Kept]:
    """The files of one output, each in the cache and where it was checked out to."""
    name, copy = str(out.hash_info.value), Path(out.fs_path)
    known = Path(out.cache.oid_to_path(name))
    files = {copy: name}
    if name.endswith(FOLDER):
        files = {}
        if known.is_file():
            listed = Kept(known, name.removesuffix(FOLDER), "md5", OBJECT)
            yield listed
            if listed.is_whole:  # else it would say wrong things of files that are whole
                files = {copy / part: md5 for part, md5 in read_folder(known).items()}
    for path, md5 in files.items():
        place = Path(out.cache.oid_to_path(md5))
        if place.is_file():
            yield Kept(place, md5, "md5", OBJECT)
        if path.is_file():
            yield Kept(path, md5, "md5", f"remove it, then dvc checkout {out.def_path}")


def read_folder(file: Path) -> dict[str, str]:
    """The files of a folder in DVC's cache, each with its md5; none if the list is damaged."""
    try:
        return {entry["relpath"]: entry["md5"] for entry in parse_json(file.read_bytes())}
    except (OSError, ValueError, TypeError, KeyError):
        return {}


def list_base(manifest: Manifest) -> Iterator[Kept]:
    """The files of the base model, which may lie in the Hub's cache."""
    for file in manifest.files:
        place: Path | None = Path(manifest.location) / file.name
        if manifest.kind == "hub":
            repository = hub.Repository(manifest.location, "model", str(manifest.revision))
            place = hub.find_cached(repository, file.name)
        if place is not None and place.is_file():
            yield Kept(place, file.sha256, "sha256", SAVED)
