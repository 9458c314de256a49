"""Files and folders that are whole or not there, on the disk too."""

import ctypes
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from socket import gethostname
from typing import Any

import psutil

from reprotune.core.errors import InputError
from reprotune.core.space import telling

READABLE = 0o444  # by owner, group and others
AT_FDCWD, RENAME_EXCHANGE = -100, 2  # of linux/fcntl.h and linux/fs.h


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary path that replaces ``path`` once it is complete: never a half-written file.

    Raises:
        InputError: the disk is full, or there is a folder.
    """
    if path.is_dir():
        raise InputError(f"{path}: a folder, where a file is to be written")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = find_place(path)
    try:
        with telling(path, partial):
            yield partial
            put_in_place(partial, path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A temporary folder that replaces ``path`` once it is complete and proven.

    The old one stays until then, and there is no moment without one of the two (Linux). Where a
    link to a folder is, the link stays.

    Raises:
        InputError: the disk is full, or there is a file.
    """
    path = path.resolve() if path.is_symlink() else path
    if path.exists() and not path.is_dir():
        raise InputError(f"{path}: a file, where a folder is to be written")
    partial = find_place(path)
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with telling(path, partial):
            partial.mkdir(parents=True)
            yield partial
            files = [file for file in partial.rglob("*") if file.is_file()]
            for file in files:  # safetensors writes for the owner alone
                file.chmod(file.stat().st_mode | (partial.stat().st_mode & READABLE))
            sync(*files, partial)
            if not (path.is_dir() and exchange(partial, path)):
                shutil.rmtree(path, ignore_errors=True)
                partial.replace(path)
            sync(path.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def find_place(path: Path) -> Path:
    """Where this process alone writes what is to be at ``path``; what killed ones left goes."""
    start, end = f".{path.name}.{gethostname()}.", ".partial"
    for left in filter(is_abandoned, path.parent.glob(f"{escape(start)}*{end}")):
        shutil.rmtree(left, ignore_errors=True)
        with suppress(OSError):  # a file, or another has removed it
            left.unlink()
    return path.with_name(f"{start}{os.getpid()}{end}")


def is_abandoned(partial: Path) -> bool:
    """Whether a process of this machine wrote it that is no more; other machines are not known."""
    place, _, writer = partial.stem.rpartition(".")
    if not (place.endswith(f".{gethostname()}") and writer.isdecimal() and len(writer) < 10):
        return False
    return not psutil.pid_exists(int(writer))


def put_in_place(partial: Path, path: Path) -> None:
    """Rename what is complete, so that a power cut leaves the old or the new and nothing else."""
    sync(partial)
    partial.replace(path)
    sync(path.parent)


def exchange(one: Path, other: Path) -> bool:
    """Let two folders change places in one step, if this system and its disk can do so."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None)  # Linux has it
    places = [os.fsencode(one.absolute()), os.fsencode(other.absolute())]
    return rename is not None and not rename(
        AT_FDCWD, places[0], AT_FDCWD, places[1], RENAME_EXCHANGE
    )


def sync(*places: Path) -> None:
    """Have files or folders on the disk before anything else is done."""
    for place in places:
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def parse_json(raw: bytes | str) -> Any:
    """The values of a JSON text that anyone may have written.

    Raises:
        ValueError: it is none, or nested too deep to be read.
    """
    try:
        return json.loads(raw)
    except RecursionError:
        raise ValueError("nested too deep") from None


def round_figures(value: Any) -> Any:
    """The same with at most six decimals: what is noise is not shown as change."""
    if isinstance(value, dict):
        return {str(key): round_figures(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [round_figures(item) for item in value]
    return round(float(value), 6) if isinstance(value, float) else value
