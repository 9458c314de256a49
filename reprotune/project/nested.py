"""Objects in a table, such as the messages of a chat, and classes with a column each."""

from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path

import numpy as np
import pandas as pd

from reprotune.core.params import Download
from reprotune.core.printing import agree
from reprotune.data.reading.columns import as_object
from reprotune.data.reading.files import read_table
from reprotune.project.written import write_frame

LISTED = 8  # objects of a list that become columns
DEEP = 8  # levels
FLAGS = {"1": True, "1.0": True, "true": True, "0": False, "0.0": False, "false": False}
FEWEST = 2  # columns that are a class each
MOST_SHOWN = 20  # columns in a message
LABEL = "label"  # column of the class that the others say


def spread(frame: pd.DataFrame, depth: int = DEEP) -> pd.DataFrame:
    """The table with the fields of objects as columns of their own, by names such as body.text.

    Those of objects in a list have their place before them: messages.0.content or, where lists
    differ in length, that from their end: messages.-1.content.
    """
    parts = []
    for name in frame:
        column = frame[name]
        cells = {place: opened for place, cell in column.items() if (opened := open_cell(cell))}
        if not depth or len(cells) <= len(frame) / 2:
            parts.append(column.to_frame())
            continue
        sizes = set(map(len, cells.values()))
        is_uneven = len(sizes) > 1 and all("-1" in fields for fields in cells.values())
        taken = [take_places(fields, from_end=is_uneven) for fields in cells.values()]
        inner = pd.DataFrame(taken, index=list(cells), dtype="object")
        parts.append(spread(inner.add_prefix(f"{name}."), depth - 1))
    return pd.concat(parts, axis="columns") if parts else frame


def take_places(fields: Mapping[str, object], from_end: bool) -> Mapping[str, object]:
    """The first or the last objects of a list; all fields of another object."""
    if "-1" not in fields:
        return fields
    places = range(-1, -1 - LISTED, -1) if from_end else range(LISTED)
    return {str(place): fields[str(place)] for place in places if str(place) in fields}


def open_cell(cell: object) -> Mapping[str, object]:
    """The fields of an object or, by their places, the objects of a list; of another list none."""
    if not (fields := as_object(cell)):
        return {}
    is_list = isinstance(cell, list | np.ndarray) or str(cell).lstrip().startswith("[")
    if is_list and not all(isinstance(field, Mapping) for field in fields.values()):
        return {}
    return fields


def find_flags(frame: pd.DataFrame) -> pd.DataFrame:
    """The columns that hold nothing but 0 and 1, as such; none if there is but one."""
    held = {}
    for name in frame:
        cells = list(takewhile(lambda flag: flag is not None, map(read_flag, frame[name])))
        if len(cells) == len(frame):
            held[name] = cells
    return pd.DataFrame(held if len(held) >= FEWEST else {}, index=frame.index)


def read_flag(cell: object) -> bool | None:
    """Whether a cell is 1; None if it is neither 1 nor 0."""
    return FLAGS.get(str(cell).strip().casefold())


def tell_class(flags: pd.DataFrame) -> pd.Series:
    """The name of the only column that is 1 in each row; None where it is not the only one."""
    found = flags.loc[:, flags.any()] if flags.to_numpy().any() else flags
    named = found.rename(columns=drop_prefix(list(map(str, found)))).idxmax(axis="columns")
    return named.astype("object").where(flags.sum(axis="columns") == 1, None)


def drop_prefix(names: Sequence[str]) -> dict[str, str]:
    """The names of fields without that of the object that all are in."""
    heads = {name.rpartition(".")[0] for name in names}
    return {name: name.rpartition(".")[2] if len(heads) == 1 else name for name in names}


def is_one_class(flags: pd.DataFrame) -> bool:
    """Whether the columns are the classes of rows that have one each."""
    if flags.empty:
        return False
    named = tell_class(flags)
    return not named.hasnans and named.nunique() > 1


def tell_flags(frame: pd.DataFrame) -> str:
    """Said of columns that may be a class each, of rows with several."""
    flags = find_flags(frame)
    if not flags.to_numpy().any():
        return ""
    names = ", ".join(flags.columns[:MOST_SHOWN])
    return (
        f"{names} {agree(len(flags.columns), 'hold')} 0 or 1 and not one 1 a row: if each is a "
        "label, a row has several (multi-label), and classes are one a row; --label "
        f"{flags.any().idxmax()} learns yes or no of one"
    )


def join_classes(files: Sequence[Path], way: Download, folder: Path) -> dict[Path, Path]:
    """A file in ``folder`` for each, with one label in place of a column for each class.

    None of them if the label is no such column.
    """
    tables = [read_table(file.read_bytes(), str(file), way) for file in files]
    frames = [spread(table.frame.rename(columns=str)) for table in tables]
    flags = find_flags(frames[0])
    if str(way.label_column) not in flags or not is_one_class(flags):
        return {}
    written = {}
    for file, table, frame in zip(files, tables, frames, strict=True):
        named = tell_class(find_flags(frame.reindex(columns=list(flags), fill_value="0")))
        rows = frame.drop(columns=list(flags), errors="ignore").assign(**{LABEL: named})
        path = folder / f"{file.stem}-label.jsonl"
        written[file] = write_frame(path, rows, table.broken.values())
    return written
