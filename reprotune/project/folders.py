"""Folders and archives of files: which of them are the published parts."""

import re
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, cast

from reprotune.core.errors import InputError
from reprotune.data.reading.archives import LARGEST, check_member, check_names
from reprotune.data.reading.kinds import LINES, tell_kind

SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}  # names of published parts
ABOUT = {"readme", "license", "licence", "copying", "citation"}  # no rows, whatever the ending
TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
ARCHIVES = (".zip", *TARS)
NOISE = "__MACOSX/"
SHOWN = 10  # files in a message


def find_place(archive: Path, folder: Path) -> Path:
    """Where an archive is unpacked."""
    return folder / (archive.name.partition(".")[0] or "archive")


def unpack(archive: Path, folder: Path) -> Path:
    """The folder, with the files of the archive.

    Raises:
        InputError: it is no archive, has a password, or is built to do harm.
    """
    is_tar = archive.name.lower().endswith(TARS)
    try:
        if is_tar:
            unpack_tar(archive, folder)
        else:
            unpack_zip(archive, folder)
    except (tarfile.TarError, zipfile.BadZipFile, RuntimeError, EOFError, OSError, zlib.error) as e:
        kind = "tar" if is_tar else "zip"
        raise InputError(f"{archive}: not readable as a {kind} archive: {e}") from None
    return folder


def unpack_zip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as file:
        members = [one for one in file.infolist() if not one.filename.startswith(NOISE)]
        check_names([one.filename for one in members], str(archive))
        for one in members:
            check_member(one, str(archive))
        check_room(sum(one.file_size for one in members), archive)
        file.extractall(folder, members)


def unpack_tar(archive: Path, folder: Path) -> None:
    """Its files alone, written by us: ``extractall`` has no safe way in Python before 3.11.4."""
    with tarfile.open(archive) as file:
        members = [one for one in file if one.isfile() and not one.name.startswith(NOISE)]
        check_names([one.name for one in members], str(archive))
        check_room(sum(one.size for one in members), archive)
        for one in members:
            target = folder / one.name
            target.parent.mkdir(parents=True, exist_ok=True)
            with cast(IO[bytes], file.extractfile(one)) as packed, target.open("wb") as unpacked:
                shutil.copyfileobj(packed, unpacked)


def check_room(size: int, archive: Path) -> None:
    if size > LARGEST:
        raise InputError(f"{archive}: unpacks to more than {LARGEST} bytes: unpack it yourself")


def find_root(folder: Path) -> Path:
    """The folder that holds the parts: archives and repositories put it into others."""
    inner = list_folders(folder)
    if holds_table(folder) or list_parts(folder) or list_splits(folder):
        return folder
    inner = [sub for sub in inner if holds_table(sub)] or inner
    is_class = not inner or not (list_folders(inner[0]) or holds_table(inner[0]))
    return folder if is_class or len(inner) > 1 else find_root(inner[0])


def holds_table(folder: Path) -> bool:
    """Whether it has more than texts in it."""
    return any(tell_kind(file.name)[0] not in LINES for file in list_files(folder))


def list_folders(folder: Path) -> list[Path]:
    """Its folders in the order of their names."""
    return sorted(sub for sub in folder.glob("[!.]*") if sub.is_dir())


def list_splits(folder: Path) -> dict[str, Path]:
    """Its folders that are parts: those called so, or all if each has a part in its name.

    Raises:
        InputError: two are called as one part.
    """
    inner = list_folders(folder)
    such = [sub for sub in inner if sub.name.lower() in SPLITS]
    called = {SPLITS[sub.name.lower()]: sub for sub in such}
    if other := [sub.name for sub in such if sub not in called.values()]:
        shared = SPLITS[other[0].lower()]
        raise InputError(
            f"{folder}: {other[0]} and {called[shared].name} are both the part {shared}: make one "
            "folder of both, or name the files: FILE ... --test FILE --validation FILE"
        )
    named = {part: sub for sub in inner if (part := find_part(sub.name))}
    is_such = len(named) == len(inner) and "train" in named and all(map(list_folders, inner))
    return called or (named if is_such else {})


def find_part(name: str) -> str | None:
    """The part that stands in a name, such as train-00000-of-00002.parquet, if it is one."""
    known = {SPLITS[word] for word in re.split("[^a-z]+", name.lower()) if word in SPLITS}
    return known.pop() if len(known) == 1 else None


def list_files(folder: Path) -> list[Path]:
    """Its files that may hold rows."""
    return [file for file in sorted(folder.glob("[!.]*")) if file.is_file() and is_readable(file)]


def list_parts(folder: Path) -> dict[str, list[Path]]:
    """The files that have the name of a part in theirs."""
    parts: dict[str, list[Path]] = {}
    for file in list_files(folder):
        if part := find_part(file.name):
            parts.setdefault(part, []).append(file)
    return parts


def list_beside(folder: Path) -> list[str]:
    """The files beside those of the parts that have the name of none, and so are not read."""
    source = find_root(folder)
    parts = {} if list_splits(source) else list_parts(source)
    return [file.name for file in list_files(source) if parts and not find_part(file.name)]


def choose_files(folder: Path) -> dict[str, list[Path]]:
    """The files of each part, or all of them as one where none is named so.

    Raises:
        InputError: nobody can tell what they are.
    """
    files, parts = list_files(folder), list_parts(folder)
    if len(files) == 1 or (not parts and are_numbered(files)):
        return {"train": files}
    if not parts:
        names = ", ".join(file.name for file in files[:SHOWN])
        more = f" and {len(files) - SHOWN} more" if len(files) > SHOWN else ""
        raise InputError(
            f"{folder}: has the files {names}{more}, and it is not clear which are meant; name "
            "those that you want: FILE ... --test FILE --validation FILE or, of one file a class, "
            f"FILE ... --classes {' '.join(file.stem for file in files[:2])} ... (unpack an "
            "archive first)"
        )
    return parts


def are_numbered(files: Sequence[Path]) -> bool:
    """Whether their names differ in nothing but numbers, as those of a table in pieces do."""
    return len({re.sub(r"\d+", "", file.name) for file in files}) == 1


def list_texts(folder: Path) -> list[tuple[Path, str]]:
    """The files in the folders of each class, and in those within, each with its class.

    Raises:
        InputError: the folders within have the same names everywhere, and may be the classes.
    """
    found = {
        sub.name: [
            file
            for file in sorted(sub.rglob("*"))
            if file.is_file() and not any(p.startswith(".") for p in file.relative_to(sub).parts)
        ]
        for sub in list_folders(folder)
    }
    inner = [{file.relative_to(folder).parts[1:-1] for file in files} for files in found.values()]
    is_such = len(inner) > 1 and all(one == inner[0] for one in inner)
    if is_such and len(inner[0]) > 1 and () not in inner[0]:
        names = ", ".join(sorted("/".join(parts) for parts in inner[0]))
        raise InputError(
            f"{folder}: each of {', '.join(found)} has the folders {names}, and it is not clear "
            f"which are the classes: name one of them, such as {folder / next(iter(found))}"
        )
    return [(file, name) for name, files in found.items() for file in files]


def is_readable(file: Path) -> bool:
    if file.stem.lower() in ABOUT:
        return False
    try:
        tell_kind(file.name)
    except InputError:
        return False
    return True
