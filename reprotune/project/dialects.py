"""How the rows of a text file are written, by trying: the columns that are asked for decide."""

import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from reprotune.data.reading.bad_rows import Broken, count_allowed
from reprotune.data.reading.labels import spell
from reprotune.data.reading.parsing import (
    LONGEST_DELIMITER,
    ONCE,
    PREFACE,
    Cells,
    Column,
    Dialect,
    derive,
    find_misfit,
    name_columns,
    parse_rows,
)

DELIMITERS = (",", ";", "\t", "|", "^", "~", "\x01", "\x1f", "@", " ")
LONG = re.compile(r"(?<=\S)(?: *[|:;~^#@$%&*+=-]{2,} *|\t{2,})(?=\S)")  # several characters
QUOTINGS = (('"', None), ('"', "\\"), (None, None), ("'", None), ("'", "\\"))  # usual ones first
SAMPLE = 5000  # lines of each file that are looked at
LARGEST = 1_000_000  # characters of them
WRAPPED = {mark: re.compile(f"{mark}([^{mark}]|{mark}{mark})*{mark}") for mark in "\"'"}


@dataclass(frozen=True)
class Sought:
    """What is looked for in the first lines of files."""

    tops: Sequence[Sequence[str]]  # of each file
    texts: Sequence[Column]  # columns that hold parts of the text
    label: Column | None
    is_table: bool  # by the names of the files
    share: float  # of rows that may be bad

    @property
    def columns(self) -> list[str]:
        return [str(column) for column in (*self.texts, self.label) if column is not None]

    @property
    def by_position(self) -> bool:
        return all(column.isdecimal() for column in self.columns)


@dataclass(frozen=True)
class Trial:
    """What one dialect makes of the lines."""

    dialect: Dialect
    columns: Cells
    rows: int = 0
    misfits: int = 0  # rows that it cannot read, or whose cells have quotation marks left
    joined: int = 0  # rows whose text has delimiters that no quotation mark guards
    labels: frozenset[str] = frozenset()

    @property
    def rank(self) -> tuple[float, ...]:
        """The lower, the better: few and short labels; without a label, all rows in columns."""
        few = len(self.labels)
        if not few:
            return (self.misfits, -len(self.columns))
        return (few < 2, few, sum(map(len, self.labels)))


