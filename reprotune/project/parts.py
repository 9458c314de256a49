"""Published parts that a column of one file names: a file of each, as ``init`` takes them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from reprotune.core.params import Download
from reprotune.data.reading.files import read_table
from reprotune.project.folders import SPLITS
from reprotune.project.freezing import write_rows

NAMES = ("split", "subset", "set", "partition", "part", "fold")  # of such a column


def divide(files: Sequence[Path], way: Download, folder: Path) -> Mapping[str, list[Path]]:
    """A file in ``folder`` for each part that a column names; none if no column does."""
    if len(files) > 1 or way.files[0].label is not None:
        return {}
    (file,) = files
    table = read_table(file.read_bytes(), str(file), way)
    frame = table.frame
    column = next((name for name in frame if names_parts(str(name), frame[name])), None)
    if column is None:
        return {}
    rows = frame.drop(columns=column).rename(columns=str).astype(object)
    rows = rows.where(rows.notna(), None)
    parts = {
        str(part): list_rows(some) for part, some in rows.groupby(frame[column].map(name_part))
    }
    parts["train"] += [{"row": bad.content} for bad in table.broken]  # counted there as bad
    return {
        part: [write_rows(folder / f"{file.stem}-{part}.jsonl", some)]
        for part, some in parts.items()
    }


def list_rows(frame: pd.DataFrame) -> list[dict[str, object]]:
    rows = frame.itertuples(index=False, name=None)
    return [dict(zip(map(str, frame), row, strict=True)) for row in rows]


def names_parts(name: str, column: pd.Series) -> bool:
    """Whether every row is in a part, and some to learn from and some not."""
    if name.strip().casefold() not in NAMES:
        return False
    known = {name_part(value) for value in column.map(str).unique()}
    return None not in known and "train" in known and len(known) > 1


def name_part(value: object) -> str | None:
    return SPLITS.get(str(value).strip().casefold())
