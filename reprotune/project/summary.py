"""The table at the end of a run: what ran, what it found and where the files are."""

import json
from pathlib import Path
from typing import Any

from rich.table import Table

from reprotune.core import paths

OUTPUTS = {  # stage: the file or folder that a person would open
    "download": paths.RAW,
    "base_model": paths.BASE,
    "roles": paths.ROLES,
    "audit": paths.REVIEW,
    "curate": paths.QUARANTINE,
    "split": paths.ROWS,
    "baseline": paths.BASELINE_PREDICTIONS,
    "train": paths.TRAIN_CURVE,
    "evaluate": paths.PREDICTIONS,
    "export": paths.MERGED,
}


def describe_finding(stage: str, figures: dict[str, Any]) -> str:  # noqa: PLR0911 (one a stage)
    """The one line that a stage's metrics come down to."""
    match stage:
        case "download":
            return f"{figures['rows']} examples of {len(figures['classes'])} classes"
        case "base_model":
            return f"{figures['architecture']}, {figures['parameters'] / 1e6:.1f} M parameters"
        case "roles":
            near = figures["near_duplicates"]
            return f"{near['groups']} near-duplicate groups, leaked: {figures['leaked_test_rows']}"
        case "audit":
            counts = figures["findings"]
            return ", ".join(f"{n} {issue}" for issue, n in sorted(counts.items())) or "nothing"
        case "curate":
            return f"{figures['kept']} kept, {sum(figures['quarantined'].values())} quarantined"
        case "split":
            return ", ".join(
                f"{part} {sum(figures[part].values())}" for part in ("train", "validation", "test")
            )
        case "baseline":
            parts = figures["baselines"].items()
            return ", ".join(f"{name} {score['accuracy']:.3f}" for name, score in parts)
        case "train":
            losses = (f"{name} {loss:.3f}" for name, loss in figures["loss"].items())
            return f"{figures['rows']} rows, {', '.join(losses)}"
        case "evaluate":
            return accuracies(figures)
        case _:
            return f"{figures['agreement']:.1%} agree with the tuned model"


def accuracies(figures: dict[str, Any]) -> str:
    low, high = figures["test"]["interval"]["accuracy"]
    text = f"accuracy {figures['test']['accuracy']:.3f} ({low:.3f} to {high:.3f})"
    if "reference" in figures:
        text += f", against the truth {figures['reference']['accuracy']:.3f}"
    if figures["gain_over"]["majority"]["interval"][0] <= 0:
        text += "; no better than guessing: another base model, more epochs?"
    return text


def summarize(metrics: Path = paths.DOWNLOAD_METRICS.parent, run: Path = paths.RUN) -> Table:
    """One row a stage; stages without a cost in ``reports/run.json`` did not run this time."""
    costs = json.loads(run.read_text()) if run.exists() else {}
    table = Table(title="reprotune", title_justify="left")
    for name in ("stage", "seconds", "MiB"):
        table.add_column(name, justify="left" if name == "stage" else "right", no_wrap=True)
    table.add_column("result")
    table.add_column("look at", no_wrap=True)
    for stage, output in OUTPUTS.items():
        file = metrics / f"{stage}.json"
        result = (
            describe_finding(stage, json.loads(file.read_text()))
            if file.exists()
            else "not run yet"
        )
        cost = costs.get(stage)
        spent = (f"{cost['seconds']:.1f}", str(cost["peak_mib"])) if cost else ("unchanged", "")
        table.add_row(stage, *spent, result, output.as_posix())
    return table
