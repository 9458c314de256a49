"""What differs between two runs but the predictions: parameters, data, packages, stages, cost."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from reprotune.comparison import statistics
from reprotune.comparison.report import Data, Section, code
from reprotune.comparison.revision import Snapshot
from reprotune.core import paths


def background(base: Snapshot, head: Snapshot) -> list[Section]:
    """Everything that differs between the two runs but the predictions."""
    return [
        *params_section(base, head),
        *data_sections(base, head),
        *pins_section(base, head),
        *stages_section(base, head),
        *cost_section(base, head),
    ]


def params_section(base: Snapshot, head: Snapshot) -> list[Section]:
    rows = [
        [Data(key), *(Data(show(s.params[key])) if key in s.params else "" for s in (base, head))]
        for key in sorted({*base.params, *head.params})
        if base.params.get(key, ...) != head.params.get(key, ...)
    ]
    return [list_rows("Parameters", ("", "before", "after"), rows)] if rows else []


def show(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def list_rows(
    title: str, headers: Sequence[str], rows: Sequence[Sequence[str]], most: int = 50
) -> Section:
    more = [f"{len(rows)} in all; the first {most}."] if len(rows) > most else []
    return Section(title, more, headers, rows[:most])


def data_sections(base: Snapshot, head: Snapshot) -> list[Section]:
    old, new = base.table(paths.ROWS), head.table(paths.ROWS)
    if old is None or new is None:
        return []
    sections = []
    changes = statistics.diff_rows(old, new)
    rows = [
        [name, str(len(found)), Data(examples(found))]
        for name, found in changes.items()
        if len(found)
    ]
    notes = []
    if decided := decisions(base, head):
        notes.append(f"Decisions added since: {decided}.")
    was, now = count_doubted(base), count_doubted(head)
    if was is not None and now is not None and was != now:
        notes.append(f"Labels that the audit doubts: {100 * was:.1f} % → {100 * now:.1f} %.")
    if rows or notes:
        sections.append(Section("Data", notes, ("rows", "number", "for example"), rows))
        sections.append(shares(old, new))
    if base.predictions is not None and head.predictions is not None and len(changes["added"]):
        figures = statistics.measure_drift(base.predictions, head.predictions)
        told = [[name, f"{value:.3g}"] for name, value in figures.items()]
        sections.append(Section("Test texts", [], ("", ""), told))
    return sections


def count_doubted(snap: Snapshot) -> float | None:
    """Share of all labels that the audit doubts; None if that is not known."""
    found = snap.json(paths.AUDIT_METRICS).get("findings", {}).get("label")
    rows = snap.json(paths.DOWNLOAD_METRICS).get("rows")
    return found / rows if found is not None and rows else None


def examples(rows: pd.DataFrame) -> str:
    """A few rows as id: label and role, before → after."""
    told = []
    for item in rows.head(3).itertuples():
        before = f"{item.label_base} {item.role_base}"
        after = f"{item.label_head} {item.role_head}"
        parts = [part for part in (before, after) if "nan" not in part]
        told.append(f"{item.id}: {' → '.join(parts)}")
    return "; ".join(told)


def decisions(base: Snapshot, head: Snapshot) -> str:
    """How many decisions each reviewer added."""
    where = [
        Path(str(s.params.get("curate.decisions", "data/decisions.csv"))) for s in (base, head)
    ]
    old, new = base.table(where[0]), head.table(where[1])
    if new is None or "reviewer" not in new:
        return ""
    known = set() if old is None else set(old.astype("str").agg("|".join, axis=1))
    added = new[~new.astype("str").agg("|".join, axis=1).isin(known)]
    counts = added["reviewer"].value_counts()
    return ", ".join(
        f"{count} by {code(str(name)) or 'nobody named'}" for name, count in counts.items()
    )


def shares(old: pd.DataFrame, new: pd.DataFrame) -> Section:
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
    return Section("Rows and class shares", [], ("role", "before", "after", "class", "share"), rows)


def pins_section(base: Snapshot, head: Snapshot) -> list[Section]:
    pins = Path("pins.yaml")
    old, new = base.yaml(pins), head.yaml(pins)
    rows = [
        [Data(name), Data(str(old.get(name, "none"))), Data(str(new.get(name, "none")))]
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]
    return [list_rows("Packages", ("", "before", "after"), rows)] if rows else []


def stages_section(base: Snapshot, head: Snapshot) -> list[Section]:
    """The stages whose record in the lock changed, and what of it."""
    lock = Path("dvc.lock")
    old, new = (snap.yaml(lock).get("stages", {}) for snap in (base, head))
    rows = []
    for name, record in new.items():
        was = old.get(name)
        if was is None:
            rows.append([Data(name), "new", ""])
        elif why := [*name_differences(was, record, "deps"), *changed_params(was, record)]:
            outs = "yes" if name_differences(was, record, "outs") else "no"
            rows.append([Data(name), outs, Data(", ".join(why))])
    headers = ("stage", "outputs changed", "because of")
    return [Section("Stages that ran again", [], headers, rows)] if rows else []


def name_differences(old: dict[str, Any], new: dict[str, Any], key: str) -> list[str]:
    """Paths whose hash changed, appeared or went."""
    was, now = (
        {item["path"]: item.get("md5") for item in side.get(key, [])} for side in (old, new)
    )
    return [path for path in sorted({*was, *now}) if was.get(path) != now.get(path)]


def changed_params(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    was, now = (
        {name: value for file in side.get("params", {}).values() for name, value in file.items()}
        for side in (old, new)
    )
    return [name for name in sorted({*was, *now}) if was.get(name) != now.get(name)]


def cost_section(base: Snapshot, head: Snapshot) -> list[Section]:
    """Size of the export on both sides; seconds and memory of the run that was made here."""
    rows = []
    sizes = [snap.json(paths.EXPORT_METRICS).get("bytes") for snap in (base, head)]
    if all(sizes):
        rows.append(["size of the export, MB", *(f"{size / 1e6:.1f}" for size in sizes if size)])
    costs = head.json(paths.RUN) if head.commit is None else {}
    if costs:
        seconds = sum(cost["seconds"] for cost in costs.values())
        peak = max(cost["peak_mib"] for cost in costs.values())
        rows.append([f"seconds of {len(costs)} stages, on this machine", "", f"{seconds:.0f}"])
        rows.append(["peak memory, MiB", "", f"{peak}"])
    return [Section("Cost", [], ("", "before", "after"), rows)] if rows else []
