"""The rows of a database become a file, before ``init`` copies it."""

import shlex
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from reprotune.core.errors import InputError
from reprotune.project.wanted import Wanted
from reprotune.project.written import write_rows


def freeze_query(wanted: Wanted, folder: Path) -> Wanted:
    """The rows of an SQLite file that a query asks for; nothing is written to it.

    Without a query, all rows of the only table.

    Raises:
        InputError: there is no query, or it cannot be answered.
    """
    (source,) = wanted.files
    try:
        with closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True)) as base:
            cursor = base.execute(wanted.query or ask_for_all(base, source))
            if cursor.description is None:
                raise InputError(f"--query {wanted.query!r}: has no rows; it is no SELECT")
            columns = [column[0] for column in cursor.description]
            if twice := [name for name in columns if columns.count(name) > 1]:
                raise InputError(
                    f"{source}: two columns of the answer are called {twice[0]}: name those that "
                    "you want, each its own way (SELECT a.text AS text, ...)"
                )
            path = folder / f"{source.stem}.jsonl"
            write_rows(path, (dict(zip(columns, row, strict=True)) for row in cursor))
    except sqlite3.Error as error:
        asked = f"--query {wanted.query!r}: " if wanted.query else ""
        raise InputError(f"{asked}{source} says {error}") from None
    return replace(wanted, files=[path])


def ask_for_all(base: sqlite3.Connection, source: Path) -> str:
    """The query for all rows of the only table, or view.

    Raises:
        InputError: there is none, or there are several.
    """
    tables = base.execute(
        "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') "
        "AND substr(name, 1, 7) != 'sqlite_'"
    )
    names = [name for (name,) in tables]
    if not names:
        raise InputError(f"{source}: is a database without tables")
    query = 'SELECT * FROM "{}"'.format(names[0].replace('"', '""'))
    if len(names) == 1:
        return query
    raise InputError(
        f"{source}: is a database with the tables {', '.join(names)}; say which rows: --query "
        f"{shlex.quote(query)}"
    )


def refuse_duckdb(wanted: Wanted, folder: Path) -> Wanted:
    raise InputError(
        f"{wanted.files[0]}: is a DuckDB file; write the rows into a file first: "
        f"duckdb {wanted.files[0]} -c \"COPY (SELECT ...) TO 'rows.parquet'\""
    )
