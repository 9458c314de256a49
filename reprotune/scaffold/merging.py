"""Three-way merges: of what a person changed, and what a newer version of the library changed."""

import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from io import BytesIO
from pathlib import Path
from typing import Any

from reprotune.core import dvc, paths
from reprotune.core.errors import InputError
from reprotune.core.params_file import RENAMED, shorten
from reprotune.core.yaml_file import load_yaml
from reprotune.project.pins import LOCK
from reprotune.project.profiles import EDITOR, WHOLE
from reprotune.scaffold import files
from reprotune.scaffold.collisions import find_collisions, take_out

OWN = "README.md"  # yours once you have changed it
TWICE = "you have a parameter of this name; yours stays, and now the library has one, too"


class Outcome(StrEnum):
    SAME = "same"
    TAKEN = "taken"  # the library's
    KEPT = "kept"  # yours
    MERGED = "merged"  # of both
    CONFLICT = "conflict"


@dataclass(frozen=True)
class Sides:
    """A file as the library wrote it, as it is here, and as the library writes it now."""

    place: str
    base: bytes | None
    here: bytes | None
    new: bytes | None


@dataclass(frozen=True)
class Merged:
    outcome: Outcome
    content: bytes | None  # None: no such file
    notes: tuple[str, ...] = ()


def merge(sides: Sides) -> Merged:
    """What becomes of a file; what only one side changed is as that side has it."""
    place, base = sides.place, sides.base
    here, new = map(shorten_bytes, (sides.here, sides.new))
    if here in (base, new):
        return Merged(Outcome.SAME if here == new else Outcome.TAKEN, sides.new)
    if new == base or place == OWN:
        return Merged(Outcome.KEPT, sides.here)
    if sides.new is None or sides.here is None:
        who = "the library has it no more" if sides.new is None else "you removed it"
        note = f"{place}: {who}, and the other side changed it; so it is as you have it"
        return Merged(Outcome.KEPT, sides.here, (note,))
    if any(is_binary(one) for one in (base, sides.here, sides.new)):
        note = f"{place}: both changed it; yours stays"
        return Merged(Outcome.CONFLICT, sides.here, (note,))
    if base is None:
        note = f"{place}: you have a file of this name, and now the library, too; {theirs(place)}"
        return Merged(Outcome.CONFLICT, sides.here, (note,))
    special = {
        dvc.FILE.as_posix(): merge_pipeline,
        paths.PARAMS.as_posix(): merge_params,
        LOCK.as_posix(): merge_lock,
    }
    return require_yaml(sides, special.get(place, merge_text)(sides))


def shorten_bytes(content: bytes | None) -> bytes | None:
    return None if content is None else files.shorten(content)


def theirs(place: str) -> str:
    """Where the library's side of a conflict is, if yours is in the file."""
    return f"yours stays; git show :3:./{place} has the library's"


def require_yaml(sides: Sides, merged: Merged) -> Merged:
    """A merged file, or yours if both changes together are no YAML, such as one key twice."""
    place = sides.place
    is_yaml = place.endswith((".yaml", ".yml")) and "<<<<<<< " not in (
        merged.content or b""
    ).decode("utf-8", "replace")
    if not is_yaml:
        return merged
    try:
        load_yaml(merged.content or b"", "both changes together")
    except InputError as error:
        note = f"{place}: {' '.join(str(error).split())}; {theirs(place)}"
        return Merged(Outcome.CONFLICT, sides.here, (*merged.notes, note))
    return merged


def merge_pipeline(sides: Sides) -> Merged:
    """Line by line; a stage that both added is yours, the library's a comment beside it."""
    base, here, new = sides.base or b"", sides.here or b"", sides.new or b""
    notes = []
    for name, is_same in list(find_collisions(base, here, new, sides.place)):
        new = take_out(new, name, leave_comment=not is_same)
        if not is_same:
            notes.append(
                f"{sides.place}: you have a {name}, and now the library, too; yours stays, the "
                "library's is there as a comment: call yours otherwise, and its files, then take "
                "the # away"
            )
    merged = merge_text(replace(sides, new=new))
    outcome = Outcome.CONFLICT if notes else merged.outcome
    return Merged(outcome, merged.content, (*merged.notes, *notes))


def is_binary(content: bytes | None) -> bool:
    return content is not None and (b"\0" in content or content.startswith(files.HASHED))


def merge_text(sides: Sides, conflicts: str = "--diff3") -> Merged:
    """Line by line, by git; what conflicts has all three sides, between marks, or is yours."""
    with tempfile.TemporaryDirectory() as folder:
        names = ("here", "base", "new")
        for name in names:
            (Path(folder) / name).write_bytes(getattr(sides, name) or b"")
        labels = ("yours", "as the library wrote it", "the library's now")
        marks = [part for label in labels for part in ("-L", label)]
        done = subprocess.run(
            ["git", "merge-file", "-p", conflicts, *marks, *names],
            cwd=folder,
            capture_output=True,
            check=False,
        )
    if done.returncode > 127:
        raise InputError(f"{sides.place}: git merge-file: {done.stderr.decode().strip()}")
    return Merged(Outcome.CONFLICT if done.returncode else Outcome.MERGED, done.stdout)


