"""What a change did to the model, and whether to merge: from git alone."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from reprotune.comparison import plots, revision, statistics
from reprotune.comparison.changes import background, count_doubted
from reprotune.comparison.report import Data, Report, Section, code
from reprotune.comparison.revision import WORKSPACE, Snapshot
from reprotune.comparison.statistics import Change
from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.params import Compare, Gate
from reprotune.core.params_file import explain

LIST = 10  # texts, rows and parameters of a kind
PRIMARY = {"accuracy": "accuracy", "macro_f1": "macro-F1"}
CODES = {"better": 0, "same": 0, "worse": 1, "none": 2}
WORDS = {
    "better": "Better",
    "same": "No significant change",
    "worse": "Worse",
    "none": "Not comparable",
}


class Verdict(StrEnum):
    """What a change did to the model, as far as the test rows can tell."""

    BETTER = "better"
    SAME = "same"
    WORSE = "worse"
    NONE = "none"  # not comparable


@dataclass(frozen=True)
class Result:
    """The report, and what a gate makes of it: better, same, worse or none."""

    report: Report
    kind: str

    @property
    def exit_code(self) -> int:
        return CODES[self.kind]

    @property
    def verdict(self) -> Verdict:
        return Verdict(self.kind)

    @property
    def sentence(self) -> str:
        """The verdict with its figures, as plain text."""
        return self.report.verdict.replace("**", "")

    def as_json(self) -> dict[str, Any]:
        return {
            "verdict": str(self.verdict),
            "sentence": self.sentence,
            "exit_code": self.exit_code,
        }


def compare_revisions(base: str | None = None, head: str = WORKSPACE) -> Result:
    """Compare two revisions or experiments of the project in this folder.

    Several on a side, with commas between them, are runs that differ in their seed. Without a
    base it is the commit at which HEAD left main.

    Raises:
        InputError: there is no such revision, or no gate to judge by.
    """
    names = base or revision.default_base()
    bases, heads = ([revision.snapshot(n) for n in some.split(",")] for some in (names, head))
    return compare(bases, heads, *read_gate(heads[0], bases[0]))


def points(value: float) -> str:
    return f"{100 * value:+.1f}"


def compare(bases: Sequence[Snapshot], heads: Sequence[Snapshot], gate: Gate, seed: int) -> Result:
    """Compare runs on the test rows that they share.

    Several on a side must differ in their training seed alone: then the spread of seeds counts as
    noise. What is no accuracy is of the first of each side.
    """
    base, head = bases[0], heads[0]
    title = f"{side(bases)} → {side(heads)}"
    if reason := find_obstacle(bases, heads):
        sections = [*background(base, head)] if head.predictions is not None else []
        verdict = f"**{WORDS['none']}**: {reason}."
        return Result(Report(title, "none", verdict, sections), "none")
    tables = [
        [snap.predictions for snap in some if snap.predictions is not None]
        for some in (bases, heads)
    ]
    classes = class_columns(tables[1][0])
    shared = find_shared(tables)
    pairs = [[select(table, shared, tables[1][0]) for table in some] for some in tables]
    old, new = pairs[0][0], pairs[1][0]
    changes = statistics.compare_metrics(old, new, classes, gate.confidence, seed)
    recalls = statistics.compare_recalls(old, new, classes, gate.confidence, seed)
    primary = next(c for c in changes if c.name == PRIMARY[gate.metric])
    if len(bases) + len(heads) > 2:
        primary = statistics.compare_over_seeds(pairs[0], pairs[1], gate.confidence)
        changes[0] = primary
    kind, why = decide(primary, recalls, gate)
    if reason := find_more_doubted(base, head, gate):
        kind, why = "worse", f"{reason}; {why}"
    rows = f"{len(shared)} test rows that both have"
    verdict = f"**{WORDS[kind]}**: {why}, on {rows}."
    sections = [
        metrics_section(changes, gate),
        *score_apart(tables, classes, shared),
        *flips_sections(old, new, classes),
        recall_section(recalls),
        Section("Pictures", pictures=pictures(base, head, old, new, classes)),
        *background(base, head),
    ]
    return Result(Report(title, kind, verdict, sections), kind)


def side(snaps: Sequence[Snapshot]) -> str:
    return ", ".join(
        snap.name if snap.commit is None else f"{snap.name} ({snap.commit[:7]})"
        if not snap.commit.startswith(snap.name) else snap.name[:7]
        for snap in snaps
    )  # fmt: skip


def class_columns(table: pd.DataFrame) -> list[str]:
    return list(table.columns[4:])  # after id, text, label, predicted


def find_obstacle(bases: Sequence[Snapshot], heads: Sequence[Snapshot]) -> str:
    """Why not; empty if they can be compared."""
    for snap in (*bases, *heads):
        if snap.predictions is None or snap.predictions.empty:
            return f"{snap.name} has no {paths.PREDICTIONS}; was `dvc repro` run and committed?"
    tables = [[s.predictions for s in some if s.predictions is not None] for some in (bases, heads)]
    classes = [class_columns(table) for some in tables for table in some]
    if any(names != classes[0] for names in classes):
        different = sorted(set(classes[0]) ^ set(classes[-1])) or ["their order"]
        return f"the classes differ: {', '.join(different)[:200]}"
    count = len(find_shared(tables))
    if count < statistics.LEAST_ROWS:
        return f"they share {count} test rows; {statistics.LEAST_ROWS} are the least"
    return ""


def find_shared(tables: Sequence[Sequence[pd.DataFrame]]) -> list[str]:
    """Ids that every table has, in the order of the first of the new side."""
    known = set.intersection(*(set(table["id"]) for some in tables for table in some))
    return [row for row in tables[1][0]["id"] if row in known]


def select(table: pd.DataFrame, rows: list[str], labels_of: pd.DataFrame) -> pd.DataFrame:
    """These rows of a table, under the labels of another one."""
    labels = labels_of.set_index("id").loc[rows, "label"].to_numpy()
    return table.set_index("id").loc[rows].reset_index().assign(label=labels)


def decide(primary: Change, recalls: Sequence[Change], gate: Gate) -> tuple[str, str]:
    """The verdict rests on one figure, named beforehand, and on the classes that may not drop."""
    alpha = 1 - gate.confidence
    gated = statistics.correct([c for c in recalls if c.name in gate.classes])
    for change in gated:
        if change.corrected < alpha and change.difference < -gate.tolerance:
            return "worse", f"recall of {code(change.name)} {describe(change, gate)}"
    why = f"{primary.name} {describe(primary, gate)}"
    if primary.p_value >= alpha:
        return "same", why
    if primary.difference > 0:
        return "better", why
    if primary.difference < -gate.tolerance:
        return "worse", why
    return "same", f"{why}; a loss of {100 * gate.tolerance:g} points is tolerated"


def find_more_doubted(base: Snapshot, head: Snapshot, gate: Gate) -> str:
    """Why the gate closes, if the audit doubts many more labels than before; else empty."""
    was, now = count_doubted(base), count_doubted(head)
    if gate.doubted is None or was is None or now is None or now - was <= gate.doubted:
        return ""
    return (
        f"the audit doubts {100 * now:.1f} % of the labels, before {100 * was:.1f} % "
        f"({points(gate.doubted)} points are let through)"
    )


def describe(change: Change, gate: Gate) -> str:
    low, high = change.interval
    return (
        f"{change.base:.3f} → {change.head:.3f}, {points(change.difference)} points "
        f"({100 * gate.confidence:g} % interval {points(low)} to {points(high)}, "
        f"p {probability(change.p_value)})"
    )


def probability(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"


def metrics_section(changes: Sequence[Change], gate: Gate) -> Section:
    header = (
        "",
        "before",
        "after",
        "change",
        f"{100 * gate.confidence:g} % interval",
        "p",
        "p corrected",
    )
    note = (
        f"The verdict rests on {PRIMARY[gate.metric]} (`compare.gate` in {paths.PARAMS}); the last "
        f"column corrects for looking at {len(changes)} figures (Holm)."
    )
    return Section("Metrics", [note], header, [row(change) for change in changes])


def row(change: Change, name: str | None = None) -> list[str]:
    low, high = change.interval
    return [
        name or change.name, f"{change.base:.3f}", f"{change.head:.3f}",
        f"{change.difference:+.3f}", f"{low:+.3f} to {high:+.3f}",
        *(probability(p).removeprefix("= ") for p in (change.p_value, change.corrected)),
    ]  # fmt: skip


def recall_section(recalls: Sequence[Change]) -> Section:
    header = ("class", "recall before", "after", "change", "interval", "p", "p corrected")
    rows = [row(change, Data(change.name)) for change in recalls]
    return Section("Each class", [], header, rows)


def score_apart(
    tables: Sequence[Sequence[pd.DataFrame]], classes: list[str], shared: list[str]
) -> list[Section]:
    """Test rows that one side alone has, scored apart."""
    found = []
    for name, (table, *_) in zip(("before", "after"), tables, strict=True):
        alone = table[~table["id"].isin(shared)]
        if len(alone):
            right = float((alone["label"] == alone["predicted"]).mean())
            found.append([f"only {name}", str(len(alone)), f"{right:.3f}"])
    note = "They count in no figure above."
    return (
        [Section("Test rows of one side alone", [note], ("", "rows", "accuracy"), found)]
        if found
        else []
    )


def flips_sections(old: pd.DataFrame, new: pd.DataFrame, classes: list[str]) -> list[Section]:
    changed = statistics.find_flips(old, new, classes)
    sections = []
    for name, rows in changed.items():
        shown = [
            [
                f"{item.confidence:.2f}",
                Data(item.label),
                Data(item.before),
                Data(item.after),
                Data(item.text),
            ]
            for item in rows.head(LIST).itertuples()
        ]
        more = f"The {LIST} that the new model is surest of." if len(rows) > LIST else ""
        note = f"{len(rows)} of {len(new)} rows. {more}".strip()
        header = ("confidence", "label", "before", "after", "text")
        sections.append(Section(f"Flips: {name}", [note], header, shown))
    return sections


def pictures(
    base: Snapshot, head: Snapshot, old: pd.DataFrame, new: pd.DataFrame, classes: list[str]
) -> list[tuple[str, str]]:
    """Both sides' pictures, and the difference of the confusion matrices on the shared rows."""
    drawn = []
    for name, snap in (("before", base), ("after", head)):
        with tempfile.TemporaryDirectory() as work:
            snap.save(Path(work))
            drawn.append(
                {
                    n: (f"{n.replace('_', ' ')}, {name}", plots.svg(f))
                    for n, f in plots.pictures(Path(work))
                }
            )
    found = [side[name] for name in plots.PICTURES for side in drawn if name in side]
    found.append(
        ("confusion, after minus before", plots.svg(plots.confusion_change(old, new, classes)))
    )
    return found


def read_gate(head: Snapshot, base: Snapshot) -> tuple[Gate, int]:
    """The gate and the seed: of the base, so that no change can open its own gate."""
    for snap in (base, head, Snapshot(WORKSPACE, None)):
        tree = snap.yaml(paths.PARAMS)
        if "compare" in tree:
            try:
                return Compare.model_validate(tree["compare"]).gate, int(tree["seed"])
            except (ValidationError, KeyError) as error:
                told = (
                    explain(error) if isinstance(error, ValidationError) else f"{error} is missing"
                )
                raise InputError(f"{paths.PARAMS} of {snap.name}: compare: {told}") from None
    raise InputError(f"no {paths.PARAMS} has compare.gate; see profiles/builtin.yaml")
