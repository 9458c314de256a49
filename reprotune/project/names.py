"""Names for classes that come as numbers: said, in a file of their own, or kept with the data."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from reprotune.core.errors import InputError
from reprotune.core.io import parse_json
from reprotune.data.reading.labels import fold

Names = Mapping[str, str] | Sequence[str]  # by raw value, or in the order of their numbers
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
        lines = file.read_text(encoding="utf-8-sig", errors="replace").splitlines()
        return [line.strip() for line in lines if line.strip()]
    pairs = [one.partition("=") for one in asked]
    if wrong := [raw for raw, _, name in pairs if not (raw.strip() and name.strip())]:
        raise InputError(f"--names {wrong[0]}: not RAW=NAME such as 0=negative")
    if pairs:
        return {raw.strip(): name.strip() for raw, _, name in pairs}
    found = (read_names(file, column) for file in files if file.suffix.lower() == ".parquet")
    return next(filter(None, found), {})


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
        if absent := [raw for raw in names if fold(raw) not in plain.values()]:
            raise InputError(
                f"--names {absent[0]}={names[absent[0]]}: no row has this label; there are "
                f"{sorted(labels)}"
            )
        return {raw: said.get(plain[raw], name) for raw, name in labels.items()}
    first = int("0" not in plain.values() and str(len(names)) in plain.values())
    known: dict[str, Any] = {str(n): name for n, name in enumerate(names, start=first)}
    if names and (odd := sorted(set(plain.values()) - set(known) - {UNLABELLED})):
        raise InputError(
            f"there are {len(names)} names, from {names[0]!r} to {names[-1]!r}, and none for the "
            f"label {odd[0]!r}; name each: --names 0=negative 1=positive"
        )
    return {raw: known.get(plain[raw]) if names else name for raw, name in labels.items()}
