"""How many cells rows have, and what is done where some have more than others."""

from collections.abc import Sequence
from itertools import chain

from reprotune.data.reading.bad_rows import Broken

Row = list[str] | Broken


def trim_first(rows: Sequence[Row]) -> Row:
    """The first row, by which others are measured, without empty cells that some have at the end.

    A delimiter may stand there in some rows alone.
    """
    whole = [row for row in rows if isinstance(row, list)]
    widths = sorted(set(map(len, whole)))
    fitting = (w for w in widths if not any(map(str.strip, chain(*(row[w:] for row in whole)))))
    return rows[0][: next(fitting)] if isinstance(rows[0], list) else rows[0]


def has_row_names(rows: Sequence[Row], width: int) -> bool:
    """Whether each row begins with a number of its own before as many cells as the header has."""
    whole = [row for row in rows if isinstance(row, list) and len(row) == width + 1]
    firsts = {row[0].strip() for row in whole if any(map(str.strip, row[width:]))}
    return 1 < len(rows) == len(firsts) and all(map(str.isdecimal, firsts))


def join_surplus(row: list[str], width: int, place: int, delimiter: str) -> list[str]:
    """The row with one cell for those that a text at this place was cut into."""
    end = place + 1 + len(row) - width
    if len(row) <= width or not any(map(str.strip, row[width:])):
        return row
    return [*row[:place], delimiter.join(row[place:end]), *row[end:]]
