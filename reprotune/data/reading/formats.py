"""From the bytes of one file to a table of its own columns, by what its name ends in."""

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from reprotune.core.errors import InputError
from reprotune.core.io import parse_json
from reprotune.core.params import Download
from reprotune.core.params.fields import split_template
from reprotune.data.reading.archives import LARGEST
from reprotune.data.reading.bad_rows import BadRow, Broken
from reprotune.data.reading.kinds import ARROW, DELIMITED, SHEETS, TABLES, check_kind
from reprotune.data.reading.objects import parse_objects
from reprotune.data.reading.parsing import (
    Cells,
    Dialect,
    Numbered,
    describe_dialect,
    find_misfit,
    name_columns,
    parse_rows,
)
from reprotune.data.reading.shapes import find_rows, list_examples
from reprotune.data.reading.workbooks import drop_blank, find_table, parse_sheets

EXACT = 2.0**53  # from here on not every integer is a float


class Table(NamedTuple):
    """What a file holds, by the place of a row, which is in one of both."""

    frame: pd.DataFrame
    broken: dict[int, Broken]
    lines: Sequence[int] = ()  # in which each row begins, as an editor counts them

    @property
    def rows(self) -> int:
        return len(self.frame) + len(self.broken)

    def list_bad(self, path: str) -> list[BadRow]:
        return [BadRow(path, place + 1, *row) for place, row in self.broken.items()]


def unpack(raw: bytes, packing: str | None, path: str) -> bytes:
    """The bytes of the file that was packed.

    Raises:
        InputError: it is damaged, or too large to be meant.
    """
    if packing is None:
        check_kind(raw, path)
        return raw
    try:
        with pa.CompressedInputStream(pa.BufferReader(raw), packing) as file:
            unpacked = bytes(file.read(LARGEST + 1))
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path}: not readable as {packing}: {error}; fetch it again") from None
    if len(unpacked) > LARGEST:
        raise InputError(f"{path}: unpacks to more than {LARGEST} bytes; divide it")
    check_kind(unpacked, path)
    return unpacked


def parse_text(text: str, kind: str, download: Download) -> Table:
    """A file of lines, or of JSON.

    Raises:
        ValueError: it is empty, or is none.
    """
    if kind in DELIMITED:
        dialect = describe_dialect(download, kind in TABLES)
        rows = parse_rows(io.StringIO(text, newline=""), dialect)
        return fill_columns(rows if dialect.cut == "everywhere" else drop_blank(rows), dialect)
    objects = list_objects(text, kind)
    if not objects:
        raise ValueError("it is empty")
    found = tabulate(objects)
    if kind == ".json" and found.frame.empty:
        reason = find_flaw(text, found) or "they have no fields"
        raise ValueError(f'it holds no objects such as {{"text": ..., "label": ...}}: {reason}')
    return found


def find_flaw(text: str, found: Table) -> str:
    """Why a file of JSON is none, or its first row that is no object; empty if all are objects."""
    try:
        parse_json(text)
    except ValueError as error:
        return str(error)
    reasons = (row.reason.removeprefix("broken line: ") for row in found.broken.values())
    return next(reasons, "")


def parse_binary(raw: bytes, kind: str, download: Download) -> Table:
    """A table with types, or a sheet of one.

    Raises:
        ValueError: it is none.
    """
    if kind in SHEETS:
        dialect = describe_dialect(download, is_table=True)
        _, rows = find_table(parse_sheets(raw), list_columns(download))
        return fill_columns(rows, dialect)
    return Table(parse_arrow(raw) if kind in ARROW else parse_parquet(raw), {})


def list_columns(download: Download) -> list[str]:
    """The columns of text and label, by their names or positions."""
    columns = (*split_template(download.text_column), download.label_column)
    return [str(column) for column in columns if column is not None]


def fill_columns(rows: Iterable[Numbered], dialect: Dialect) -> Table:
    """Rows of cells as a table; the nameless columns are left out.

    Raises:
        ValueError: there are none, or the first is no header.
    """
    numbered = list(rows)
    if not numbered:
        raise ValueError("it is empty")
    names = name_columns(numbered[0][1], dialect.header)
    body = numbered[1:] if dialect.header else numbered
    if not body:
        raise ValueError(
            "it has a header and no rows below it; a file without a header has positions for "
            "columns (reprotune init --text 0 --label 1, or download.header: false)"
        )
    fitted = [fit(row, len(names), line, dialect.delimiter) for line, row in body]
    table = tabulate(fitted, names, [line for line, _ in body])
    return table._replace(frame=table.frame.loc[:, [name != "" for name in names]])


def tabulate(
    rows: Sequence[Sequence[str] | Mapping[str, object] | Broken],
    names: Cells | list[int] | None = None,
    lines: Sequence[int] = (),
) -> Table:
    """Rows of cells, or objects with all of their fields, and the broken ones among them."""
    good = {place: row for place, row in enumerate(rows) if not isinstance(row, Broken)}
    broken = {place: row for place, row in enumerate(rows) if isinstance(row, Broken)}
    frame = pd.DataFrame(list(good.values()), index=list(good), columns=names, dtype="object")
    return Table(frame, broken, lines)


def fit(row: Cells | Broken, width: int, line: int, delimiter: str) -> Cells | Broken:
    """The row with exactly so many cells, or broken."""
    if isinstance(row, Broken):
        return row
    misfit = find_misfit(row, width, line)
    return Broken(misfit, delimiter.join(row)) if misfit else row[:width]


def list_objects(text: str, kind: str) -> Sequence[dict[str, object] | Broken]:
    """The rows of a file of JSON, which may be one of lines whatever its name says."""
    listed = parse_list(text) if kind == ".json" else None
    lines = parse_objects(io.StringIO(text, newline="")) if listed is None else ()
    return [row for _, row in lines] if listed is None else listed


def parse_list(text: str) -> list[dict[str, object] | Broken] | None:
    """The objects of a list, or those that `shapes` finds in one object.

    None if it is none of these: a file of JSON may also be one of lines.
    """
    try:
        value = parse_json(text)
    except ValueError:
        return None
    rows = find_rows(value) if isinstance(value, dict) else value
    return list(map(take_row, list_examples(rows))) if isinstance(rows, list) else None


def take_row(row: object) -> dict[str, object] | Broken:
    """An object, or a list of cells with names for them."""
    if isinstance(row, list):
        return {f"column {place}": cell for place, cell in enumerate(row)}
    return row if isinstance(row, dict) else Broken("broken line: it is no object", str(row))


def parse_parquet(raw: bytes) -> pd.DataFrame:
    """The table; integers stay integers where one is missing, in a column of floats too."""
    frame = pd.read_parquet(io.BytesIO(raw), dtype_backend="numpy_nullable")
    kept = [name for name in frame.index.names if name is not None and name not in frame]
    frame = frame.reset_index(kept).reset_index(drop=True)
    for name in frame:
        if pd.api.types.is_float_dtype(frame[name]) and is_whole(frame[name].dropna()):
            frame[name] = frame[name].astype("Int64")
    return frame.astype("object")


def parse_arrow(raw: bytes) -> pd.DataFrame:
    """The table of a file of Arrow, which may be meant to be streamed."""
    try:
        table = pa.ipc.open_file(raw).read_all()
    except pa.ArrowInvalid:
        table = pa.ipc.open_stream(raw).read_all()
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return parse_parquet(sink.getvalue())


def is_whole(numbers: pd.Series) -> bool:
    return bool((numbers == numbers.round()).all() and (numbers.abs() < EXACT).all())
