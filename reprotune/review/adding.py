"""Rows that people labelled for the first time, in the form of the source's: candidates to add."""

from pathlib import Path

import pandas as pd

from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.io import whole_file
from reprotune.core.params import Download
from reprotune.core.printing import count_of
from reprotune.data.decisions import read_answers
from reprotune.data.ids import digest
from reprotune.tables import cells
from reprotune.tables.classes import class_names


def read_doubts(file: Path) -> pd.DataFrame:
    """What `predict --doubts` wrote: id, text and label, each text once, in the order of the file.

    Raises:
        InputError: it did not.
    """
    try:
        table = cells.read(file, dtype="str")
        rows = table[["text", "label"]].drop_duplicates("text", ignore_index=True)
    except FileNotFoundError:
        raise InputError(f"{file}: no such file; reprotune predict --doubts {file}") from None
    except (ValueError, KeyError, OSError):
        raise InputError(f"{file}: not what reprotune predict --doubts writes") from None
    return rows.assign(id=rows["text"].map(lambda text: digest("doubt", text)))


def write_labelled(file: Path, download: Download) -> str:
    """Write the doubts to which people gave a class beside the doubts; returns what is said of it.

    They have the names and raw labels of the source, and no cell is changed for a spreadsheet.
    """
    said = read_answers(paths.DOUBT_ANSWERS, class_names(download.labels))
    raw = {name: value for value, name in reversed(download.labels.items())}
    rows = read_doubts(file)
    rows["label"] = rows["id"].map(said).map(raw)
    rows = rows.dropna(subset="label")
    columns = {"text": download.text_column, "label": download.label_column or "label"}
    names = {
        usual: usual if str(name).isdecimal() or "{" in str(name) else str(name)
        for usual, name in columns.items()
    }
    target = file.with_suffix(".labelled.csv")
    with whole_file(target) as partial:
        rows[["text", "label"]].rename(columns=names).to_csv(partial, index=False)
    return f"{target}: {count_of(len(rows), 'row')} with a class, to add to the data"
