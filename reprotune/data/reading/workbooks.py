"""Workbooks: the rows of their sheets, and which of them hold the columns that are asked for."""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from python_calamine import CalamineError, CalamineWorkbook

from reprotune.data.reading.parsing import PREFACE, Numbered

LOCKED = "EncryptedPackage".encode("utf-16-le")  # the part of a workbook that has a password


@lru_cache(maxsize=1)  # `init` looks at a workbook several times
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
        if LOCKED in raw:
            raise ValueError("it has a password: save it without one") from None
        raise ValueError(str(error)) from None
    shown = {n: [[show_cell(cell) for cell in row] for row in sheet] for n, sheet in sheets.items()}
    return {name: list(drop_blank(enumerate(rows, start=1))) for name, rows in shown.items()}


def drop_blank(rows: Iterable[Numbered]) -> Iterator[Numbered]:
    return ((line, row) for line, row in rows if any(map(str.strip, row)))


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
