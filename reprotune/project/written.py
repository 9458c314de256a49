"""Files of rows that are made of a person's own: how these are read, and an object a line."""

import json
from collections.abc import Collection, Iterable, Mapping
from itertools import chain
from pathlib import Path

import pandas as pd

from reprotune.core.errors import InputError
from reprotune.data.reading.bad_rows import Broken
from reprotune.data.reading.charset import guess_encoding
from reprotune.data.reading.kinds import tell_kind
from reprotune.project.opening import Source


def read_kind(file: Path, kinds: Collection[str], most: int | None = None) -> bytes:
    """The bytes of a file of these kinds, unpacked; none of another, and of one that is damaged.

    Of those, their reader says more. With ``most`` no more of it is read.
    """
    try:
        source = Source(file, *tell_kind(file.name))
        if source.kind not in kinds or not file.is_file():
            return b""
        return source.read() if most is None else source.read_start(most)
    except (InputError, OSError):
        return b""


def decode(raw: bytes, encoding: str | None = None) -> str:
    text = raw.decode(encoding or guess_encoding(raw), "surrogateescape")
    return text.removeprefix("\ufeff")


def write_rows(path: Path, rows: Iterable[Mapping[str, object]]) -> Path:
    """One object a line, in ASCII, for that holds bytes that are no character, too."""
    with path.open("w", encoding="ascii") as file:
        file.writelines(json.dumps(row, default=as_text) + "\n" for row in rows)
    return path


def write_frame(path: Path, frame: pd.DataFrame, broken: Iterable[Broken] = ()) -> Path:
    """The rows of a table, and those that are broken, which are counted there as bad."""
    known = frame.astype(object).where(frame.notna(), None)
    cells = known.itertuples(index=False, name=None)
    rows = (dict(zip(map(str, frame), row, strict=True)) for row in cells)
    return write_rows(path, chain(rows, ({"row": row.content} for row in broken)))


def as_text(value: object) -> str:
    return decode(value, "utf-8") if isinstance(value, bytes) else str(value)
