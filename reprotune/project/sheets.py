"""Workbooks of several sheets: parts, classes, or sheets that are not read."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from reprotune.core.params import Download
from reprotune.core.printing import count_of
from reprotune.data.reading.formats import fill_columns, list_columns
from reprotune.data.reading.kinds import SHEETS
from reprotune.data.reading.parsing import Dialect, Numbered
from reprotune.data.reading.workbooks import find_table, parse_sheets
from reprotune.project.columns import find_labels, find_texts
from reprotune.project.folders import find_part
from reprotune.project.written import read_kind

ABOUT = {
    *("readme", "read me", "notes", "note", "about", "info", "information", "instructions"),
    *("guidelines", "legend", "codebook", "license", "licence", "changelog"),
}  # names of sheets without rows to learn from
SHEET = "sheet"  # column of the names of sheets that are classes


def read_sheets(file: Path) -> Mapping[str, Sequence[Numbered]]:
    """The sheets that have rows; none of a file that is no workbook."""
    try:
        return parse_sheets(raw) if (raw := read_kind(file, SHEETS)) else {}
    except (ValueError, OSError):  # of which its reader says more
        return {}


def drop_notes(sheets: Mapping[str, Sequence[Numbered]]) -> dict[str, Sequence[Numbered]]:
    """The sheets of one table: without those called so, and those with other columns.

    All of them if fewer than two have the same columns, and no name tells.
    """
    kept = {name: rows for name, rows in sheets.items() if name.strip().casefold() not in ABOUT}
    heads = Counter(tuple(rows[0][1]) for rows in kept.values())
    head, count = heads.most_common(1)[0] if heads else ((), 0)
    is_table = count > 1 and len(head) > 1
    return {n: rows for n, rows in kept.items() if not is_table or tuple(rows[0][1]) == head}


def read_parts(file: Path) -> dict[str, pd.DataFrame]:
    """The tables of the parts, if the name of each sheet has that of one."""
    sheets = drop_notes(read_sheets(file))
    parts = {find_part(name): rows for name, rows in sheets.items()}
    if "train" not in parts or None in parts or len(parts) < len(sheets):
        return {}
    return {str(part): fill_columns(rows, Dialect())[0] for part, rows in parts.items()}


def read_classes(file: Path) -> pd.DataFrame:
    """The rows of all sheets, each with the name of its sheet, if nothing else may be their label.

    All have the same names of columns, or one column without a name.
    """
    found = read_sheets(file)
    sheets = drop_notes(found)
    heads = [tuple(rows[0][1]) for rows in sheets.values()]
    is_bare = len({*heads}) == len(heads) and {len(head) for head in heads} == {1}
    if len(heads) < 2 or not (is_bare or len({*heads}) == 1):
        return pd.DataFrame()
    tables = [tabulate(rows, header=not is_bare) for rows in sheets.values()]
    if any(table.empty for table in tables):
        return pd.DataFrame()
    rows = pd.concat(tables, ignore_index=True).rename(columns={0: "text"})
    others = (tabulate(rows) for name, rows in found.items() if name not in sheets)
    has_label = find_labels(rows, None) or any(map(has_both, others))
    if SHEET in rows or not find_texts(rows, None) or has_label:
        return pd.DataFrame()
    names = [name for name, table in zip(sheets, tables, strict=True) for _ in range(len(table))]
    return rows.assign(**{SHEET: names})


def tabulate(rows: Sequence[Numbered], header: bool = True) -> pd.DataFrame:
    """The rows of a sheet; nothing of one that has no such table."""
    try:
        return fill_columns(rows, Dialect(header=header)).frame
    except ValueError:
        return pd.DataFrame()


def has_both(rows: pd.DataFrame) -> bool:
    """Whether there are texts and labels in a table."""
    return bool(find_texts(rows, None) and find_labels(rows, None))


def list_unread_sheets(file: Path, way: Download) -> list[str]:
    """The sheets of a workbook beside the one that is read, each with its number of rows.

    Or beside those that are parts or classes, where other files were made of them.
    """
    sheets = read_sheets(file)
    if file.name not in [one.location for one in way.files]:
        return list_others(sheets, *drop_notes(sheets))
    read, _ = find_table(sheets, list_columns(way))
    return list_others(sheets, read)


def list_others(sheets: Mapping[str, Sequence[Numbered]], *read: str) -> list[str]:
    """The sheets that have rows beside those of these names."""
    others = {name: rows for name, rows in sheets.items() if name not in read}
    return [f"{name!r} ({count_of(len(rows), 'row')})" for name, rows in others.items()]


def describe_unread(sheets: Sequence[str]) -> str:
    """Said of a workbook of which one sheet is read."""
    return f"sheet {', '.join(sheets)}: save it as a file to use it, too" if sheets else ""