def merge_lock(sides: Sides) -> Merged:
    """Package by package; of one that both changed differently, line by line."""
    base, here, new = ((side or b"").decode() for side in (sides.base, sides.here, sides.new))
    was, mine, now = (list_lines(text) for text in (base, here, new))
    lines = [line for line in new.splitlines() if line.startswith("#")]
    said = [line for line in here.splitlines() if line.startswith("#")]
    lines += [line for line in said if line not in (*lines, *base.splitlines())]
    for name in sorted({*mine, *now}):
        old, one, other = was.get(name), mine.get(name), now.get(name)
        if old not in (one, other) and one != other:
            return merge_text(sides)
        chosen = other if one == old else one
        lines += [chosen] if chosen is not None else []
    return Merged(Outcome.MERGED, ("\n".join(lines) + "\n").encode())


def list_lines(lock: str) -> dict[str, str]:
    """The lines of each package of a lock, which may be several for several Pythons."""
    found: dict[str, list[str]] = {}
    for line in lock.splitlines():
        if line.strip() and not line.startswith("#"):
            found.setdefault(line.split("==")[0], []).append(line)
    return {name: "\n".join(lines) for name, lines in found.items()}


def merge_params(sides: Sides) -> Merged:
    """Value by value: yours where you changed one, under its new name; comments where they fit."""
    base, here, new = (
        load_yaml(side or b"{}", sides.place) for side in (sides.base, sides.here, sides.new)
    )
    if not isinstance(here, dict):
        raise InputError(f"{sides.place} holds no parameters; git checkout HEAD {sides.place}")
    changes, notes = merge_values(base, here, new)
    added = flatten(here).keys() & flatten(new).keys() - flatten(base).keys()
    both = sorted(name for name in added if flatten(here)[name] != flatten(new)[name])
    notes += tuple(f"{name}: {TWICE}, {shorten(flatten(new)[name])}" for name in both)
    tree = load_yaml(sides.new or b"", sides.place, EDITOR)
    for name, value in changes.items():
        put(tree, name, value)
    buffer = BytesIO()
    EDITOR.dump(tree, buffer)
    lines = merge_text(sides, "--ours")  # keeps what you wrote beside the values
    kept = holds(lines.content, buffer.getvalue())
    outcome = Outcome.CONFLICT if both else Outcome.MERGED
    return Merged(outcome, lines.content if kept else buffer.getvalue(), notes)


def holds(content: bytes | None, wanted: bytes) -> bool:
    """Whether two texts have the same values."""
    try:
        return bool(load_yaml(content or b"", "merged") == load_yaml(wanted, "merged"))
    except InputError:
        return False


def merge_values(
    base: Mapping[str, Any], here: Mapping[str, Any], new: Mapping[str, Any]
) -> tuple[dict[str, object], tuple[str, ...]]:
    """Your values that the library's new ones give way to, and what is to be said of it."""
    now = flatten(new)
    was, mine = (rename(flatten(side), now) for side in (base, here))
    changes: dict[str, object] = {}
    notes = []
    for name, value in mine.items():
        told, old, other = shorten(value), was.get(name, ...), now.get(name, ...)
        if value == old:
            if other not in (old, ...):
                notes.append(f"{name}: {told} → {shorten(other)}, for you had not changed it")
        elif other is ...:
            notes.append(f"{name}: {told} was yours; the library has no such parameter any more")
        else:
            changes[name] = value
            if old is not ... and other not in (old, value):
                notes.append(
                    f"{name}: yours stays, {told}; the library's went from {shorten(old)} to "
                    f"{shorten(other)}"
                )
    known = flatten(here)
    notes += [f"{old} is called {name} now" for old, name in RENAMED.items()
              if old in known and old not in now and name in now]  # fmt: skip
    return changes, tuple(notes)


def flatten(tree: Mapping[str, Any], start: str = "") -> dict[str, object]:
    """Values by dotted names; a mapping that is replaced as one is one value."""
    leaves: dict[str, object] = {}
    for key, value in tree.items():
        inner = isinstance(value, Mapping) and value and key not in WHOLE
        leaves |= flatten(value, f"{start}{key}.") if inner else {f"{start}{key}": value}
    return leaves


def rename(values: Mapping[str, object], now: Mapping[str, object]) -> dict[str, object]:
    """Values under the names that they have now."""

    def call(name: str) -> str:
        new = RENAMED.get(name, name)
        return new if name not in now and new in now else name

    return {call(name): value for name, value in values.items()}


def put(tree: Any, name: str, value: object) -> None:
    """Set a value by its dotted name."""
    *sections, last = name.split(".")
    for section in sections:
        tree = tree[section]
    tree[last] = value
