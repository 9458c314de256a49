"""Workbooks: the rows of their sheets, and which of them hold the columns that are asked for."""

import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache

from python_calamine import CalamineError, CalamineWorkbook

from reprotune.data.reading.archives import LARGEST
from reprotune.data.reading.parsing import PREFACE, Numbered

MOST = 1 << 26  # cells of the rectangle that holds a sheet's: read, they take some 2 GiB
WIDE = re.compile(rb'<c r="[A-Z]{2}')  # behind column Z; before it no rectangle is too large
CELL = re.compile(
    rb'<c r="([A-Z]{1,3})([0-9]{1,7})"[^<>/]*>\s*<(?:v|is|f)\b'
)  # that holds something
# Of a zip archive: what it is, calamine tells.
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
LOCKED = "EncryptedPackage".encode("utf-16-le")  # the part of a workbook that has a password


@lru_cache(maxsize=1)  # `init` looks at a workbook several times
def parse_sheets(raw: bytes) -> dict[str, list[Numbered]]:
    """The rows of each sheet that has any, as they are shown but for the form of numbers.

    Raises:
        ValueError: it is none, or its cells lie too far apart.
    """
    check_extent(raw)
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(raw))
        sheets = {
            name: book.get_sheet_by_index(place).to_python(skip_empty_area=False)
            for place, name in enumerate(book.sheet_names)
        }
    except CalamineError as error:
        if LOCKED in raw:
            raise ValueError("it has a password: save it without one") from None
        raise ValueError(str(error)) from None
    shown = {n: [[show_cell(cell) for cell in row] for row in sheet] for n, sheet in sheets.items()}
    filled = {name: list(drop_blank(enumerate(rows, start=1))) for name, rows in shown.items()}
    return {name: rows for name, rows in filled.items() if rows}


def check_extent(raw: bytes) -> None:
    """Raise ValueError if one lost cell makes a sheet of thousands of millions of cells.

    calamine makes room for all of them at once, and ends the process where there is none.
    """
    if not zipfile.is_zipfile(io.BytesIO(raw)):
        return
    with suppress(*DAMAGED), zipfile.ZipFile(io.BytesIO(raw)) as book:
        for part in (part for part in book.infolist() if part.filename.endswith(".xml")):
            if part.file_size > LARGEST:
                raise ValueError(f"{part.filename} unpacks to more than {LARGEST} bytes; divide it")
            row, column = find_last(book.read(part))
            if count_column(column) * row > MOST:
                raise ValueError(
                    f"{part.filename} has a cell in row {row}, and one in column {column.decode()}:"
                    " delete the rows below the table and the columns beside it, and save it again"
                )


def find_last(sheet: bytes) -> tuple[int, bytes]:
    """The last row and the last column of the cells of a wide sheet in XML."""
    found = CELL.findall(sheet) if WIDE.search(sheet) else []
    row = max((int(number) for _, number in found), default=0)
    return row, max({name for name, _ in found}, key=count_column, default=b"")


def count_column(name: bytes) -> int:
    """The number of a column: 1 of A, 27 of AA."""
    number = 0
    for letter in name:
        number = 26 * number + letter - ord("A") + 1
    return number


def drop_blank(rows: Iterable[Numbered]) -> Iterator[Numbered]:
    return ((line, row) for line, row in rows if any(map(str.strip, row)))


def find_table(
    sheets: Mapping[str, Sequence[Numbered]], columns: Sequence[str]
) -> tuple[str, Sequence[Numbered]]:
    """A sheet, and its rows from the header on that has the columns, whatever stands before it.

    Without one, as where columns are positions, the first sheet.
    """
    wanted = {column.strip() for column in columns}
    for sheet, rows in sheets.items():
        for place, (_, row) in enumerate(rows[: PREFACE + 1]):
            names = set(map(str.strip, row))
            if all(name in names or name.partition(".")[0] in names for name in wanted):
                return sheet, rows[place:]
    return next(iter(sheets.items()), ("", []))


def show_cell(cell: object) -> str:
    """A cell of a sheet, in which every number is a fraction."""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)
