"""What a change did to the rows and labels that the model is tested on: a figure has two levers."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from reprotune.comparison.answers import read_reviewers
from reprotune.comparison.changes import NAMED
from reprotune.comparison.lineage import Lineage
from reprotune.comparison.pairing import Pairs, pair_rows
from reprotune.comparison.report import Data, Section, code
from reprotune.comparison.revision import Revision
from reprotune.comparison.sections import LIST, format_points
from reprotune.comparison.statistics import is_right
from reprotune.core import paths
from reprotune.core.params import Gate
from reprotune.core.printing import count_of
from reprotune.core.rooms import find_room
from reprotune.tables.metrics import Evaluation, Roles

FIXED = ("growing", "published")  # roles.strategy: its text, or its file, says what a row is


@dataclass(frozen=True)
class Shift:
    """The test set before and after, and what each lever did to the recorded accuracy."""

    before: float  # as recorded: each side on its own rows and labels
    after: float
    labels: float  # change by other labels of shared rows
    model: float  # by other answers to them
    relabelled: pd.DataFrame  # id, text, was, label, former (answer), new (answer), by (whom)
    removed: int  # former test rows that are in no part any more
    moved: int  # that are in another part
    rows: int  # former test rows
    is_chosen: bool  # whether the rules of the parts are others, so that any row may be moved

    @property
    def share(self) -> float:
        """Share of the former test rows that were relabelled, removed or chosen to be moved."""
        moved = self.moved if self.is_chosen else 0
        return (len(self.relabelled) + self.removed + moved) / self.rows

    @property
    def sentence(self) -> str:
        """What the levers did; empty if every test row is one still, under its label."""
        if not (self.moved or self.share):
            return ""
        rest = self.after - self.before - self.labels - self.model
        counts = {"removed": self.removed, "in another part now": self.moved}
        told = [
            f"{n} of {count_of(self.rows, 'test row')} {what}" for what, n in counts.items() if n
        ]
        if count := len(self.relabelled):
            followed = int((self.relabelled["label"] == self.relabelled["former"]).sum())
            whose = self.relabelled["by"].value_counts()
            named = [f"{n} by {code(str(name))}" for name, n in whose.items() if name]
            others = count_of(len(named) - NAMED, "more reviewer") if len(named) > NAMED else ""
            by = ", ".join(filter(None, [*named[:NAMED], others]))
            unknown = f"{whose.get('', 0)} by no decision" if "" in whose else ""
            told.append(
                f"{count} of {count_of(self.rows, 'test row')} relabelled, {followed} of them to "
                f"the former model's answer ({', '.join(filter(None, (by, unknown)))})"
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
    tested = set(head.predictions["id"])
    known = tested if listed is None else set(listed["id"])
    asked = set(old.index[old["label"].isin(kept)])
    return Shift(
        before=float(is_right(base.predictions).mean()),
        after=float(is_right(head.predictions).mean()),
        labels=float(is_right(pairs.base).mean() - is_right(was).mean()),
        model=float(is_right(pairs.head).mean() - is_right(pairs.base).mean()),
        relabelled=list_relabelled(was, pairs, head),
        removed=len(asked - known),
        moved=len((asked & known) - tested),
        rows=len(old),
        is_chosen=head.params.get("roles.strategy") in FIXED
        or read_rules(base) != read_rules(head),
    )


def read_rules(side: Revision) -> dict[str, object]:
    """What says which rows are test rows: parameters, and the code that goes by them."""
    lineage = Lineage(side)
    makers = {name for path in (paths.ROLES, paths.ROWS) for name in lineage.find_makers(str(path))}
    rules = {k: v for k, v in side.params.items() if k == "seed" or k.startswith("roles.")}
    for stage in (lineage.noted[name] for name in sorted(makers)):
        rules |= {dep.path: dep.md5 for dep in stage.deps if not lineage.find_makers(dep.path)}
        rules |= {name: room for name, room in stage.values.items() if find_room(name)}
    return rules


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
    moved = ", moved to another part" if shift.moved and shift.is_chosen else ""
    return (
        f"{100 * shift.share:.1f} % of the test rows were relabelled{moved} or removed "
        f"({100 * gate.test_changed:g} % are let through)"
    )


def find_replaced(bases: Sequence[Revision], heads: Sequence[Revision], gate: Gate) -> str:
    """Why the gate closes on runs that cannot be compared, where former ones could be; else empty.

    What has nothing before it passes: there is nothing to lose.
    """
    if any(run.predictions is None or run.predictions.empty for run in bases):
        return ""
    if any(run.predictions is None for run in heads):  # of the workspace: not run here yet
        return "nothing to judge by" if heads[0].commit else ""
    pairs = pair_rows(bases, heads)
    lost = 1 - len(pairs.head) / len(pairs.before)
    if gate.test_changed is None or lost <= gate.test_changed:
        return ""
    return (
        f"{100 * lost:.1f} % of the former test rows are not there to compare on "
        f"({100 * gate.test_changed:g} % are let through by `compare.gate.test_changed`)"
    )


def tell_replaced(base: Revision, head: Revision) -> str:
    """What became of the former test rows, where too few are left to compare; else empty."""
    if base.predictions is None or head.predictions is None or head.predictions.empty:
        return ""
    was, now = set(base.predictions["id"]), set(head.predictions["id"])
    gone = len(was - now)
    return f"; {gone} of {count_of(len(was), 'former test row', 'are')} gone" if gone else ""


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


def tell_leaks(base: Revision, head: Revision) -> str:
    """That more test rows nearly repeat what was learnt from; empty if no more do."""
    was, now = (side.read_figures(paths.ROLES_METRICS, Roles) for side in (base, head))
    known = head.read_figures(paths.EVALUATE_METRICS, Evaluation)
    before = was.leaked_test_rows if was else 0
    if now is None or now.leaked_test_rows <= before:
        return ""
    rest = f"; accuracy without them {known.without_leaked.shown}" if known else ""
    return f"Test rows that nearly repeat a learnt one: {before} → {now.leaked_test_rows}{rest}."
