"""The rows of a file of any size, one at a time: what ``predict`` and ``score`` are given.

Nothing is refused but a file as a whole: a row that cannot be read is handed on with the reason.
"""

import hashlib
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from reprotune.core.errors import InputError
from reprotune.core.seals import hash_file
from reprotune.data.reading.bad_rows import Broken
from reprotune.data.reading.formats import parse_list
from reprotune.data.reading.kinds import ARROW, DELIMITED, SHEETS, TABLES, check_kind, tell_kind
from reprotune.data.reading.objects import parse_objects
from reprotune.data.reading.parsing import (
    Cells,
    Dialect,
    Numbered,
    find_misfit,
    name_columns,
    parse_rows,
)
from reprotune.data.reading.workbooks import find_table, parse_sheets
from reprotune.project.dialects import SAMPLE, Sought, choose, list_delimiters
from reprotune.project.opening import Source, check_there
from reprotune.project.sheets import list_others

BATCH = 1000  # rows of a columnar file that are read at once
BAD_ROWS = 0.01  # share of rows that the usual quotation marks may spoil
LARGEST = 63  # bits of a number in a Parquet column
TYPES = {str: pa.string(), bool: pa.bool_(), int: pa.int64(), float: pa.float64()}


class Row(NamedTuple):
    values: Mapping[str, object]
    problem: str = ""  # why it could not be read


class Needed(NamedTuple):
    """The columns that a file must have."""

    texts: Sequence[str]
    label: str | None

    @property
    def names(self) -> list[str]:
        return [*self.texts, *filter(None, [self.label])]


@dataclass(frozen=True)
class Incoming:
    """A file that was read once from end to end, and can be read again row by row."""

    columns: list[str]
    schema: Any  # of pyarrow: columns and types
    count: int
    digest: str  # of its bytes
    read: Callable[[], Iterator[Row]]
    unread: Sequence[str] = ()  # sheets of a workbook


def take(texts: Sequence[str]) -> Incoming:
    """Texts of the command line as rows of one column."""
    digest = hashlib.sha256("\0".join(texts).encode(errors="surrogateescape")).hexdigest()
    schema = pa.schema([("text", pa.string())])
    return Incoming(
        ["text"], schema, len(texts), digest, lambda: (Row({"text": text}) for text in texts)
    )


def look_through(path: Path, texts: Sequence[str], label: str | None = None) -> Incoming:
    """A file by its ending, with the columns that hold the text, or parts of it, and the label.

    Positions (0 is the first) are columns of a file without a header row.

    Raises:
        InputError: there is no such file, or it is of another kind, or lacks a column.
    """
    check_there(path)
    kind, packing = tell_kind(path.name)
    needed, source = Needed(texts, label), Source(path, kind, packing)
    try:
        check_kind(source.read_start(), str(path))
        return LOOKS.get(kind, look_at_objects)(source, needed)
    except InputError:
        raise
    except (pa.ArrowException, ValueError, OSError) as error:
        raise InputError(f"{path}: not readable as {packing or kind}: {error}") from None


def count_rows(source: Source, columns: list[str], read: Callable[[], Iterator[Row]]) -> Incoming:
    """A file of texts alone.

    Raises:
        InputError: it has no rows.
    """
    count = sum(1 for _ in read())
    if not count:
        raise InputError(f"{source.path}: it has no rows")
    schema = pa.schema([(name, pa.string()) for name in columns])
    return Incoming(columns, schema, count, hash_file(source.path), read)


def check_columns(path: Path, columns: Sequence[str], needed: Sequence[str]) -> None:
    """Raise InputError if a column is missing, or the name of two; ``a.b`` is a field in ``a``."""
    known = {*columns, *(name for name in needed if name.partition(".")[0] in columns)}
    if missing := [name for name in needed if name not in known]:
        raise InputError(
            f"{path}: no column {missing[0]!r}; it has {list(columns)}; see --text-column"
        )
    if len(set(columns)) < len(columns):
        raise InputError(
            f"{path}: two of its columns have the same name: {list(columns)}; rename one"
        )


def look_at_parquet(source: Source, needed: Needed) -> Incoming:
    given: Any = io.BytesIO(source.read()) if source.packing else source.path
    with pq.ParquetFile(given) as file:
        schema, count = file.schema_arrow, file.metadata.num_rows
    check_columns(source.path, schema.names, needed.names)

    def read() -> Iterator[Row]:
        with pq.ParquetFile(given) as file:
            for batch in file.iter_batches(BATCH):
                yield from map(Row, batch.to_pylist())

    return Incoming(list(schema.names), schema, count, hash_file(source.path), read)


def look_at_arrow(source: Source, needed: Needed) -> Incoming:
    schema = next(read_batches(source)).schema
    check_columns(source.path, schema.names, needed.names)

    def read() -> Iterator[Row]:
        for batch in read_batches(source):
            for start in range(0, batch.num_rows, BATCH):
                yield from map(Row, batch.slice(start, BATCH).to_pylist())

    count = sum(batch.num_rows for batch in read_batches(source))
    return Incoming(list(schema.names), schema, count, hash_file(source.path), read)


