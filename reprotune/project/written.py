"""Files of rows that are made of a person's own: an object of JSON a line."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from reprotune.data.reading.charset import find_mark, guess_encoding


def decode(raw: bytes, encoding: str | None = None) -> str:
    text = raw.decode(encoding or find_mark(raw) or guess_encoding(raw), "surrogateescape")
    return text.removeprefix("\ufeff")


def write_rows(path: Path, rows: Iterable[Mapping[str, object]]) -> Path:
    """One object a line, in ASCII, for that holds bytes that are no character, too."""
    with path.open("w", encoding="ascii") as file:
        file.writelines(json.dumps(row, default=as_text) + "\n" for row in rows)
    return path


def list_rows(frame: pd.DataFrame) -> list[dict[str, object]]:
    rows = frame.itertuples(index=False, name=None)
    return [dict(zip(map(str, frame), row, strict=True)) for row in rows]


def as_text(value: object) -> str:
    return decode(value, "utf-8") if isinstance(value, bytes) else str(value)
