"""Names for classes that come as numbers: said, in a file of their own, or kept with the data."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from reprotune.core.errors import InputError
from reprotune.core.io import parse_json
from reprotune.core.printing import count_of
from reprotune.data.reading.labels import fold

# By raw value, of which None is no class, or in the order of their numbers.
Names = Mapping[str, str | None] | Sequence[str]
PAIRS = tuple(  # of a number and its name, or the other way about
    map(re.compile, (r"(?P<raw>\d+)[\t,;:] *(?P<name>.+)", r"(?P<name>.+)[\t,;:] *(?P<raw>\d+)"))
)
UNLABELLED = "-1"  # of Hugging Face's datasets


def find_names(asked: Sequence[str], files: Sequence[Path], column: str | int | None) -> Names:
    """The names that are asked for, else those that a Parquet file holds of its column.

    ``asked`` are RAW=NAME, or one file with a name a line.

    Raises:
        InputError: they are neither.
    """
    if len(asked) == 1 and "=" not in asked[0]:
        file = Path(asked[0])
        if not file.is_file():
            raise InputError(f"--names {file}: no such file, and no RAW=NAME such as 0=negative")
        return list_names(file.read_text(encoding="utf-8-sig", errors="replace"))
    pairs = [one.partition("=") for one in asked]
    if wrong := [raw for raw, _, name in pairs if not (raw.strip() and name.strip())]:
        raise InputError(f"--names {wrong[0]}: not RAW=NAME such as 0=negative")
    if pairs:
        return {raw.strip(): name.strip() for raw, _, name in pairs}
    found = (read_names(file, column) for file in files if file.suffix.lower() == ".parquet")
    kept = next(filter(None, found), [])
    return {str(number): name for number, name in enumerate(kept)} | (
        {UNLABELLED: None} if kept else {}
    )


def list_names(text: str) -> Names:
    """The names in a file: a line each, with their numbers beside them or not, or JSON of both."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    try:
        known = parse_json(text)
    except ValueError:
        return pair(lines) or pair(lines[1:]) or lines  # the first may be a header
    if isinstance(known, dict):
        is_turned = all(str(name).isdecimal() for name in known.values())
        both = [(str(raw), str(name)) for raw, name in known.items()]
        return {name: raw for raw, name in both} if is_turned else dict(both)
    return list(map(str, known)) if isinstance(known, list) else lines


def pair(lines: Sequence[str]) -> dict[str, str]:
    """The names by their numbers, if all lines have both."""
    for pattern in PAIRS:
        found = [match for match in map(pattern.fullmatch, lines) if match]
        known = {match["raw"]: match["name"].strip() for match in found}
        if len(known) == len(lines):
            return known
    return {}


def read_names(file: Path, column: str | int | None) -> list[str]:
    """The names of a column's classes, as Hugging Face's datasets keeps them in the schema."""
    try:
        schema = pq.read_schema(file)
        feature = parse_json(schema.metadata[b"huggingface"])["info"]["features"][column]
        is_number = feature["_type"] == "ClassLabel" and pa.types.is_integer(
            schema.field(column).type
        )
        names = feature["names"] if is_number else []
    except (pa.ArrowException, OSError, ValueError, LookupError, TypeError):
        return []  # reading the file says what is wrong with it, if anything
    return names if isinstance(names, list) and all(isinstance(n, str) for n in names) else []


def rename(labels: Mapping[str, str | None], names: Names) -> dict[str, str | None]:
    """The class of each raw value under its name; numbers begin with 0, or with 1.

    Raises:
        InputError: a name is for a value that no row has.
    """
    plain = {raw: fold(raw) for raw in labels}
    if isinstance(names, Mapping):
        said = {fold(raw): name for raw, name in names.items()}
        absent = [raw for raw in names if fold(raw) not in plain.values()]
        if absent and not said.keys() >= set(plain.values()):
            raise InputError(
                f"--names {absent[0]}={names[absent[0]]}: no row has this label; there are "
                f"{sorted(labels)}"
            )
        return {raw: said.get(plain[raw], name) for raw, name in labels.items()}
    numbers = set(plain.values())
    first = int("0" not in numbers and str(len(names)) in numbers)
    if names and not first and numbers.isdisjoint(("0", UNLABELLED)):
        raise InputError(
            f"{count_of(len(names), 'name')} given, and the labels are {sorted(numbers)}, with "
            f"neither 0 nor {len(names)}, so the first name may be that of 0 or of 1; name each: "
            "--names 1=negative 2=positive"
        )
    known: dict[str, Any] = {str(n): name for n, name in enumerate(names, start=first)}
    if names and (odd := sorted(set(plain.values()) - set(known) - {UNLABELLED})):
        raise InputError(
            f"{count_of(len(names), 'name')} given, from {names[0]!r} to {names[-1]!r}, and none "
            "for the "
            f"label {odd[0]!r}; name each: --names 0=negative 1=positive"
        )
    return {raw: known.get(plain[raw]) if names else name for raw, name in labels.items()}
