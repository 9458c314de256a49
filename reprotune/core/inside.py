"""Files that lie in the project, by their name and by every link on the way."""

import os
import re
from pathlib import Path

from reprotune.core.errors import InputError

CACHED = re.compile(r"/files/md5/[0-9a-f]{2}/[0-9a-f]{30}$")  # in a cache of DVC, wherever that is


def find_end(path: Path) -> Path:
    """Where a path leads to, with its links followed; loops end somewhere."""
    return Path(os.path.realpath(path))


def is_inside(path: Path, folder: Path = Path()) -> bool:
    """Whether a path leads into a folder, or to what DVC keeps of it."""
    end = find_end(path)
    return end.is_relative_to(find_end(folder)) or bool(CACHED.search(end.as_posix()))


def require_inside(path: Path, folder: Path = Path()) -> None:
    """Raise InputError if a path leads out of a folder."""
    if not is_inside(path, folder):
        raise InputError(
            f"{path}: leads out of {find_end(folder)}, to {find_end(path)}; copy the file there"
        )
