"""What a model holds of texts: a table of numbers on the disk, never whole in memory."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from reprotune.core.errors import InputError
from reprotune.core.io import whole_file
from reprotune.core.printing import count_of

CHUNK = 8192  # texts at once
KIND = np.dtype("<f4")


def write(path: Path, texts: pd.Series, embed: Callable[[pd.Series], np.ndarray]) -> int:
    """Write what ``embed`` says of the texts, shape (texts, columns), and return its columns."""
    with whole_file(path) as partial, partial.open("wb") as file:
        columns = 0
        for start in range(0, len(texts), CHUNK):
            found = embed(texts.iloc[start : start + CHUNK])
            if not start:
                columns = found.shape[1]
                kind, shape = np.lib.format.dtype_to_descr(KIND), (len(texts), columns)
                header = {"descr": kind, "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(file, header)
            file.write(found.astype(KIND).tobytes())
    return columns


def read(path: Path, rows: int) -> np.ndarray:
    """The numbers of so many texts, read from the disk as they are asked for.

    Raises:
        InputError: the file is of other texts, or empty: made when nobody asked for features.
    """
    try:
        table: np.ndarray = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError):
        table = np.empty(0)
    if table.ndim != 2 or len(table) != rows:
        raise InputError(
            f"{path}: not the features of these {count_of(rows, 'row')}; `dvc repro` makes them"
        )
    return table
