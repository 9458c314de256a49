"""How DVC is called, and what ``dvc.yaml`` says of a stage."""

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reprotune.core.errors import InputError
from reprotune.core.yaml_file import read_yaml

FILE = Path("dvc.yaml")
COMMAND = (sys.executable, "-P", "-m", "dvc")  # -P: a file of the project may be called json.py


def read_stages(file: Path = FILE) -> dict[str, dict[str, Any]]:
    """The stages of ``dvc.yaml`` by name, in its order.

    Raises:
        InputError: there is none, or it cannot be read.
    """
    try:
        tree = read_yaml(file)
    except FileNotFoundError:
        raise InputError(f"{file}: no such file; run this in the folder that holds it") from None
    stages = tree.get("stages") if isinstance(tree, dict) else None
    if not isinstance(stages, dict) or not all(isinstance(one, dict) for one in stages.values()):
        raise InputError(f"{file}: there are no stages under `stages:`; git checkout HEAD {file}")
    return stages


def entries(stage: dict[str, Any], *keys: str) -> list[str]:
    """The paths or parameters under these keys of a stage, without their options."""
    listed = [item for key in keys for item in stage.get(key) or []]
    return [next(iter(item)) if isinstance(item, dict) else item for item in listed]


def fingerprint(stage: str, root: Path = Path()) -> str | None:
    """A hash of all that ``dvc.yaml`` lists for a stage: files, code, parameters and pins.

    None where there is no ``dvc.yaml``.
    """
    if not (root / FILE).is_file():
        return None
    entry = read_yaml(root / FILE)["stages"][stage]
    digest = hashlib.sha256(entry["cmd"].encode())
    for path in entries(entry, "deps"):
        for file in contents(root / path):
            digest.update(file.relative_to(root).as_posix().encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    for item in entry.get("params", []):
        for source, keys in (item if isinstance(item, dict) else {"params.yaml": [item]}).items():
            values = read_yaml(root / source)
            for key in keys:
                digest.update(f"{source} {key} {look_up(values, key)!r}".encode())
    return digest.hexdigest()[:16]


def contents(path: Path) -> Iterator[Path]:
    """A file, or the files of a folder in one order, without what Python compiles."""
    if path.is_dir():
        yield from sorted(
            file for file in path.rglob("*") if file.is_file() and file.parent.name != "__pycache__"
        )
    elif path.is_file():
        yield path


def list_absent(folder: Path) -> list[Path]:
    """The ``.dvc`` files of a folder, or of files in it, that DVC keeps and that are not here."""
    pointers = [folder.with_name(f"{folder.name}.dvc"), *sorted(folder.rglob("*.dvc"))]
    return [one for one in pointers if one.is_file() and not one.with_suffix("").exists()]


def find_pointer(folder: Path, place: Path) -> Path:
    """The ``.dvc`` file by which DVC keeps a file, or a folder that it lies in.

    Where DVC does not keep it, the one that it would have.
    """
    own, *others = (one.with_name(f"{one.name}.dvc") for one in (place, *place.parents) if one.name)
    return next((one for one in (own, *others) if (folder / one).is_file()), own)


def tell_cause(said: str) -> str:
    """The error among the lines that DVC said, without what it says to everybody."""
    lines = [line for line in said.splitlines() if line.startswith("ERROR: ")]
    return (lines[-1] if lines else said.strip()).removeprefix("ERROR: ")


def look_up(values: Any, key: str) -> Any:
    """The value of a dotted key; None if there is none."""
    for part in key.split("."):
        values = values.get(part) if isinstance(values, dict) else None
    return values
