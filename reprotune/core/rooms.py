"""The rooms of the library, each with a hash of its code: what a project of its own pins."""

import hashlib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from reprotune.core.errors import InputError
from reprotune.core.yaml_file import read_yaml

LIBRARY = "reprotune"  # the package, and the group of the pins with a hash for each room
PACKAGE = Path(__file__).parents[1]
PINS = Path("pins.yaml")
DIGITS = 16  # of a hash


@cache
def hash_room(name: str) -> str:
    """A hash of all modules of a room, with their places; that of no room is of nothing."""
    digest = hashlib.sha256()
    for file in sorted((PACKAGE / name).rglob("*.py")):
        if not file.name.startswith("."):
            place = file.relative_to(PACKAGE).as_posix()
            digest.update(f"{place} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()[:DIGITS]


def list_pinned(pins: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Packages with their versions, and rooms (``reprotune.data``) with their hashes."""
    for group, values in pins.items():
        if not isinstance(values, Mapping):  # as in older files, or in a lock
            yield group, str(values)
            continue
        start = f"{LIBRARY}." if group == LIBRARY else ""
        yield from ((f"{start}{name}", value) for name, value in list_pinned(values))


def find_room(name: str) -> str | None:
    """The room that a pin is of; None if it is of a package."""
    room = name.removeprefix(f"{LIBRARY}.")
    return None if room == name else room


def find_other_rooms(folder: Path = Path()) -> list[str]:
    """The rooms whose code here is not that of the pins; none where nothing pins any."""
    file = folder / PINS
    pins = read_yaml(file) if file.is_file() else {}
    pinned = pins.get(LIBRARY) if isinstance(pins, Mapping) else None
    rooms = pinned if isinstance(pinned, Mapping) else {}
    return [str(room) for room, known in rooms.items() if hash_room(str(room)) != known]


def require_pinned(folder: Path = Path()) -> None:
    """Raise InputError if the library that is installed computes by other code than the pins."""
    if other := find_other_rooms(folder):
        raise InputError(explain_rooms(other))


def explain_rooms(other: list[str]) -> str:
    return (
        f"the installed {LIBRARY} has other code than {PINS} says, in {', '.join(other)}; "
        "`reprotune upgrade` takes it, `make install` brings back the one that this project names"
    )
