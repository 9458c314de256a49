"""The rows of a file of any size, one at a time: what ``predict`` and ``score`` are given.

Nothing is refused but a file as a whole: a row that cannot be read is handed on with the reason.
"""

import codecs
import csv
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from reprotune.core.errors import InputError
from reprotune.data.reading.charset import find_mark, guess_encoding
from reprotune.project.sniff import DELIMITERS

FORMATS = (".csv", ".tsv", ".txt", ".neg", ".pos", ".jsonl", ".parquet")
BLOCK = 1 << 20  # bytes that are read at once
SAMPLE = 1000  # rows that tell the delimiter
LONGEST = 10_000_000  # characters of a field: more is a quotation mark that nobody closed
ESCAPED = re.compile("[\udc80-\udcff]")  # bytes that are no character, as Python hands them on
LARGEST = 63  # bits of a number in a Parquet column
TYPES = {str: pa.string(), bool: pa.bool_(), int: pa.int64(), float: pa.float64()}


class Row(NamedTuple):
    values: dict[str, Any]
    problem: str = ""  # why it could not be read


@dataclass(frozen=True)
class Incoming:
    """A file that was read once from end to end, and can be read again row by row."""

    columns: list[str]
    schema: Any  # of pyarrow: columns and types
    count: int
    digest: str  # of its bytes
    read: Callable[[], Iterator[Row]]


def take(texts: Sequence[str]) -> Incoming:
    """Texts of the command line as rows of one column."""
    digest = hashlib.sha256("\0".join(texts).encode(errors="surrogateescape")).hexdigest()
    schema = pa.schema([("text", pa.string())])
    return Incoming(
        ["text"], schema, len(texts), digest, lambda: (Row({"text": text}) for text in texts)
    )


def look_through(path: Path, needed: Sequence[str] | None) -> Incoming:
    """A file by its ending; ``needed`` are columns that it must have, by default ``text``.

    Positions (0 is the first) are columns of a file without a header row.

    Raises:
        InputError: there is no such file, or it is of another kind, or lacks a column.
    """
    kind = path.suffix.lower()
    if kind not in FORMATS:
        raise InputError(
            f"{path}: cannot read a {kind or 'nameless'} file; allowed: {', '.join(FORMATS)}"
        )
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    columns = list(needed or ["text"])
    digest, encoding = read_bytes(path, is_text=kind != ".parquet")
    if kind == ".parquet":
        return look_at_parquet(path, columns, digest)
    if kind == ".jsonl":
        return look_at_objects(path, columns, digest, encoding)
    if kind in (".csv", ".tsv"):
        return look_at_table(path, columns, digest, encoding)
    return count_rows(path, columns[:1], digest, lambda: read_lines(path, encoding, columns[0]))


def read_bytes(path: Path, is_text: bool) -> tuple[str, str]:
    """The hash of a file, and the encoding of its text: UTF-8 if most of it is."""
    hashed, right, wrong, sample = hashlib.sha256(), 0, 0, b""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            hashed.update(block)
            if is_text and not block.isascii():
                beyond = re.sub("[\x00-\x7f]+", "", decoder.decode(block))
                escaped = len(ESCAPED.findall(beyond))
                right, wrong = right + len(beyond) - escaped, wrong + escaped
                sample = sample or block
        file.seek(0)
        mark = find_mark(file.read(4)) if is_text else None
    garbled = wrong > right
    return hashed.hexdigest(), mark or (guess_encoding(sample) if garbled else "utf-8")


def open_text(path: Path, encoding: str) -> Iterator[str]:
    """Lines with their ends, without a byte-order mark."""
    with path.open(encoding=encoding, errors="surrogateescape", newline="") as file:
        yield file.readline().removeprefix("\ufeff")
        yield from file


def count_rows(
    path: Path, columns: list[str], digest: str, read: Callable[[], Iterator[Row]]
) -> Incoming:
    """A file of texts alone.

    Raises:
        InputError: it has no rows.
    """
    count = sum(1 for _ in read())
    if not count:
        raise InputError(f"{path}: it has no rows")
    schema = pa.schema([(name, pa.string()) for name in columns])
    return Incoming(columns, schema, count, digest, read)


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


def read_lines(path: Path, encoding: str, column: str) -> Iterator[Row]:
    for line in open_text(path, encoding):
        if line:  # what ends the file is no line
            yield Row({column: line.rstrip("\r\n")})


def look_at_parquet(path: Path, needed: Sequence[str], digest: str) -> Incoming:
    try:
        with pq.ParquetFile(path) as file:
            schema, count = file.schema_arrow, file.metadata.num_rows
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: not readable as .parquet: {error}") from None
    check_columns(path, schema.names, needed)

    def read() -> Iterator[Row]:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(SAMPLE):
                yield from map(Row, batch.to_pylist())

    return Incoming(list(schema.names), schema, count, digest, read)


