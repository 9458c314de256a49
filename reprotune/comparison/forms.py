"""The tables and figures of a run as git holds them: what each must have to be one at all."""

import math
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd

from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.tables import cells, metrics

TEXT = {"id", "text", "label", "predicted", "predictor", "part", "edit"}
MORE = {"role", "class", "length", "words", "doubt"}  # of tables without a column for each class
SAID = {"id", "label", "predicted"}
COLUMNS: dict[Path, set[str]] = {  # that every version writes
    paths.PREDICTIONS: {*SAID, "text"},
    paths.FIT: {*SAID, "part"},
    paths.BASELINE_PREDICTIONS: {*SAID, "predictor"},
    paths.EDITED: {*SAID, "text", "edit"},
    paths.GENERATED: SAID,
    paths.ROWS: {"id", "label", "role"},
    paths.SLICES: {"id"},
    paths.ERRORS: {*SAID, "text", "confidence"},
    paths.CONFUSION: {"label", "predicted"},
    paths.CLASSWISE: {"class", "precision", "recall", "f1"},
    paths.ROC: {"class", "false_positive_rate", "true_positive_rate"},
    paths.PRECISION_RECALL: {"class", "recall", "precision"},
    paths.RELIABILITY: {"confidence", "accuracy", "rows"},
    paths.RISK_COVERAGE: {"coverage", "accuracy"},
    paths.TRAIN_CURVE: {"step", "train_loss"},
    paths.VALIDATION_CURVE: {"step", "validation_loss"},
}
SHARED = 2**53  # integers up to here are those of every reader


def read_table(raw: bytes, path: Path, name: str) -> pd.DataFrame:
    """A table; those that are known have their columns, and a number wherever one belongs.

    Raises:
        InputError: it is no such table.
    """
    texts = list_texts(path)
    try:
        separator = "\t" if path.suffix == ".tsv" else ","
        table = cells.read(BytesIO(raw), sep=separator, dtype=dict.fromkeys(texts, "str"))
    except ValueError as error:
        raise InputError(f"{path} of {name} is no table: {error}") from None
    if path not in COLUMNS:
        return table
    if missing := sorted(COLUMNS[path] - set(table)):
        raise InputError(f"{path} of {name} has no column {missing[0]}")
    if path in (paths.TRAIN_CURVE, paths.VALIDATION_CURVE) and table.empty:
        raise InputError(f"{path} of {name} has no rows")
    for column in table.columns.difference([*texts]):
        numbers = pd.to_numeric(table[column], errors="coerce")
        wrong = ~np.isfinite(numbers.to_numpy(dtype=float))
        if wrong.any():
            found = table[column][wrong].iloc[0]
            raise InputError(f"{path} of {name}: {found!r} in column {column} is no number")
        table[column] = numbers
    return table


def list_texts(path: Path) -> set[str]:
    """The columns of a table that hold texts: a class may be called as one of another table."""
    if path.parent != paths.PREDICTIONS.parent:
        return TEXT | MORE
    return TEXT | {"answer"} if path == paths.GENERATED else TEXT


def read_record(raw: bytes, kind: type[metrics.Record], path: Path) -> metrics.Record:
    """A file of figures, all of them numbers, and those without a fraction counts.

    Raises:
        InputError: it is damaged, or of another version.
    """
    found = metrics.parse(raw.decode(errors="replace"), kind, path)
    for name, value in list_leaves(found.model_dump(by_alias=True)):
        if isinstance(value, int | float) and not is_number(value):
            raise InputError(f"{path}: {name} is no number")
        if isinstance(value, int) and value < 0:
            raise InputError(f"{path}: {name} is {value}, and nothing is counted below 0")
    return found


def is_number(value: float) -> bool:
    return math.isfinite(value) if isinstance(value, float) else abs(value) <= SHARED


def list_leaves(tree: object, name: str = "") -> Iterator[tuple[str, object]]:
    """The figures of a file with their dotted names."""
    if isinstance(tree, dict | list | tuple) and tree:
        for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from list_leaves(value, f"{name}.{key}" if name else str(key))
    else:
        yield name, tree
