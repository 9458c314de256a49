"""The test rows that two sides share, or why they cannot be compared."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from reprotune.comparison import statistics
from reprotune.comparison.report import code, join, show_name
from reprotune.comparison.revision import Revision
from reprotune.core import paths
from reprotune.core.printing import count_of


@dataclass(frozen=True)
class Pairs:
    """Predictions of every run on the rows that all have, under the labels of the new side.

    Their columns are id, text, label, predicted and a probability for each class.
    """

    classes: list[str]  # that every run has; no row has a label of another
    bases: list[pd.DataFrame]
    heads: list[pd.DataFrame]
    alone: dict[str, pd.DataFrame]  # before and after: rows of the first run that not all have
    before: pd.DataFrame  # all rows of the first run, with the new names of its classes
    renamed: dict[str, str] = field(default_factory=dict)  # class before: after
    others: dict[str, list[str]] = field(default_factory=dict)  # before and after: classes alone

    @property
    def base(self) -> pd.DataFrame:
        return self.bases[0]

    @property
    def head(self) -> pd.DataFrame:
        return self.heads[0]

    @property
    def every_class(self) -> list[str]:
        """Those of one side, too, which a model may answer."""
        return sorted({*self.classes, *self.others["before"], *self.others["after"]})

    @property
    def sentence(self) -> str:
        """What became of the classes; empty if they are the same."""
        others = [f"{code(was)} is now called {code(now)}" for was, now in self.renamed.items()]
        told = [join(others)] if others else []
        for side, word in (("after", "new"), ("before", "gone")):
            if names := self.others[side]:
                told.append(f"{word}: {join([*map(code, names)])}, whose rows do not count")
        return f"Classes: {'; '.join(told)}." if told else ""


def pair_rows(bases: Sequence[Revision], heads: Sequence[Revision]) -> Pairs:
    """The predictions of runs that can be compared."""
    renamed = find_renamed(bases[0], heads[0])
    new = list_tables(heads)
    old = [rename(table, renamed, new[0]) for table in list_tables(bases)]
    classes = list_common(old, new)
    gone = sorted({*list_classes(old[0])} - {*list_classes(new[0])})
    shared, labels = find_shared(old, new, classes), new[0]
    sides = {"before": old[0], "after": new[0]}
    return Pairs(
        classes,
        [narrow(select(table, shared, labels), gone, classes) for table in old],
        [select(table, shared, labels) for table in new],
        {name: table[~table["id"].isin(shared)] for name, table in sides.items()},
        old[0],
        renamed,
        {
            name: [one for one in list_classes(table) if one not in classes]
            for name, table in sides.items()
        },
    )


def find_obstacle(bases: Sequence[Revision], heads: Sequence[Revision]) -> str:
    """Why not; empty if they can be compared."""
    for revision in (*heads, *bases):
        if revision.predictions is None or revision.predictions.empty:
            why = (
                "nothing was run before" if revision in bases else "`dvc repro` makes it; commit it"
            )
            return f"{show_name(revision.label)} has no {paths.PREDICTIONS} ({why})"
    pairs = pair_rows(bases, heads)
    if not pairs.classes:
        return f"they have no class in common: {join([*map(code, pairs.every_class)])}"
    if len(pairs.head) < statistics.LEAST_ROWS:
        return (
            f"they share {count_of(len(pairs.head), 'test row')}; {statistics.LEAST_ROWS} are the "
            "least"
        )
    return ""


def find_renamed(base: Revision, head: Revision) -> dict[str, str]:
    """Classes that have another name for the same labels of the data: before, after."""
    old, new = (list_raw_labels(run) for run in (base, head))
    return {
        was: now
        for was, labels in old.items()
        for now, others in new.items()
        if labels == others and was not in new and now not in old
    }


def list_raw_labels(revision: Revision) -> dict[str, set[str]]:
    """Each class with its labels in the data, by the parameters."""
    found: dict[str, set[str]] = {}
    for name, value in revision.params.items():
        if name.startswith("download.labels.") and isinstance(value, str):
            found.setdefault(value, set()).add(name.removeprefix("download.labels."))
    return found


def rename(table: pd.DataFrame, renamed: dict[str, str], new: pd.DataFrame) -> pd.DataFrame:
    """The table with the new names of its classes.

    An id is made of text and label, so a row of a renamed class takes that of the same text.
    """
    if not renamed:
        return table
    table = table.rename(columns=renamed).assign(
        label=table["label"].replace(renamed), predicted=table["predicted"].replace(renamed)
    )
    ids = dict(zip(number_texts(new), new["id"], strict=True))
    moved = table["label"].isin(list(renamed.values()))
    found = [
        ids.get(key, row) if is_moved else row
        for key, row, is_moved in zip(number_texts(table), table["id"], moved, strict=True)
    ]
    return table.assign(id=found)


def number_texts(table: pd.DataFrame) -> list[tuple[str, str, int]]:
    """Text, label and how often they came before."""
    times = table.groupby(["text", "label"], sort=False).cumcount()
    return list(zip(table["text"], table["label"], times, strict=True))


def list_tables(revisions: Sequence[Revision]) -> list[pd.DataFrame]:
    """The predictions of each run; a row that is there twice counts once: the proof names it."""
    found = [one.predictions for one in revisions]
    return [table.drop_duplicates("id") for table in found if table is not None]


def list_classes(table: pd.DataFrame) -> list[str]:
    return list(table.columns[4:])  # after id, text, label, predicted


def list_common(old: Sequence[pd.DataFrame], new: Sequence[pd.DataFrame]) -> list[str]:
    """The classes of every run."""
    known = set.intersection(*(set(list_classes(table)) for table in (*old, *new)))
    return [name for name in list_classes(new[0]) if name in known]


def find_shared(
    old: Sequence[pd.DataFrame], new: Sequence[pd.DataFrame], classes: Sequence[str]
) -> list[str]:
    """Ids that every table has, of rows of these classes, in the order of the new side."""
    known = set.intersection(*(set(table["id"]) for table in (*old, *new)))
    rows = new[0][new[0]["label"].isin(list(classes))]
    return [row for row in rows["id"] if row in known]


def select(table: pd.DataFrame, rows: list[str], labels_of: pd.DataFrame) -> pd.DataFrame:
    """These rows of a table, under the labels of another one."""
    labels = labels_of.set_index("id").loc[rows, "label"].to_numpy()
    return table.set_index("id").loc[rows].reset_index().assign(label=labels)


def narrow(table: pd.DataFrame, gone: Sequence[str], classes: Sequence[str]) -> pd.DataFrame:
    """The answers as if there were no class that is gone: who may say less, errs less often."""
    others = table["predicted"].isin(list(gone))
    if not others.any():
        return table
    likeliest = table[list(classes)].astype(float).idxmax(axis=1)
    return table.assign(predicted=table["predicted"].mask(others, likeliest))