def look_at_objects(path: Path, needed: Sequence[str], digest: str, encoding: str) -> Incoming:
    """JSONL: the columns are those of any row, each of the type that all rows agree on."""

    def read() -> Iterator[Row]:
        return read_objects(path, encoding, needed[0])

    types: dict[str, set[type]] = {}
    for row in read():
        for name, value in row.values.items():
            types.setdefault(name, set()).update([] if value is None else [find_type(value)])
    found = count_rows(path, list(types), digest, read)
    check_columns(path, found.columns, needed)
    schema = pa.schema([(name, choose_type(some)) for name, some in types.items()])
    return replace(found, schema=schema)


def find_type(value: object) -> type:
    is_huge = isinstance(value, int) and value.bit_length() > LARGEST
    return str if is_huge else type(value)


def choose_type(types: set[type]) -> Any:
    """The type of a Parquet column for values of JSON; what is mixed or nested stays JSON text."""
    known = {float} if types == {int, float} else types
    return TYPES.get(next(iter(known)), pa.string()) if len(known) == 1 else pa.string()


def read_objects(path: Path, encoding: str, column: str) -> Iterator[Row]:
    for line in open_text(path, encoding):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield Row({column: line.rstrip("\r\n")}, f"no JSON: {error}")
            continue
        if isinstance(values, dict):
            yield Row(values)
        else:
            yield Row({column: line.rstrip("\r\n")}, "no JSON object")


def look_at_table(path: Path, needed: Sequence[str], digest: str, encoding: str) -> Incoming:
    """CSV and the like, with the delimiter that finds the columns and fits the most rows."""
    tops = {
        mark: list(islice(parse(open_text(path, encoding), mark), SAMPLE))
        for mark in (("\t", *DELIMITERS) if path.suffix.lower() == ".tsv" else DELIMITERS)
    }
    if not all(tops.values()):
        raise InputError(f"{path}: it has no rows")
    ways = [way for mark, top in tops.items() for way in list_ways(mark, top, needed)]
    if not ways:
        check_columns(path, max((trim(top[0]) for top in tops.values()), key=len), needed)
    way = min(ways, key=lambda way: (way.misfits, -len(way.columns)))

    def read() -> Iterator[Row]:
        for cells in islice(parse(open_text(path, encoding), way.delimiter), way.header, None):
            yield fit(cells, way.columns)

    check_columns(path, way.columns, needed)
    return count_rows(path, way.columns, digest, read)


class Way(NamedTuple):
    """How a table can be read."""

    delimiter: str
    header: int  # rows
    columns: list[str]
    misfits: int  # of the first rows: those with more or fewer columns


def list_ways(mark: str, top: list[list[str]], needed: Sequence[str]) -> Iterator[Way]:
    """With a header row that has the columns, or without one if they are positions."""
    names = trim(top[0])
    places = [str(place) for place in range(len(names))]
    for header, columns in ((1, names), (0, places)):
        if set(needed) <= set(columns):
            misfits = sum(fit(cells, columns).problem != "" for cells in top)
            yield Way(mark, header, columns, misfits)
            return


def trim(cells: list[str]) -> list[str]:
    """The cells of a header without those that are empty at its end."""
    return cells[: max((n for n, cell in enumerate(cells, start=1) if cell.strip()), default=0)]


def fit(cells: list[str], columns: list[str]) -> Row:
    """The cells by column; further empty ones are no fault."""
    some = [*cells, *[""] * (len(columns) - len(cells))]
    values = dict(zip(columns, some, strict=False))
    is_short, is_long = len(cells) < len(columns), any(cells[len(columns) :])
    return Row(
        values, f"{len(cells)} columns in place of {len(columns)}" if is_short or is_long else ""
    )


def parse(lines: Iterator[str], delimiter: str) -> Iterator[list[str]]:
    """Rows of cells; a row with a stray quotation mark is its first line, as it stands."""
    csv.field_size_limit(LONGEST)
    taken: list[str] = []

    def take_note(source: Iterable[str]) -> Iterator[str]:
        for line in source:
            taken.append(line)
            yield line

    reader = csv.reader(take_note(lines), delimiter=delimiter, strict=True)
    while True:
        taken.clear()
        try:
            row = next(reader, None)
        except csv.Error:
            first, *rest = taken
            lines = chain(rest, lines)
            reader = csv.reader(take_note(lines), delimiter=delimiter, strict=True)
            row = next(csv.reader([first], delimiter=delimiter, quoting=csv.QUOTE_NONE))
        if row is None:
            return
        if row:
            yield row
