"""Published parts: those that a column of one file names, and those that have no labels."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from reprotune.core.errors import InputError
from reprotune.core.params import Download
from reprotune.data.reading.files import find_column, read_table
from reprotune.data.reading.labels import fold, spell
from reprotune.project.folders import SPLITS
from reprotune.project.freezing import name_parts
from reprotune.project.wanted import Wanted
from reprotune.project.written import write_frame

NAMES = ("split", "subset", "set", "partition", "part", "fold")  # of such a column
HELD = ("validation", "test")


def divide(files: Sequence[Path], way: Download, folder: Path) -> Mapping[str, list[Path]]:
    """A file in ``folder`` for each part that a column names; none if no column does."""
    if len(files) > 1 or way.files[0].label is not None:
        return {}
    (file,) = files
    frame, broken, _ = read_table(file.read_bytes(), str(file), way)
    column = next((name for name in frame if names_parts(str(name), frame[name])), None)
    if column is None:
        return {}
    written = {}
    for part, rows in frame.drop(columns=column).groupby(frame[column].map(name_part)):
        path = folder / f"{file.stem}-{part}.jsonl"
        written[str(part)] = [write_frame(path, rows, broken.values() if part == "train" else ())]
    return written


def find_unlabelled(files: Sequence[Path], way: Download) -> list[Path]:
    """Files that are held out, and have no label that a row of train has: -1, ?, or none at all."""
    held = [file for file, entry in zip(files, way.files, strict=True) if entry.split in HELD]
    if not held:
        return []
    taught = set[str]().union(*(list_labels(file, way) for file in files if file not in held))
    return [file for file in held if taught.isdisjoint(list_labels(file, way))]


def list_labels(file: Path, way: Download) -> set[str]:
    """The labels of a file, none if it lacks their column."""
    frame = read_table(file.read_bytes(), str(file), way).frame
    try:
        cells = find_column(frame, way.label_column or 0, str(file), "label_column")
    except InputError:
        return set()
    return {fold(spell(cell)) for cell in cells.dropna()} - {""}


def leave_out(files: Sequence[Path], found: Wanted, asked: Wanted) -> Wanted:
    """What was found without the files that nothing can be measured with.

    Raises:
        InputError: a person asked for one of them.
    """
    if typed := [file for file in files if file in (*asked.test, *asked.validation)]:
        raise InputError(
            f"{typed[0]}: has no label that {found.files[0]} has, so nothing can be measured with "
            f"it; leave it out, and label it afterwards: reprotune predict {typed[0]}"
        )
    parts = {
        "test": [file for file in found.test if file not in files],
        "validation": [file for file in found.validation if file not in files],
    }
    return name_parts(replace(found, test=[], validation=[]), {"train": found.files, **parts})


def names_parts(name: str, column: pd.Series) -> bool:
    """Whether every row is in a part, and some to learn from and some not."""
    if name.strip().casefold() not in NAMES:
        return False
    known = {name_part(value) for value in column.map(str).unique()}
    return None not in known and "train" in known and len(known) > 1


def name_part(value: object) -> str | None:
    return SPLITS.get(str(value).strip().casefold())
