"""CSV files that people open in spreadsheets, which run a cell that begins with ``=``.

Such a cell gets an apostrophe before it, and so does one that would then look like it: reading
takes one away again, and gives back every text exactly, whether cells are guarded or not.
"""

import csv
import re
from collections.abc import Callable, Iterable
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
from pandas.api.types import is_numeric_dtype

from reprotune.core.io import whole_file

FORMULA = "[=+\\-@\t\r\n＝＋－＠]"  # what a spreadsheet may take for the beginning of one
RISKY = re.compile(f"'*{FORMULA}")
MARKED = re.compile(f"'+{FORMULA}")
Cell = TypeVar("Cell")


def guard(cell: Cell, guarded: bool = True) -> Cell | str:
    """A cell as it is written; without ``guarded`` only what reading would change is marked."""
    wanted = RISKY if guarded else MARKED
    return f"'{cell}" if isinstance(cell, str) and wanted.match(cell) else cell


def unguard(cell: Cell) -> Cell | str:
    """A cell as it was before it was written."""
    return cell[1:] if isinstance(cell, str) and MARKED.match(cell) else cell


def change(table: pd.DataFrame, cell: Callable[[Any], Any]) -> pd.DataFrame:
    """A table whose texts and names of columns are changed, cell by cell."""
    changed = table.copy(deep=False)
    for name in table:
        if not is_numeric_dtype(table[name]):
            kind = table[name].dtype
            texts = table[name].map(cell, na_action="ignore")
            changed[name] = texts if kind == "category" else texts.astype(kind)  # of no text too
    return changed.rename(columns=cell)


def mark(table: pd.DataFrame, guarded: bool) -> pd.DataFrame:
    """A table as it is written."""
    return change(table, partial(guard, guarded=guarded))


def choose_quoting(cells: Iterable[object]) -> Any:
    """How the module ``csv`` quotes these cells: left bare, a lone carriage return ends a row."""
    bare = any(isinstance(cell, str) and "\r" in cell for cell in cells)
    return csv.QUOTE_NONNUMERIC if bare else csv.QUOTE_MINIMAL


def write(table: pd.DataFrame, path: Path, guarded: bool, **more: Any) -> None:
    """Write a whole CSV file; ``more`` is for ``to_csv``."""
    marked = mark(table, guarded)
    texts = (marked[name] for name in marked if not is_numeric_dtype(marked[name]))
    quoting = choose_quoting(chain(marked.columns, *texts))
    with whole_file(path) as file:
        marked.to_csv(file, index=False, quoting=quoting, **more)


def read(source: Any, **more: Any) -> pd.DataFrame:
    """Read what ``write`` wrote; ``more`` is for ``read_csv``."""
    return change(pd.read_csv(source, keep_default_na=False, **more), unguard)
