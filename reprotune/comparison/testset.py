"""What a change did to the rows and labels that the model is tested on: a figure has two levers."""

from dataclasses import dataclass

import pandas as pd

from reprotune.comparison.answers import read_reviewers
from reprotune.comparison.pairing import Pairs
from reprotune.comparison.report import Data, Section, code
from reprotune.comparison.revision import Revision
from reprotune.comparison.sections import LIST, format_points
from reprotune.comparison.statistics import is_right
from reprotune.core import paths
from reprotune.core.params import Gate


@dataclass(frozen=True)
class Shift:
    """The test set before and after, and what each lever did to the recorded accuracy."""

    before: float  # as recorded: each side on its own rows and labels
    after: float
    labels: float  # change by other labels of shared rows
    model: float  # by other answers to them
    relabelled: pd.DataFrame  # id, text, was, label, former (answer), new (answer), by (whom)
    removed: int  # former test rows that are in no part any more
    rows: int  # former test rows

    @property
    def share(self) -> float:
        """Share of the former test rows that were relabelled or removed."""
        return (len(self.relabelled) + self.removed) / self.rows

    @property
    def sentence(self) -> str:
        """What the levers did; empty if no label was changed and no row removed."""
        if not self.share:
            return ""
        rest = self.after - self.before - self.labels - self.model
        told = [f"{self.removed} of {self.rows} test rows removed"] if self.removed else []
        if count := len(self.relabelled):
            followed = int((self.relabelled["label"] == self.relabelled["former"]).sum())
            whose = self.relabelled["by"].value_counts()
            by = ", ".join(f"{n} by {code(str(name))}" for name, n in whose.items() if name)
            unknown = f"{whose.get('', 0)} by no decision" if "" in whose else ""
            told.append(
                f"{count} of {self.rows} test rows relabelled, {followed} of them to the former "
                f"model's answer ({', '.join(filter(None, (by, unknown)))})"
            )
        return (
            f"Recorded {self.before:.3f} → {self.after:.3f}: labels {format_points(self.labels)} "
            f"points, rows {format_points(rest)}, model {format_points(self.model)}; "
            f"{'; '.join(told)}."
        )


def measure_shift(base: Revision, head: Revision, pairs: Pairs) -> Shift:
    """Hold the test sets of two runs against each other; both have predictions."""
    assert base.predictions is not None and head.predictions is not None
    old = pairs.before.set_index("id")
    kept = set(pairs.classes) - set(pairs.renamed.values())  # no other row keeps its id
    was = old.loc[pairs.head["id"]].reset_index()
    listed = head.read_table(paths.ROWS)
    known = set(head.predictions["id"] if listed is None else listed["id"])
    return Shift(
        before=float(is_right(base.predictions).mean()),
        after=float(is_right(head.predictions).mean()),
        labels=float(is_right(pairs.base).mean() - is_right(was).mean()),
        model=float(is_right(pairs.head).mean() - is_right(pairs.base).mean()),
        relabelled=list_relabelled(was, pairs, head),
        removed=sum(row not in known for row in old.index[old["label"].isin(kept)]),
        rows=len(old),
    )


def list_relabelled(was: pd.DataFrame, pairs: Pairs, head: Revision) -> pd.DataFrame:
    """The shared rows under another label than before, and who decided on it."""
    table = pairs.head[["id", "text", "label"]].assign(
        was=was["label"].to_numpy(),
        former=pairs.base["predicted"].to_numpy(),
        new=pairs.head["predicted"].to_numpy(),
    )
    table = table[table["label"] != table["was"]]
    reviewers = read_reviewers(head)
    return table.assign(by=[reviewers.get(row, "") for row in table["id"]])


def find_lever(shift: Shift, gate: Gate) -> str:
    """Why the gate closes, if much of the test set was relabelled or removed; else empty."""
    if gate.test_changed is None or shift.share <= gate.test_changed:
        return ""
    return (
        f"{100 * shift.share:.1f} % of the test rows were relabelled or removed "
        f"({100 * gate.test_changed:g} % are let through)"
    )


def list_test_labels(shift: Shift) -> list[Section]:
    """The changed labels of test rows, those that follow the former model first."""
    table = shift.relabelled
    if table.empty:
        return []
    other = table["label"] != table["former"]
    first = table.loc[other.sort_values(kind="stable").index].head(LIST)
    rows = [
        [*map(Data, (item.was, item.label, item.former, item.new, item.by, item.text))]
        for item in first.itertuples()
    ]
    headers = ("label before", "after", "former model", "new model", "decided by", "text")
    note = f"{len(table)} in all; the first {LIST}." if len(table) > LIST else ""
    return [Section("Test labels that were changed", [note] if note else [], headers, rows)]
