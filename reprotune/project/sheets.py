"""Workbooks of several sheets: parts, classes, or sheets that are not read."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from reprotune.core.errors import InputError
from reprotune.core.params import Download
from reprotune.data.reading.formats import (
    SHEETS,
    fill_columns,
    find_table,
    list_columns,
    parse_sheets,
    tell_kind,
    unpack,
)
from reprotune.data.reading.parsing import Dialect, Numbered
from reprotune.project.columns import find_labels, find_texts
from reprotune.project.folders import find_part

SHEET = "sheet"  # column of the names of sheets that are classes


def read_sheets(file: Path) -> Mapping[str, Sequence[Numbered]]:
    """The sheets that have rows; none of a file that is no workbook."""
    try:
        kind, packing = tell_kind(file.name)
        sheets = (
            parse_sheets(unpack(file.read_bytes(), packing, str(file))) if kind in SHEETS else {}
        )
    except (ValueError, InputError, OSError):  # of which its reader says more
        return {}
    return {name: rows for name, rows in sheets.items() if rows}


def read_parts(file: Path) -> dict[str, pd.DataFrame]:
    """The tables of the parts, if the name of each sheet has that of one."""
    sheets = read_sheets(file)
    parts = {find_part(name): rows for name, rows in sheets.items()}
    if "train" not in parts or None in parts or len(parts) < len(sheets):
        return {}
    return {str(part): fill_columns(rows, Dialect())[0] for part, rows in parts.items()}


def read_classes(file: Path) -> pd.DataFrame:
    """The rows of all sheets, each with the name of its sheet, if nothing else may be their label.

    All have the same names of columns, or one column without a name.
    """
    sheets = read_sheets(file)
    heads = [tuple(rows[0][1]) for rows in sheets.values()]
    is_bare = len({*heads}) == len(heads) and {len(head) for head in heads} == {1}
    if len(heads) < 2 or not (is_bare or len({*heads}) == 1):
        return pd.DataFrame()
    try:
        tables = [fill_columns(rows, Dialect(header=not is_bare))[0] for rows in sheets.values()]
    except ValueError:  # a sheet without rows
        return pd.DataFrame()
    rows = pd.concat(tables, ignore_index=True).rename(columns={0: "text"})
    if SHEET in rows or not find_texts(rows, None) or find_labels(rows, None):
        return pd.DataFrame()
    names = [name for name, table in zip(sheets, tables, strict=True) for _ in range(len(table))]
    return rows.assign(**{SHEET: names})


def list_unread(file: Path, way: Download) -> list[str]:
    """The sheets of a workbook beside the one that is read, each with its number of rows."""
    sheets = read_sheets(file)
    read, _ = find_table(sheets, list_columns(way))
    return list_others(sheets, read)


def list_others(sheets: Mapping[str, Sequence[Numbered]], read: str) -> list[str]:
    """The sheets that have rows beside the one of this name."""
    return [f"{name!r} ({len(rows)} rows)" for name, rows in sheets.items() if name != read]


def describe_unread(sheets: Sequence[str]) -> str:
    """Said of a workbook of which one sheet is read."""
    return f"sheet {', '.join(sheets)}: save it as a file to use it, too" if sheets else ""
