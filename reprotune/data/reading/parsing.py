"""From the lines of a text to rows, one at a time; a row that is broken stops no other.

Training reads whole files so, and ``predict`` files of any size.
"""

import csv
import json
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Literal, NamedTuple

from reprotune.core.io import parse_json
from reprotune.core.params import Download
from reprotune.core.params.fields import list_fields
from reprotune.data.reading.bad_rows import Broken

PREFACE = 20  # lines that may stand before a header
LONGEST = 10_000_000  # characters of a cell: more is a quotation mark that nobody closed
ALWAYS = ",;\t"  # delimiters that part all columns in any file
LONGEST_DELIMITER = 16  # characters
MARK = "\uffff"  # is no character: stands for a delimiter of several
ONCE = "@ "  # delimiters that occur in texts, and so part two columns alone

Cut = Literal["everywhere", "first", "last", "nowhere"]
Column = str | int  # its name or position
Cells = list[str]
Numbered = tuple[int, Cells | Broken]  # the line in which a row begins, and the row


class Dialect(NamedTuple):
    """How rows stand in the lines of a text file."""

    delimiter: str = ","
    quote: str | None = '"'
    escape: str | None = None
    skip: int = 0
    header: bool = True
    cut: Cut = "everywhere"


def describe_dialect(download: Download, is_table: bool) -> Dialect:
    """``is_table``: by its name, the file is CSV or TSV."""
    known = {name: getattr(download, name) for name in Dialect._fields[:-1]}
    texts: list[Column] = [*list_fields(download.text_column)] or [download.text_column]
    return Dialect(
        **known, cut=find_cut(download.delimiter, texts, download.label_column, is_table)
    )


def find_cut(delimiter: str, texts: Sequence[Column], label: Column | None, is_table: bool) -> Cut:
    """Where the lines are cut: no quotation mark keeps ``sentence@label`` from being cut too often.

    ``texts`` are the columns that hold parts of the text.
    """
    if is_table or len(texts) > 1:
        return "everywhere"
    if label is None:
        return "nowhere"
    is_pair = delimiter not in ALWAYS and {str(texts[0]), str(label)} == {"0", "1"}
    if not is_pair and delimiter not in ONCE:
        return "everywhere"
    return "first" if str(label) == "0" else "last"


def parse_rows(lines: Iterable[str], dialect: Dialect) -> Iterator[Numbered]:
    """The rows of a text file, the header among them."""
    source = islice(lines, dialect.skip, None)
    if dialect.cut == "everywhere":
        is_long = len(dialect.delimiter) > 1
        yield from (parse_long if is_long else parse_csv)(source, dialect)
        return
    cut = str.split if dialect.cut == "first" else str.rsplit
    for number, line in enumerate(source, start=dialect.skip + 1):
        bare = line.rstrip("\r\n")
        yield number, [bare] if dialect.cut == "nowhere" else cut(bare, dialect.delimiter, 1)


def parse_long(source: Iterable[str], dialect: Dialect) -> Iterator[Numbered]:
    """Rows whose cells are parted by several characters."""
    known = dialect.delimiter
    marked = (line.replace(known, MARK) for line in source)
    for number, row in parse_csv(marked, dialect._replace(delimiter=MARK)):
        if isinstance(row, Broken):
            yield number, row._replace(content=row.content.replace(MARK, known))
        else:
            yield number, [cell.replace(MARK, known) for cell in row]


class Lines:
    """Lines that can be taken back once they are read."""

    def __init__(self, source: Iterable[str]) -> None:
        self.source = iter(source)
        self.returned: deque[str] = deque()
        self.taken: Cells = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self.returned.popleft() if self.returned else next(self.source)
        self.taken.append(line)
        return line

    def settle(self, count: int | None = None) -> Cells:
        """The first lines since the last call (all of them), which are done; the rest come back."""
        done, rest = self.taken[:count], self.taken[len(self.taken[:count]) :]
        self.returned.extendleft(reversed(rest))
        self.taken = []
        return done


def parse_csv(source: Iterable[str], dialect: Dialect) -> Iterator[Numbered]:
    """Rows with the line in which each begins; quoted cells may hold line breaks.

    After a row that cannot be read it goes on with the next line. That reads no line many times:
    of two rows that begin with an open quote, the second closes the first or makes it an error.
    """
    csv.field_size_limit(LONGEST)
    lines, number = Lines(source), dialect.skip + 1
    reader = open_reader(lines, dialect)
    while True:
        row: Cells | Broken | None
        try:
            row = next(reader, None)
            read = len(lines.settle())
        except csv.Error as error:
            (line,) = lines.settle(1)
            reason = f"broken line: line {number} has a stray quotation mark ({error})"
            row, read = Broken(reason, line), 1
            reader = open_reader(lines, dialect)
        if row is None:
            return
        if row:
            yield number, row
        number += read


def open_reader(lines: Iterable[str], dialect: Dialect) -> "Iterator[Cells]":
    if dialect.quote is None:
        return csv.reader(lines, delimiter=dialect.delimiter, quoting=csv.QUOTE_NONE)
    return csv.reader(
        lines,
        delimiter=dialect.delimiter,
        quotechar=dialect.quote,
        escapechar=dialect.escape,
        strict=True,
    )


def parse_objects(lines: Iterable[str]) -> Iterator[tuple[int, dict[str, object] | Broken]]:
    """The lines of JSONL that are not empty, each with its number."""
    for number, line in enumerate(lines, start=1):
        bare = line.rstrip("\r\n")
        if bare.strip():
            try:
                yield number, parse_object(bare)
            except ValueError as error:
                yield number, Broken(f"broken line: line {number}{error}", bare)


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


def name_columns(first: Cells | Broken, header: bool) -> Cells | list[int]:
    """The names of the columns that the first row holds, nameless ones empty, or the positions.

    Raises:
        ValueError: the row is broken, or two columns have the same name.
    """
    if isinstance(first, Broken):
        raise ValueError(first.reason.removeprefix("broken line: "))
    if not header:
        return list(range(len(first)))
    names = [name.strip() for name in first]
    if any(count > 1 for name, count in Counter(names).items() if name):
        raise ValueError(f"two of its columns have the same name: {names}; rename one")
    return names


def find_misfit(row: Sequence[str], width: int, line: int) -> str:
    """Why a row does not fit into so many columns, if not; further cells that are empty do."""
    if len(row) < width or any(map(str.strip, row[width:])):
        return f"broken line: line {line} has {len(row)} columns, the first has {width}"
    return ""