def read_batches(source: Source) -> Iterator[Any]:
    """The batches of a file of Arrow, which may be meant to be streamed; the first is empty."""
    given = pa.BufferReader(source.read()) if source.packing else pa.memory_map(str(source.path))
    with given:
        try:
            file = pa.ipc.open_file(given)
            batches = map(file.get_batch, range(file.num_record_batches))
        except pa.ArrowInvalid:
            given.seek(0)
            file = batches = pa.ipc.open_stream(given)
        yield pa.RecordBatch.from_pylist([], schema=file.schema)
        yield from batches


def look_at_objects(source: Source, needed: Needed) -> Incoming:
    """JSON: the columns are those of any row, each of the type that all rows agree on."""
    encoding = source.find_encoding()
    listed = None
    if source.kind == ".json" and not holds_lines(source.read_lines(encoding)):
        listed = parse_list("".join(source.read_lines(encoding)))

    def read() -> Iterator[Row]:
        objects: Iterable[dict[str, object] | Broken]
        objects = (row for _, row in parse_objects(source.read_lines(encoding)))
        for values in objects if listed is None else listed:
            if isinstance(values, Broken):
                yield Row({needed.texts[0]: values.content}, values.reason)
            else:
                yield Row(values)

    types: dict[str, set[type]] = {}
    for row in read():
        for name, value in row.values.items():
            types.setdefault(name, set()).update([] if value is None else [find_type(value)])
    found = count_rows(source, list(types), read)
    check_columns(source.path, found.columns, needed.names)
    schema = pa.schema([(name, choose_type(some)) for name, some in types.items()])
    return replace(found, schema=schema)


def holds_lines(lines: Iterable[str]) -> bool:
    """Whether each line of a file of JSON is an object: then no more of it is held at a time."""
    top = [row for _, row in parse_objects(islice(filter(str.strip, lines), 2))]
    return len(top) > 1 and not any(isinstance(row, Broken) for row in top)


def find_type(value: object) -> type:
    is_huge = isinstance(value, int) and value.bit_length() > LARGEST
    return str if is_huge else type(value)


def choose_type(types: set[type]) -> Any:
    """The type of a Parquet column for values of JSON; what is mixed or nested stays JSON text."""
    known = {float} if types == {int, float} else types
    return TYPES.get(next(iter(known)), pa.string()) if len(known) == 1 else pa.string()


def look_at_table(source: Source, needed: Needed) -> Incoming:
    """Lines of cells, in the dialect that finds the columns; of one column, whole lines of .txt."""
    encoding = source.find_encoding()
    read_lines = partial(source.read_lines, encoding)
    is_table = source.kind in TABLES
    top = list(islice(read_lines(), SAMPLE))
    first = ("\t",) if source.kind == ".tsv" else ()  # among equals
    sought = Sought([top], *needed, is_table, BAD_ROWS)
    dialect = choose(sought, (*first, *list_delimiters(top)))
    return look_at_cells(source, needed, dialect, lambda: parse_rows(read_lines(), dialect))


def look_at_sheet(source: Source, needed: Needed) -> Incoming:
    sheets = parse_sheets(source.read())
    read, rows = find_table(sheets, needed.names)
    by_position = all(name.isdecimal() for name in needed.names)
    found = look_at_cells(source, needed, Dialect(header=not by_position), lambda: iter(rows))
    return replace(found, unread=list_others(sheets, read))


def look_at_cells(
    source: Source,
    needed: Needed,
    dialect: Dialect,
    read_cells: Callable[[], Iterator[Numbered]],
) -> Incoming:
    """Rows of cells, the first of which may be a header."""
    _, first = next(read_cells(), (1, []))
    if not first:
        raise InputError(f"{source.path}: it has no rows")
    columns = trim([str(name) for name in name_columns(first, dialect.header)])
    if dialect.cut == "nowhere":
        columns = [needed.texts[0]]

    def read() -> Iterator[Row]:
        for line, row in islice(read_cells(), int(dialect.header), None):
            yield fit(row, columns, line, dialect)

    check_columns(source.path, columns, needed.names)
    return count_rows(source, columns, read)


def trim(names: Cells) -> Cells:
    """The names of a header without those that are empty at its end."""
    return names[: max((n for n, name in enumerate(names, start=1) if name), default=0)]


def fit(row: Cells | Broken, columns: Cells, line: int, dialect: Dialect) -> Row:
    """The cells by column; those of a line with a stray quotation mark as they stand."""
    if isinstance(row, Broken):
        row = row.content.rstrip("\r\n").split(dialect.delimiter)
    some = [*row, *[""] * (len(columns) - len(row))]
    values = dict(zip(columns, some, strict=False))
    return Row(values, find_misfit(row, len(columns), line))


LOOKS: dict[str, Callable[[Source, Needed], Incoming]] = {
    **dict.fromkeys(DELIMITED, look_at_table),
    **dict.fromkeys(SHEETS, look_at_sheet),
    **dict.fromkeys(ARROW, look_at_arrow),
    ".parquet": look_at_parquet,
}