def take_sample(text: str) -> list[str]:
    """The first and the last lines of a file, which may be sorted by its labels."""
    first = list(islice(io.StringIO(text[:LARGEST], newline=""), SAMPLE))
    rest = text[sum(map(len, first)) :]
    if not rest:
        return first
    end = rest[-LARGEST:]
    last = list(io.StringIO(end, newline=""))[1:] or [end]
    return [*first[: SAMPLE // 2], *last[-SAMPLE // 2 :]]


def list_delimiters(lines: Sequence[str]) -> list[str]:
    """Those that may be meant: first the marks of several characters that most lines have."""
    found = (
        {mark for run in LONG.findall(line) for mark in (run, run.strip(" "))} for line in lines
    )
    counts = Counter(chain.from_iterable(found))
    long = [
        m for m, count in counts.items() if count > len(lines) / 2 and len(m) <= LONGEST_DELIMITER
    ]
    return [*sorted(long, key=len, reverse=True), *DELIMITERS]


def choose(sought: Sought, known: Sequence[str] | None = None) -> Dialect:
    """The dialect that fits; without any, that of the commonest delimiter, for its message.

    A header is looked for below other lines only if it is not the first.
    """
    delimiters = known or list_delimiters(list(chain.from_iterable(sought.tops)))
    for list_ways in (list_first_ways, list_later_ways):
        tried = [try_ways(sought, list_ways(sought, mark)) for mark in delimiters]
        if found := list(filter(None, tried)):
            return min(found, key=lambda trial: trial.rank).dialect
    first = next((top[0] for top in sought.tops if top), "")
    mark = max(delimiters, key=lambda mark: mark not in ONCE and first.count(mark))
    return describe(sought, mark, header=not sought.by_position)


def describe(sought: Sought, delimiter: str, header: bool, skip: int = 0) -> Dialect:
    derived = derive(delimiter, sought.texts, sought.label, sought.is_table)
    is_header = header and derived["cut"] != "nowhere"
    return Dialect(delimiter, header=is_header, skip=skip, **derived)


def try_ways(sought: Sought, ways: Iterator[Dialect]) -> Trial | None:
    """The way and the quoting with which the columns are found, if they are."""
    trials = [trial for way in ways if (trial := try_quotings(sought, way))]
    return min(trials, key=lambda trial: trial.misfits) if trials else None


def list_first_ways(sought: Sought, delimiter: str) -> Iterator[Dialect]:
    """With a header, which may name positions, or without, perhaps after lines of comments."""
    if delimiter == " " and (sought.is_table or sought.label is None):
        return  # words are no columns
    yield describe(sought, delimiter, header=True)
    if sought.by_position:
        first = enumerate(sought.tops[0][: PREFACE + 1])
        comments = next((n for n, line in first if not line.startswith("#")), 0)
        for skip in sorted({0, comments}):
            yield describe(sought, delimiter, header=False, skip=skip)


def list_later_ways(sought: Sought, delimiter: str) -> Iterator[Dialect]:
    """With a header below lines of comments, a title, or ``sep=;``."""
    heads = [column.split(".")[0] for column in sought.columns]
    for skip, line in enumerate(sought.tops[0][1 : PREFACE + 1], start=1):
        if not sought.by_position and all(head in line for head in heads):
            yield describe(sought, delimiter, header=True, skip=skip)


def try_quotings(sought: Sought, dialect: Dialect) -> Trial | None:
    """The usual quoting, unless it leaves more rows out than may be bad; then the best.

    One that keeps to its columns, too, is better than one that has texts with delimiters in them.
    """
    if dialect.cut != "everywhere":
        return judge(sought, dialect)
    trials = []
    for quote, escape in QUOTINGS:
        if trial := judge(sought, dialect._replace(quote=quote, escape=escape)):
            trials.append(trial)
            if trial.misfits <= count_allowed(trial.rows, sought.share):
                return trial
    return min(trials, key=lambda trial: trial.misfits + trial.joined, default=None)


def judge(sought: Sought, dialect: Dialect) -> Trial | None:
    """What a dialect makes of all files; nothing if one lacks a column."""
    parts = [judge_file(top, sought, dialect) for top in sought.tops]
    found = [part for part in parts if part]
    if len(found) < len(parts) or not found:
        return None
    return Trial(
        dialect,
        found[0].columns,
        sum(part.rows for part in found),
        sum(part.misfits for part in found),
        sum(part.joined for part in found),
        frozenset().union(*(part.labels for part in found)),
    )


def judge_file(top: Sequence[str], sought: Sought, dialect: Dialect) -> Trial | None:
    rows = parse_rows(top, dialect)
    _, first = head = next(rows, (0, Broken("", "")))
    try:
        columns = list(map(str, name_columns(first, dialect.header)))
    except ValueError:
        return None
    places = [place for column in sought.columns for place in find_places(column, columns)]
    if len(places) < len(sought.columns):
        return None
    body = [*([] if dialect.header else [head]), *rows]  # read once the columns are known
    whole = [
        row
        for line, row in body
        if not isinstance(row, Broken) and not find_misfit(row, len(columns), line)
    ]
    misfits = len(body) - len(whole) + count_wrapped(whole, dialect.quote)
    joined = sum(has_delimiter(row, dialect) for row in whole)
    labels = (spell(row[places[-1]]) for row in whole) if sought.label is not None else ()
    return Trial(dialect, columns, len(body), misfits, joined, frozenset(labels))


def has_delimiter(row: Cells, dialect: Dialect) -> bool:
    """Whether a cell was cut, and made whole again."""
    return dialect.quote is None and any(dialect.delimiter in cell for cell in row)


def find_places(column: str, columns: Sequence[str]) -> list[int]:
    """Where a column stands, or the one that holds objects with a field of this name."""
    names = [name for name in (column.strip(), column.split(".", maxsplit=1)[0]) if name in columns]
    return [columns.index(name) for name in names[:1]]


def count_wrapped(rows: Sequence[Cells], quote: str | None) -> int:
    """Rows in which quotation marks that this quoting leaves as text stand around a cell.

    Single ones are also how people quote: they count if most rows have them.
    """
    counts = {
        mark: sum(any(map(wrapped.fullmatch, row)) for row in rows)
        for mark, wrapped in WRAPPED.items()
        if mark != quote
    }
    single = counts.get("'", 0)
    return counts.get('"', 0) + (single if single > len(rows) / 2 else 0)
