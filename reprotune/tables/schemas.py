"""The tables that stages hand on, checked on every read and before every write."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors
from pandera.typing import Series

from reprotune.core.errors import InputError
from reprotune.core.io import whole_file
from reprotune.core.printing import count_of

ROLES = ("test", "validation", "train", "spare")
ISSUES = ("duplicate", "near_duplicate", "conflict", "label")
ACTIONS = ("keep", "relabel", "quarantine", "unsure", "undo")
SHOWN = 10


class Table(pa.DataFrameModel):
    class Config:
        strict = True
        ordered = True


class Identified(Table):
    id: Series[str] = pa.Field(str_matches=r"^[0-9a-f]{16}$", unique=True)


class Example(Identified):
    text: Series[str]
    label: Series[str]

    @pa.check("text", name="not_empty")
    def not_empty(cls, text: Series[str]) -> Series[bool]:
        return Series[bool](text.str.strip().str.len() > 0)


class Raw(Example):
    """Examples as they came; ``row`` is the position in the source, ``split`` the source's own."""

    reference_label: Series[str] = pa.Field(nullable=True)
    split: Series[str] = pa.Field(nullable=True, isin=("train", "validation", "test"))
    row: Series[int] = pa.Field(ge=0)


class Roles(Identified):
    """``group`` is the smallest id among near-duplicates, ``rank`` the place in a hashed order.

    ``spare`` rows belong to no part of a published split. Otherwise ``train`` is the pool from
    which the training rows are drawn; those not drawn are spare only in ``reports/rows.csv``.
    """

    group: Series[str]
    role: Series[str] = pa.Field(isin=ROLES)
    rank: Series[int] = pa.Field(ge=0)


class Findings(Table):
    """What the audit found: one row for each id and issue; a low score is more doubtful.

    ``reason`` is a sentence, of the rows in the review queue alone.
    """

    id: Series[str]
    issue: Series[str] = pa.Field(isin=ISSUES)
    score: Series[float] = pa.Field(ge=0, le=1)
    suggested: Series[str]
    reason: Series[str] | None = pa.Field(nullable=True)


class Decisions(Table):
    """What people said, in its order; ``label`` is the new one of a relabelled row."""

    id: Series[str] = pa.Field(str_matches=r"^[0-9a-f]{16}$")
    action: Series[str] = pa.Field(isin=ACTIONS)
    label: Series[str] = pa.Field(nullable=True)
    reviewer: Series[str] = pa.Field(nullable=True)
    note: Series[str] = pa.Field(nullable=True)
    date: Series[str] = pa.Field(nullable=True)


class Curated(Example):
    reference_label: Series[str] = pa.Field(nullable=True)


class Quarantine(Example):
    reason: Series[str]


class Split(Curated):
    """One part of the split; equal in form for train, validation and test."""


def check(table: pd.DataFrame, schema: type[Table], where: Path | str) -> pd.DataFrame:
    """Return the table if it keeps its contract.

    Raises:
        InputError: every violation at once, each with file, row and column.
    """
    try:
        return schema.validate(table, lazy=True)
    except SchemaErrors as error:
        raise InputError(explain(error.failure_cases, schema, where)) from None


def explain(cases: pd.DataFrame, schema: type[Table], where: Path | str) -> str:
    lines = []
    for column, row, value, rule in cases[["column", "index", "failure_case", "check"]].to_numpy():
        place = f"column {column}" if pd.isna(row) else f"column {column}, row {int(row)}"
        lines.append(f"{place}: {value!r} breaks {rule}")
    if len(lines) > SHOWN:
        lines = [*lines[:SHOWN], f"... and {len(lines) - SHOWN} more"]
    return "\n  ".join(
        [f"{where}: {count_of(len(cases), 'violation')} of {schema.__name__}:", *lines]
    )


def read(path: Path, schema: type[Table]) -> pd.DataFrame:
    """Read a Parquet file that keeps the contract.

    Raises:
        InputError: there is none, it is damaged, or it breaks the contract.
    """
    try:
        table = pd.read_parquet(path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; `dvc repro` makes it") from None
    except PermissionError:
        raise
    except (OSError, ValueError) as error:  # as Arrow says it
        raise InputError(
            f"{path}: damaged, or no Parquet file ({error}); `dvc checkout {path}` brings it back, "
            "`dvc repro` makes it anew"
        ) from None
    return check(table, schema, path)


def write(table: pd.DataFrame, path: Path, schema: type[Table]) -> None:
    """Write a Parquet file, whole or not at all."""
    checked = check(table.reset_index(drop=True), schema, path)
    with whole_file(path) as partial:
        checked.to_parquet(partial, index=False)


def check_labels(labels: pd.Series, classes: Sequence[str], where: Path | str) -> None:
    unknown = labels[~labels.isin(classes)]
    if len(unknown):
        shown = ", ".join(
            f"{label!r} ({count_of(n, 'row')})"
            for label, n in unknown.value_counts(dropna=False).items()
        )
        raise InputError(f"{where}: unknown labels {shown}; allowed are {list(classes)}")


def count(values: pd.Series) -> dict[str, int]:
    """How often each value occurs, the most frequent first."""
    return {str(value): int(times) for value, times in values.value_counts().items()}
