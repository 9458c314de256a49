"""Labelled rows as CSV, JSONL or Parquet, in parts that survive a kill."""

import csv
import io
import json
import re
import shutil
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from reprotune.core.errors import InputError
from reprotune.tables.cells import guard

QUOTED: Final = csv.QUOTE_NONNUMERIC  # unquoted, a lone carriage return would end the row
HALF = re.compile("[\ud800-\udfff]")  # of a character, or a byte that is none: no file can hold it


class Writer(ABC):
    """Rows in one format; ``schema`` has the columns and types of all rows.

    ``guarded``: no spreadsheet takes a cell of CSV for a formula.
    """

    def __init__(self, schema: Any, guarded: bool = True) -> None:
        self.schema, self.guarded = schema, guarded

    @abstractmethod
    def encode(self, rows: Sequence[dict[str, object]], first: bool) -> bytes:
        """A part of a file, or its beginning; a column that a row lacks is empty."""

    def join(self, parts: Sequence[Path], target: Path) -> None:
        """One file of all parts."""
        with target.open("wb") as file:
            for part in parts:
                with part.open("rb") as source:
                    shutil.copyfileobj(source, file)


class CsvWriter(Writer):
    def encode(self, rows: Sequence[dict[str, object]], first: bool) -> bytes:
        text = io.StringIO(newline="")
        writer = csv.writer(text, quoting=QUOTED, lineterminator="\n")
        if first:
            writer.writerow([guard(name, self.guarded) for name in self.schema.names])
        for row in rows:
            values = (as_cell(row.get(name)) for name in self.schema.names)
            writer.writerow([guard(value, self.guarded) for value in values])
        return repair(text.getvalue()).encode()


class JsonWriter(Writer):
    def encode(self, rows: Sequence[dict[str, object]], first: bool) -> bytes:
        lines = (json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in rows)
        return repair("".join(lines)).encode()


class ParquetWriter(Writer):
    def encode(self, rows: Sequence[dict[str, object]], first: bool) -> bytes:
        columns = {field.name: field.type for field in self.schema}
        table = [{n: as_type(row.get(n), kind) for n, kind in columns.items()} for row in rows]
        part = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist(table, self.schema), part)
        return bytes(part.getvalue())

    def join(self, parts: Sequence[Path], target: Path) -> None:
        with pq.ParquetWriter(target, self.schema) as file:
            for part in parts:
                file.write_table(pq.read_table(part).cast(self.schema))


WRITERS: dict[str, type[Writer]] = {"csv": CsvWriter, "jsonl": JsonWriter, "parquet": ParquetWriter}


def choose_format(output: Path | None, asked: str | None) -> str:
    """The format that is asked for, else that of the output's name; CSV on the terminal.

    Raises:
        InputError: it cannot be written, or not there.
    """
    name = asked or (output.suffix.lower().removeprefix(".") if output else "csv")
    if name not in WRITERS:
        where = f"--format {asked}" if asked else f"--output {output}"
        raise InputError(f"{where}: cannot write that; allowed: {', '.join(WRITERS)}")
    if name == "parquet" and output is None:
        raise InputError("--format parquet needs a file: --output FILE")
    if output and output.is_dir():
        raise InputError(f"--output {output} is a folder; name a file in it")
    return name


def repair(text: str) -> str:
    """The text with the usual mark in place of what is no character."""
    return text if text.isascii() else HALF.sub("\ufffd", text)


def as_cell(value: object) -> object:
    """A value of any format in a cell of CSV."""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    return value


def as_type(value: Any, kind: Any) -> Any:
    """A value in a column of this type: of JSON, numbers as fractions and what is mixed as text."""
    if value is not None and pa.types.is_string(kind):
        return repair(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    return float(value) if isinstance(value, int) and pa.types.is_float64(kind) else value
