"""Write `pins.yaml`: the versions of the packages that compute numbers, as DVC parameters.

A stage lists in `dvc.yaml` the groups of those that it imports, so that a new version re-runs the
stages whose numbers it could change. A project of one's own pins the rooms of this library, too.
"""

import importlib.metadata
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from reprotune.core.rooms import LIBRARY, PACKAGE, PINS, find_room, hash_room, list_pinned
from reprotune.core.yaml_file import read_yaml

LOCK = Path("requirements.lock")
NO_GROUPS: Mapping[str, Any] = {}

# By import name. Tools that compute no number (dvc, prefect, ruff, …) stay out on purpose.
GROUPS = {
    "tables": ("numpy", "pandas", "pyarrow", "scipy"),
    "sheets": ("python_calamine",),
    "curation": ("cleanlab", "rensa"),
    "learners": ("sklearn",),
    "models": (
        "accelerate",
        "bitsandbytes",
        "peft",
        "safetensors",
        "tokenizers",
        "torch",
        "transformers",
    ),
    "training": ("datasets", "trl"),
}
NUMERIC = tuple(name for group in GROUPS.values() for name in group)
# Import name -> name in the lock, where they differ.
DISTRIBUTIONS = {"python_calamine": "python-calamine", "sklearn": "scikit-learn"}


def list_locked(lock: str) -> dict[str, str]:
    """Return name -> version, without its build, for every `name==version` of a lock's text."""
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;+]+)", lock, flags=re.MULTILINE))


def render(lock: str, rooms: Iterable[str] = (), own: Mapping[str, Any] = NO_GROUPS) -> str:
    """Return the text of `pins.yaml`; raises KeyError for a numeric package not in the lock.

    With ``rooms``, the hashes of these rooms of the library as it is installed here; with ``own``,
    groups in which packages of yours may be, by the lock if it has them.
    """
    versions = {normalize(name): version for name, version in list_locked(lock).items()}
    pinned: dict[str, Any] = {
        group: {name: versions[normalize(name)] for name in names}
        for group, names in GROUPS.items()
    }
    if hashes := {room: hash_room(room) for room in sorted(rooms)}:
        pinned[LIBRARY] = hashes
    for group, values in own.items():
        if isinstance(values, Mapping):
            known = {name: versions.get(normalize(name), was) for name, was in values.items()}
            pinned[group] = known | pinned.get(group, {})
        else:
            pinned.setdefault(group, values)
    lines = ["# Generated from requirements.lock by `python -m reprotune.project.pins`."]
    for group, values in pinned.items():
        if isinstance(values, Mapping):
            told = {name: json.dumps(value, default=str) for name, value in values.items()}
            lines += [f"{group}:", *(f"  {name}: {told[name]}" for name in sorted(told, key=str))]
        else:
            lines.append(f"{group}: {json.dumps(values, default=str)}")
    return "\n".join(lines) + "\n"


def normalize(name: str) -> str:
    """The name in the lock, which may be another than that of the import."""
    return canonicalize_name(DISTRIBUTIONS.get(name, name))


def find_installed(name: str) -> str:
    """The version without its build (``2.13.0+cpu`` is ``2.13.0``), or that there is none.

    Of a room of this library, the hash of its code.
    """
    if room := find_room(name):
        return hash_room(room)
    try:
        return importlib.metadata.version(DISTRIBUTIONS.get(name, name)).split("+")[0]
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def differences() -> list[str]:
    """The packages and rooms of ``pins.yaml`` of which another version is installed."""
    return find_differences(list_pinned(read_yaml(PINS)))


def renew(lock: str, known: Mapping[str, Any]) -> str:
    """The text of `pins.yaml` once more: by the lock, with the rooms and packages that it had."""
    rooms = [room for room in known.get(LIBRARY, {}) if (PACKAGE / room).is_dir()]
    own = {group: values for group, values in known.items() if group != LIBRARY}
    return render(lock, rooms, own)


def find_differences(pinned: Iterable[tuple[str, str]]) -> list[str]:
    """The packages and rooms whose installed version is not the pinned one."""
    return [
        f"{name} {installed} (pinned {version})"
        for name, version in pinned
        if (installed := find_installed(name)) != version
    ]


if __name__ == "__main__":
    PINS.write_text(renew(LOCK.read_text("utf-8"), read_yaml(PINS)), "utf-8")
