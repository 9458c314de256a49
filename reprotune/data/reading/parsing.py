"""From the text or the bytes of one file to a table; a row that is broken stops no other."""

import csv
import io
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator

import pandas as pd

from reprotune.core.io import parse_json
from reprotune.core.params import Download
from reprotune.data.reading.bad_rows import Broken

EXACT = 2.0**53  # from here on not every integer is a float

Parsed = tuple[pd.DataFrame, dict[int, Broken]]  # both by the place of a row, each row in one


def split_lines(text: str) -> list[str]:
    """Rows of a text file: other separators that Unicode knows are part of the text."""
    return re.split(r"\r\n|\n|\r", text)


def parse_parquet(raw: bytes) -> pd.DataFrame:
    """The table; integers stay integers where one is missing, in a column of floats too."""
    frame = pd.read_parquet(io.BytesIO(raw), dtype_backend="numpy_nullable").reset_index(drop=True)
    for name in frame:
        if pd.api.types.is_float_dtype(frame[name]) and is_whole(frame[name].dropna()):
            frame[name] = frame[name].astype("Int64")
    return frame.astype("object")


def is_whole(numbers: pd.Series) -> bool:
    return bool((numbers == numbers.round()).all() and (numbers.abs() < EXACT).all())


def parse_jsonl(text: str) -> Parsed:
    rows, broken = {}, {}
    lines = ((n, line) for n, line in enumerate(split_lines(text), start=1) if line.strip())
    for place, (number, line) in enumerate(lines):
        try:
            rows[place] = parse_object(line)
        except ValueError as error:
            broken[place] = Broken(f"broken line: line {number}{error}", line)
    if not rows and not broken:
        raise ValueError("it is empty")
    return pd.DataFrame(list(rows.values()), index=list(rows), dtype="object"), broken


def parse_object(line: str) -> dict[str, object]:
    try:
        row = parse_json(line)
    except json.JSONDecodeError as error:
        raise ValueError(f", column {error.colno}: {error.msg}") from None
    except ValueError as error:
        raise ValueError(f" is {error}") from None
    if not isinstance(row, dict):
        raise ValueError(' is no object such as {"text": ..., "label": ...}')
    return row


def parse_delimited(download: Download, kind: str, text: str) -> Parsed:
    """CSV with quotes, lines cut at the last delimiter (``sentence@label``), or whole lines."""
    quoted = kind in (".csv", ".tsv")
    rows: list[tuple[int, list[str] | Broken]]
    if download.label_column is None and not quoted:
        rows = [(n, [line]) for n, line in enumerate(split_lines(text), start=1) if line.strip()]
    elif quoted or download.delimiter in ",;\t":
        rows = list(parse_csv(text, download.delimiter))
    else:
        cut = (line.rsplit(download.delimiter, 1) for line in split_lines(text))
        rows = [(n, row) for n, row in enumerate(cut, start=1) if any(map(str.strip, row))]
    names = name_columns(rows, download.header)
    if not rows:
        raise ValueError(
            "it has a header and no rows; add rows or, if it has no header, set download.header: "
            "false"
            if names
            else "it is empty"
        )
    fitted = [fit_row(row, len(names), line, download.delimiter) for line, row in rows]
    good = {place: row for place, row in enumerate(fitted) if not isinstance(row, Broken)}
    frame = pd.DataFrame(list(good.values()), index=list(good), columns=names, dtype="object")
    broken = {place: row for place, row in enumerate(fitted) if isinstance(row, Broken)}
    return frame.loc[:, [name != "" for name in names]], broken


def name_columns(rows: list[tuple[int, list[str] | Broken]], header: bool) -> list[str] | list[int]:
    """The names of the columns, taken off the rows, or their positions; nameless ones are empty."""
    if not rows:
        return []
    _, first = rows[0]
    if isinstance(first, Broken):
        raise ValueError(first.reason.removeprefix("broken line: "))
    if not header:
        return list(range(len(first)))
    del rows[0]
    names = [name if name.strip() else "" for name in first]
    if any(count > 1 for name, count in Counter(names).items() if name):
        raise ValueError(f"two of its columns have the same name: {names}; rename one")
    return names


def fit_row(row: list[str] | Broken, width: int, line: int, delimiter: str) -> list[str] | Broken:
    """The row, without empty cells that it has too many; broken if it has not ``width`` cells."""
    if isinstance(row, Broken) or len(row) == width:
        return row
    if not any(map(str.strip, row[width:])) and len(row) > width:
        return row[:width]
    reason = f"broken line: line {line} has {len(row)} columns, the first has {width}"
    return Broken(reason, delimiter.join(row))


def parse_csv(text: str, delimiter: str) -> Iterator[tuple[int, list[str] | Broken]]:
    """Rows with the line in which each begins; quoted fields may hold line breaks.

    After a row that cannot be read it goes on with the next line. That reads no line many times:
    of two rows that begin with an open quote, the second closes the first or makes it an error.
    """
    csv.field_size_limit(sys.maxsize)  # expectations.characters limits the texts, with a reason
    lines = list(io.StringIO(text, newline=""))
    start = 0
    while start < len(lines):
        rest = (lines[number] for number in range(start, len(lines)))
        reader = csv.reader(rest, delimiter=delimiter, strict=True)
        begun = start
        try:
            for row in reader:
                if row:
                    yield begun + 1, row
                begun = start + reader.line_num
            return
        except csv.Error as error:
            reason = f"broken line: line {begun + 1} has a stray quotation mark ({error})"
        yield begun + 1, Broken(reason, lines[begun])
        start = begun + 1
