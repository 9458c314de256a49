"""From the lines of a text to rows, one at a time; a row that is broken stops no other.

Training reads whole files so, and ``predict`` files of any size.
"""

import csv
import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, Literal, NamedTuple

from reprotune.core.params import Download
from reprotune.core.params.fields import split_template
from reprotune.core.printing import count_of
from reprotune.data.reading.bad_rows import Broken
from reprotune.data.reading.widths import has_row_names, join_surplus, trim_first

PREFACE = 20  # lines that may stand before a header
TOP = 20  # rows that tell whether the header lacks a name
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
    sink: Column | None = None  # whose texts hold the delimiter, where no quotation mark guards it
    is_pair: bool = False  # the first two columns are text and label
    spaced: bool = False  # quotation marks stand behind a space


DERIVED = ("cut", "sink", "is_pair", "spaced")  # from the columns and the file


def describe_dialect(download: Download, is_table: bool) -> Dialect:
    """``is_table``: by its name, the file is CSV or TSV."""
    known = {name: getattr(download, name) for name in Dialect._fields if name not in DERIVED}
    texts = split_template(download.text_column)
    return Dialect(**known, **derive(download.delimiter, texts, download.label_column, is_table))


def derive(
    delimiter: str, texts: Sequence[Column], label: Column | None, is_table: bool
) -> dict[str, Any]:
    """What of a dialect the columns decide; ``texts`` are those that hold parts of the text."""
    return {
        "cut": find_cut(delimiter, texts, label, is_table),
        "sink": texts[0] if len(texts) == 1 else None,  # of several nobody can tell
        "is_pair": is_pair(texts, label),
    }


def is_pair(texts: Sequence[Column], label: Column | None) -> bool:
    """Whether text and label are the first two columns, by their positions."""
    return len(texts) == 1 and {str(texts[0]), str(label)} == {"0", "1"}


def find_cut(delimiter: str, texts: Sequence[Column], label: Column | None, is_table: bool) -> Cut:
    """Where the lines are cut: no quotation mark keeps ``sentence@label`` from too many cuts."""
    if is_table or len(texts) > 1:
        return "everywhere"
    if label is None:
        return "nowhere"
    if (delimiter in ALWAYS or not is_pair(texts, label)) and delimiter not in ONCE:
        return "everywhere"
    return "first" if str(label) == "0" else "last"


def parse_rows(lines: Iterable[str], dialect: Dialect) -> Iterator[Numbered]:
    """The rows of a text file, the header among them."""
    source = islice(lines, dialect.skip, None)
    if dialect.cut == "everywhere":
        parse = parse_long if len(dialect.delimiter) > 1 else parse_csv
        rows = parse(source, dialect)
        if top := list(islice(rows, 1 + TOP)):
            first = top[0][0], trim_first([row for _, row in top])
            yield from fit_rows([first, *top[1:]], rows, dialect)
        return
    cut = str.split if dialect.cut == "first" else str.rsplit
    for number, line in enumerate(source, start=dialect.skip + 1):
        bare = line.rstrip("\r\n")
        yield number, [bare] if dialect.cut == "nowhere" else cut(bare, dialect.delimiter, 1)


def fit_rows(
    top: Sequence[Numbered], rows: Iterator[Numbered], dialect: Dialect
) -> Iterator[Numbered]:
    """Rows with a cell for each column, as far as they have, and before them the header.

    Where no quotation mark guards the delimiters in a text, its parts come together again. Without
    a header, of text and label alone: rows that all have as many cells, and more than two, have
    other columns. R writes no name for the column of its row names.
    """
    if dialect.header:
        (line, first), *top = top
        if isinstance(first, list) and has_row_names([row for _, row in top], len(first)):
            first = ["", *first]
        yield line, first
        names = [] if isinstance(first, Broken) else [name.strip() for name in first]
        sink, width = str(dialect.sink).strip(), len(names)
        place = names.index(sink) if sink in names else -1
        is_bare = True
    else:
        width, place = 2, int(dialect.sink or 0) if dialect.is_pair else -1
        widths = {len(row) for _, row in top if not isinstance(row, Broken)}
        is_bare = len(widths) > 1 or width in widths
    if dialect.quote is not None:
        is_bare = width == 2 and is_mixed(top, place, dialect)
    if place < 0 or not is_bare:
        yield from chain(top, rows)
        return
    shape = width, place, dialect.delimiter
    for line, row in chain(top, rows):
        yield line, row if isinstance(row, Broken) else join_surplus(row, *shape)


def is_mixed(rows: Sequence[Numbered], place: int, dialect: Dialect) -> bool:
    """Whether delimiters in the texts of pairs stand in quotation marks here, and bare there.

    The bare ones make further cells of two rows or more and, with their texts whole again, these
    have labels of others.
    """
    whole = [row for _, row in rows if isinstance(row, list) and place >= 0]
    pairs = [row for row in whole if len(row) == 2]
    longer = [join_surplus(row, 2, place, dialect.delimiter) for row in whole if len(row) > 2]
    known = {row[1 - place] for row in pairs}
    is_guarded = any(dialect.delimiter in row[place] for row in pairs)
    return is_guarded and len(longer) > 1 and known.issuperset(row[1 - place] for row in longer)


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
    top = list(islice(source, TOP))
    dialect = dialect._replace(spaced=is_spaced(top, dialect))
    lines, number = Lines(chain(top, source)), dialect.skip + 1
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
        skipinitialspace=dialect.spaced,
        strict=True,
    )


def is_spaced(top: Sequence[str], dialect: Dialect) -> bool:
    """Whether quotation marks stand behind a space: ``1, "a text", good``."""
    mark, quote = re.escape(dialect.delimiter), dialect.quote
    if quote is None or dialect.delimiter.isspace():
        return False
    return any(re.search(rf"{mark} +{quote}[^{quote}{mark}\r\n]", line) for line in top)


def name_columns(first: Cells | Broken, header: bool) -> Cells | list[int]:
    """The names of the columns that the first row holds, nameless ones empty, or the positions.

    Raises:
        ValueError: the row is broken.
    """
    if isinstance(first, Broken):
        raise ValueError(first.reason.removeprefix("broken line: "))
    if not header:
        return list(range(len(first)))
    names = [name.strip() for name in first]
    return number_repeated(names)


def number_repeated(names: Cells) -> Cells:
    """With a number behind each of the same: two columns ``note`` are ``note (1)``, ``note (2)``.

    Raises:
        ValueError: another column is called so.
    """
    counts, seen = Counter(names), Counter[str]()
    numbered = []
    for name in names:
        seen[name] += 1
        numbered.append(f"{name} ({seen[name]})" if name and counts[name] > 1 else name)
    if any(count > 1 for name, count in Counter(numbered).items() if name):
        raise ValueError(f"two of its columns have the same name: {names}; rename one")
    return numbered


def find_misfit(row: Sequence[str], width: int, line: int) -> str:
    """Why a row does not fit into so many columns, if not; further cells that are empty do."""
    if len(row) < width or any(map(str.strip, row[width:])):
        return f"broken line: line {line} has {count_of(len(row), 'column')}, the first has {width}"
    return ""
