"""From the bytes of one file to a table of its own columns, by what its name ends in."""

import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple
from urllib.parse import urlsplit

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from python_calamine import CalamineError, CalamineWorkbook

from reprotune.core.errors import InputError
from reprotune.core.io import parse_json
from reprotune.core.params import Download
from reprotune.core.params.fields import list_fields
from reprotune.data.reading.archives import LARGEST
from reprotune.data.reading.bad_rows import Broken
from reprotune.data.reading.charset import is_utf8
from reprotune.data.reading.parsing import (
    PREFACE,
    Cells,
    Dialect,
    Numbered,
    describe_dialect,
    find_misfit,
    name_columns,
    parse_objects,
    parse_rows,
)
from reprotune.data.reading.shapes import find_rows, list_examples

EXACT = 2.0**53  # from here on not every integer is a float
TABLES = (".csv", ".tsv")
OBJECTS = (".jsonl", ".ndjson")
LINES = (".txt", ".neg", ".pos")
DELIMITED = (*TABLES, *LINES)
TEXTS = (*DELIMITED, *OBJECTS, ".json")
ARROW = (".arrow", ".feather")
SHEETS = (".xlsx", ".xls", ".ods")
READABLE = (*TEXTS, ".parquet", *ARROW, *SHEETS)
PACKED = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}  # behind another ending

START = 1000  # bytes that tell what a file is
PAGES = (b"<html", b"<!doctype", b"<table", b"<meta")


class Sign(NamedTuple):
    """How files of a kind begin."""

    sign: bytes
    name: str
    endings: tuple[str, ...]  # that they may have; none: nothing reads it


SIGNS = (
    Sign(b"PAR1", "Parquet", (".parquet",)),
    Sign(b"ARROW1", "Arrow", ARROW),
    Sign(b"PK\3\4", "a zip archive or a workbook", (".xlsx", ".ods", ".zip")),
    Sign(b"\xd0\xcf\x11\xe0", "an old workbook", (".xls", ".xlsx")),
    Sign(b"\x1f\x8b", "gzip", (".csv.gz",)),
    Sign(b"\x28\xb5\x2f\xfd", "zstd", (".csv.zst",)),
    Sign(b"BZh91AY&SY", "bzip2", (".csv.bz2",)),
    Sign(b"\xfd7zXZ", "xz", ()),
    Sign(b"%PDF-", "PDF", ()),
)

Parsed = tuple[pd.DataFrame, dict[int, Broken]]  # both by the place of a row, each row in one


def tell_kind(path: str) -> tuple[str, str | None]:
    """The ending of a file's name in small letters, and how it is packed, if it is.

    Raises:
        InputError: no such file can be read.
    """
    name = PurePosixPath(urlsplit(path).path)
    packing = PACKED.get(name.suffix.lower())
    kind = (name.with_suffix("") if packing else name).suffix.lower()
    if kind not in READABLE:
        raise InputError(
            f"{path}: cannot read a {kind or 'nameless'} file; allowed: {', '.join(READABLE)}, and "
            f"each of them packed as {', '.join(PACKED)}; unpack an archive, "
            "rename a file of lines to .txt, and save other kinds as one of these"
        )
    return kind, packing


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


def check_kind(raw: bytes, path: str) -> None:
    """Raise InputError if a file begins as one of another kind than its name says.

    ``raw``: its first bytes, unpacked, or all.
    """
    kind = tell_kind(path)[0]
    found = next((known for known in SIGNS if raw.startswith(known.sign)), None)
    if kind not in TEXTS:
        is_page = raw[:START].lstrip().lower().startswith(PAGES)
        found = found or (Sign(b"", "a page of HTML", ()) if is_page else None)
    if found and kind not in found.endings:
        endings = " or ".join(found.endings)
        how = f"let its name end in {endings}" if endings else "save its rows as .csv or .xlsx"
        raise InputError(f"{path}: begins as {found.name} does, and is no {kind} file: {how}")
    if kind in (*SHEETS, ".parquet") and raw and not found and is_utf8(raw[:START]):
        raise InputError(
            f"{path}: holds text, and is no {kind} file: let its name end in .csv or .tsv"
        )


