"""The test rows that two sides share, or why they cannot be compared."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from reprotune.comparison import statistics
from reprotune.comparison.revision import Revision
from reprotune.core import paths


@dataclass(frozen=True)
class Pairs:
    """Predictions of every run on the rows that all have, under the labels of the new side.

    Their columns are id, text, label, predicted and a probability for each class.
    """

    classes: list[str]
    bases: list[pd.DataFrame]
    heads: list[pd.DataFrame]
    alone: dict[str, pd.DataFrame]  # before and after: rows of the first run that not all have

    @property
    def base(self) -> pd.DataFrame:
        return self.bases[0]

    @property
    def head(self) -> pd.DataFrame:
        return self.heads[0]


def pair_rows(bases: Sequence[Revision], heads: Sequence[Revision]) -> Pairs:
    """The predictions of runs that can be compared."""
    old, new = list_tables(bases), list_tables(heads)
    shared, labels = find_shared(old, new), new[0]
    return Pairs(
        list_classes(labels),
        [select(table, shared, labels) for table in old],
        [select(table, shared, labels) for table in new],
        {
            name: table[~table["id"].isin(shared)]
            for name, table in (("before", old[0]), ("after", new[0]))
        },
    )


def find_obstacle(bases: Sequence[Revision], heads: Sequence[Revision]) -> str:
    """Why not; empty if they can be compared."""
    for revision in (*bases, *heads):
        if revision.predictions is None or revision.predictions.empty:
            return f"{revision.name} has no {paths.PREDICTIONS}; was `dvc repro` run and committed?"
    old, new = list_tables(bases), list_tables(heads)
    classes = [list_classes(table) for table in (*old, *new)]
    if any(names != classes[0] for names in classes):
        different = sorted(set(classes[0]) ^ set(classes[-1])) or ["their order"]
        return f"the classes differ: {', '.join(different)[:200]}"
    count = len(find_shared(old, new))
    if count < statistics.LEAST_ROWS:
        return f"they share {count} test rows; {statistics.LEAST_ROWS} are the least"
    return ""


def list_tables(revisions: Sequence[Revision]) -> list[pd.DataFrame]:
    return [one.predictions for one in revisions if one.predictions is not None]


def list_classes(table: pd.DataFrame) -> list[str]:
    return list(table.columns[4:])  # after id, text, label, predicted


def find_shared(old: Sequence[pd.DataFrame], new: Sequence[pd.DataFrame]) -> list[str]:
    """Ids that every table has, in the order of the first of the new side."""
    known = set.intersection(*(set(table["id"]) for table in (*old, *new)))
    return [row for row in new[0]["id"] if row in known]


def select(table: pd.DataFrame, rows: list[str], labels_of: pd.DataFrame) -> pd.DataFrame:
    """These rows of a table, under the labels of another one."""
    labels = labels_of.set_index("id").loc[rows, "label"].to_numpy()
    return table.set_index("id").loc[rows].reset_index().assign(label=labels)
