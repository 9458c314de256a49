"""What differs between two runs but the predictions: parameters, data, packages, stages, cost."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from reprotune.comparison import statistics
from reprotune.comparison.answers import list_decisions
from reprotune.comparison.lineage import Lineage
from reprotune.comparison.lock import File, Stage, read_pins
from reprotune.comparison.report import Data, Section, code
from reprotune.comparison.revision import Revision
from reprotune.core import paths
from reprotune.core.costs import list_current
from reprotune.core.printing import count_of
from reprotune.tables import metrics

ABSENT = "absent"
NAMED = 5  # reviewers
PLACES = ["test", "validation", "train", "spare", ABSENT]  # of a row


def describe_changes(base: Revision, head: Revision) -> list[Section]:
    """Everything that differs between the two runs but the predictions."""
    return [
        *compare_params(base, head),
        *compare_data(base, head),
        *compare_baselines(base, head),
        *compare_pins(base, head),
        *compare_stages(base, head),
        *compare_costs(base, head),
    ]


def compare_params(base: Revision, head: Revision) -> list[Section]:
    rows = [
        [Data(key), *(format_value(s.params[key]) if key in s.params else "" for s in (base, head))]
        for key in sorted({*base.params, *head.params})
        if base.params.get(key, ...) != head.params.get(key, ...)
    ]
    return tabulate("Parameters", rows)


def compare_baselines(base: Revision, head: Revision) -> list[Section]:
    """The accuracies of baselines that are new, gone or others."""
    sides = [side.read_figures(paths.BASELINE_METRICS, metrics.Baselines) for side in (base, head)]
    told = [
        {name: f"{found.accuracy:.3f}" for name, found in side.baselines.items()} if side else {}
        for side in sides
    ]
    names = sorted({name for side in told for name in side})
    rows = [[Data(name), *(side.get(name, "") for side in told)] for name in names]
    return tabulate("Baselines, accuracy", [row for row in rows if row[1] != row[2]])


def format_value(value: object) -> Data:
    return Data(json.dumps(value, ensure_ascii=False))


def tabulate(title: str, rows: Sequence[Sequence[str]], most: int = 50) -> list[Section]:
    """A section of names with their values before and after; none without rows."""
    more = [f"{len(rows)} in all; the first {most}."] if len(rows) > most else []
    if not rows:
        return []
    return [Section(title, more, ("", "before", "after"), rows[:most], is_folded=True)]


def compare_data(base: Revision, head: Revision) -> list[Section]:
    old, new = base.read_table(paths.ROWS), head.read_table(paths.ROWS)
    if old is None or new is None:
        return []
    sections = []
    changes = statistics.diff_rows(old, new)
    rows = [
        [name, str(len(found)), quote_examples(found)]
        for name, found in changes.items()
        if len(found)
    ]
    notes = describe_labels(base, head)
    if rows or notes:
        headers = ("rows", "number", "for example")
        sections.append(Section("Data", notes, headers, rows, is_folded=True))
        sections.append(compare_shares(old, new))
        sections += tabulate_moves(old, new)
    if base.predictions is not None and head.predictions is not None and len(changes["added"]):
        figures = statistics.measure_drift(base.predictions, head.predictions)
        told = [[name, f"{value:.3g}"] for name, value in figures.items()]
        sections.append(Section("Test texts", [], ("", ""), told, is_folded=True))
    return sections


def tabulate_moves(old: pd.DataFrame, new: pd.DataFrame) -> list[Section]:
    """How many rows went from which part to which; none if all that both have stayed."""
    both = old[["id", "role"]].merge(new[["id", "role"]], on="id", how="outer")
    moved = both.dropna()
    moved = moved[moved["role_x"] != moved["role_y"]]
    if moved.empty:
        return []
    counts = pd.crosstab(both["role_x"].fillna(ABSENT), both["role_y"].fillna(ABSENT))
    counts = counts.reindex(index=PLACES, columns=PLACES, fill_value=0)
    left = int((moved["role_x"] == "test").sum())
    notes = [
        f"{count_of(left, 'test row', 'are')} in another part now. With `roles.strategy: growing` "
        "no row that is added moves one."
    ]
    rows = [[name, *map(str, counts.loc[name])] for name in PLACES]
    headers = ("before (after: across)", *PLACES)
    return [Section("Rows by part", notes if left else [], headers, rows, is_folded=True)]


def describe_labels(base: Revision, head: Revision) -> list[str]:
    """What people decided, and what the audit doubts, since."""
    notes = []
    if decided := count_decisions(base, head):
        notes.append(f"Decisions added since: {decided}.")
    was, now = measure_doubt(base), measure_doubt(head)
    if was is not None and now is not None and was != now:
        notes.append(f"Labels that the audit doubts: {100 * was:.1f} % → {100 * now:.1f} %.")
    return notes


def measure_doubt(revision: Revision) -> float | None:
    """Share of all labels that the audit doubts; None if that is not known."""
    audit = revision.read_figures(paths.AUDIT_METRICS, metrics.Audit)
    known = revision.read_figures(paths.DOWNLOAD_METRICS, metrics.Rows)
    if audit is None or known is None or not known.rows:
        return None
    return audit.findings.get("label", 0) / known.rows


def quote_examples(rows: pd.DataFrame) -> Data:
    """A few rows as id: label and role, before → after."""
    told = []
    for item in rows.head(3).itertuples():
        sides: Any = ((item.label_base, item.role_base), (item.label_head, item.role_head))
        parts = [f"{label} {role}" for label, role in sides if pd.notna(role)]
        told.append(f"{item.id}: {' → '.join(parts)}")
    return Data("; ".join(told))


def count_decisions(base: Revision, head: Revision) -> str:
    """How many decisions that stand each reviewer added."""
    known, said = list_decisions(base), list_decisions(head)
    counts = Counter(entry.reviewer for key, entry in said.items() if key not in known)
    told = [f"{n} by {code(name) or 'nobody named'}" for name, n in counts.most_common(NAMED)]
    rest = [count_of(len(counts) - NAMED, "more reviewer")] if len(counts) > NAMED else []
    return ", ".join([*told, *rest])


def compare_shares(old: pd.DataFrame, new: pd.DataFrame) -> Section:
    """Rows by role and share of each class."""
    rows = []
    for role in ("train", "validation", "test"):
        parts = [table[table["role"] == role] for table in (old, new)]
        rows.append([role, *(str(len(part)) for part in parts), "", ""])
        counts = [part["label"].value_counts(normalize=True) for part in parts]
        for name in sorted(set(counts[0].index) | set(counts[1].index)):
            was, now = (100 * count.get(name, 0.0) for count in counts)
            if not np.isclose(was, now, atol=0.05):
                rows.append(["", "", "", Data(str(name)), f"{was:.1f} % → {now:.1f} %"])
    headers = ("role", "before", "after", "class", "share")
    return Section("Rows and class shares", [], headers, rows, is_folded=True)


def compare_pins(base: Revision, head: Revision) -> list[Section]:
    old, new = read_pins(base), read_pins(head)
    rows = [
        [Data(name), Data(old.get(name, "none")), Data(new.get(name, "none"))]
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]
    return tabulate("Packages", rows)


def compare_stages(base: Revision, head: Revision) -> list[Section]:
    rows = [[Data(name), *told] for name, told in list_reruns(base, head).items()]
    headers = ("stage", "outputs changed", "because of")
    if not rows:
        return []
    return [Section("Stages that ran again", [], headers, rows, is_folded=True)]


def list_reruns(base: Revision, head: Revision) -> dict[str, tuple[str, str]]:
    """The stages whose record in the lock changed: whether their outputs did, and why they ran."""
    old, new = Lineage(base).noted, Lineage(head).noted
    found: dict[str, tuple[str, str]] = {}
    for name, now in new.items():
        was = old.get(name)
        if was is None:
            found[name] = ("new", "")
        elif why := list_reasons(was, now):
            outs = "yes" if diff_files(was.outs, now.outs) else "no"
            found[name] = (outs, Data(", ".join(why)))
    return found


def list_reasons(old: Stage, new: Stage) -> list[str]:
    """What of all that a stage rests on changed."""
    return [*diff_command(old, new), *diff_files(old.deps, new.deps), *diff_params(old, new)]


def list_unfounded(base: Revision, head: Revision) -> dict[str, list[str]]:
    """The stages whose outputs are others and nothing that they rest on, with these outputs.

    A stage is known by what it makes: it may have another name.
    """
    new = Lineage(head)
    return {
        name: outputs
        for name, was in Lineage(base).noted.items()
        if (outputs := [out.path for out in was.outs if is_unfounded(was, out, new)])
    }


def is_unfounded(was: Stage, out: File, new: Lineage) -> bool:
    """Whether an output is another, by a stage that rests on the same as the one that made it."""
    if out.path not in new.makers or new.made[out.path] == out.md5:
        return False
    return not list_reasons(was, new.noted[new.makers[out.path]])


def diff_command(old: Stage, new: Stage) -> list[str]:
    return [] if old.lines == new.lines else ["its command"]


def diff_files(old: Sequence[File], new: Sequence[File]) -> list[str]:
    """Paths whose hash changed, appeared or went."""
    was, now = ({file.path: file.md5 for file in side} for side in (old, new))
    return [path for path in sorted({*was, *now}) if was.get(path) != now.get(path)]


def diff_params(old: Stage, new: Stage) -> list[str]:
    """Parameters whose value changed, appeared or went."""
    was, now = old.values, new.values
    return [name for name in sorted({*was, *now}) if was.get(name) != now.get(name)]


def compare_costs(base: Revision, head: Revision) -> list[Section]:
    """Size of the export on both sides; seconds and memory of the run that was made here."""
    rows = []
    exports = [side.read_figures(paths.EXPORT_METRICS, metrics.Export) for side in (base, head)]
    sizes = [export.bytes for export in exports if export is not None]
    if len(sizes) == len(exports):
        rows.append(["size of the export, MB", *(f"{size / 1e6:.1f}" for size in sizes)])
    made = Lineage(head).noted
    costs = [] if head.commit else [one for name, one in list_current().items() if name in made]
    if costs:
        seconds, peak = sum(cost.seconds for cost in costs), max(cost.peak_mib for cost in costs)
        rows.append(
            [f"seconds of {count_of(len(costs), 'stage')}, on this machine", "", f"{seconds:.0f}"]
        )
        rows.append(["peak memory, MiB", "", f"{peak}"])
    return tabulate("Cost", rows)