def parse_text(text: str, kind: str, download: Download) -> Parsed:
    """A file of lines, or of JSON.

    Raises:
        ValueError: it is empty, or is none.
    """
    if kind in DELIMITED:
        dialect = describe_dialect(download, kind in TABLES)
        rows = parse_rows(io.StringIO(text, newline=""), dialect)
        return fill_columns(rows if dialect.cut == "everywhere" else drop_blank(rows), dialect)
    listed = parse_list(text) if kind == ".json" else None
    objects = enumerate(listed) if listed is not None else parse_lines(text)
    return collect_objects(row for _, row in objects)


def parse_binary(raw: bytes, kind: str, download: Download) -> Parsed:
    """A table with types, or a sheet of one.

    Raises:
        ValueError: it is none.
    """
    if kind in SHEETS:
        dialect = describe_dialect(download, is_table=True)
        _, rows = find_table(parse_sheets(raw), list_columns(download))
        return fill_columns(rows, dialect)
    parse: Callable[[bytes], pd.DataFrame] = parse_arrow if kind in ARROW else parse_parquet
    return parse(raw), {}


def list_columns(download: Download) -> list[str]:
    """The columns of text and label, by their names or positions."""
    columns = list_fields(download.text_column) or [str(download.text_column)]
    return [*columns, *([] if download.label_column is None else [str(download.label_column)])]


def fill_columns(rows: Iterable[Numbered], dialect: Dialect) -> Parsed:
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
            "it has a header and no rows; add rows or, if it has no header, set download.header: "
            "false"
        )
    fitted = [fit(row, len(names), line, dialect.delimiter) for line, row in body]
    good = {place: row for place, row in enumerate(fitted) if not isinstance(row, Broken)}
    frame = pd.DataFrame(list(good.values()), index=list(good), columns=names, dtype="object")
    broken = {place: row for place, row in enumerate(fitted) if isinstance(row, Broken)}
    return frame.loc[:, [name != "" for name in names]], broken


def drop_blank(rows: Iterable[Numbered]) -> Iterator[Numbered]:
    return ((line, row) for line, row in rows if any(map(str.strip, row)))


def fit(row: Cells | Broken, width: int, line: int, delimiter: str) -> Cells | Broken:
    """The row with exactly so many cells, or broken."""
    if isinstance(row, Broken):
        return row
    misfit = find_misfit(row, width, line)
    return Broken(misfit, delimiter.join(row)) if misfit else row[:width]


def collect_objects(objects: Iterable[dict[str, object] | Broken]) -> Parsed:
    """Objects of JSON as a table with all of their fields."""
    rows: dict[int, dict[str, object]] = {}
    broken: dict[int, Broken] = {}
    for place, row in enumerate(objects):
        if isinstance(row, Broken):
            broken[place] = row
        else:
            rows[place] = row
    if not rows and not broken:
        raise ValueError("it is empty")
    return pd.DataFrame(list(rows.values()), index=list(rows), dtype="object"), broken


def parse_lines(text: str) -> Iterable[tuple[int, dict[str, object] | Broken]]:
    return parse_objects(io.StringIO(text, newline=""))


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


def parse_sheets(raw: bytes) -> dict[str, list[Numbered]]:
    """The rows of each sheet of a workbook, as they are shown but for the form of numbers.

    Raises:
        ValueError: it is none.
    """
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(raw))
        sheets = {
            name: book.get_sheet_by_index(place).to_python(skip_empty_area=False)
            for place, name in enumerate(book.sheet_names)
        }
    except CalamineError as error:
        raise ValueError(str(error)) from None
    shown = {n: [[show_cell(cell) for cell in row] for row in sheet] for n, sheet in sheets.items()}
    return {name: list(drop_blank(enumerate(rows, start=1))) for name, rows in shown.items()}


def find_table(
    sheets: Mapping[str, Sequence[Numbered]], columns: Sequence[str]
) -> tuple[str, Sequence[Numbered]]:
    """A sheet, and its rows from the header on that has the columns, whatever stands before it.

    Without one, as where columns are positions, the first sheet that has any rows.
    """
    wanted = {column.strip() for column in columns}
    for sheet, rows in sheets.items():
        for place, (_, row) in enumerate(rows[: PREFACE + 1]):
            names = set(map(str.strip, row))
            if all(name in names or name.partition(".")[0] in names for name in wanted):
                return sheet, rows[place:]
    return next(((sheet, rows) for sheet, rows in sheets.items() if rows), ("", []))


def show_cell(cell: object) -> str:
    """A cell of a sheet, in which every number is a fraction."""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


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
