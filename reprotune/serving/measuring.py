"""What a served model is worth, and how fast it answers, beside what was recorded of it."""

import time
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from rich.table import Table

from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.params import Params
from reprotune.core.printing import count_of
from reprotune.evaluation.calibration import rescale
from reprotune.project.terminal import name_lines
from reprotune.serving.apis import APIS, GENERATING, Asked
from reprotune.serving.asking import Server, Timed, ask_all
from reprotune.tables import metrics as records
from reprotune.tables import predictions
from reprotune.tables.classes import class_names
from reprotune.tables.figures import Figures

PERCENTILES = (50, 95, 99)
DECISION = "decision.json"
SMALLEST = 10.0**-predictions.DECIMALS


class Served(Figures):
    """The answers of a server to the test rows."""

    api: str
    model: str  # as the server calls it
    rows: int
    accuracy: float
    recorded: float  # accuracy of the same rows in reports/predictions/evaluate.csv
    agreement: float  # share of answers that are the recorded ones, or tied with them
    ties: int  # other answers between classes that count as equal (``Export.tie``)
    change: float | None  # the most by which a probability is another than that of the export
    unreadable: int  # generated answers that begin with no class
    latency: dict[str, float]  # p50, p95, p99 of the requests that were answered, in milliseconds
    per_second: float  # texts
    concurrency: int

    @property
    def ok(self) -> bool:
        """Whether a server that gives probabilities says what was recorded."""
        return self.api in GENERATING or self.agreement == 1


def measure(
    server: Server, params: Params, name: str | None, model: str | None, concurrency: int,
    limit: int | None,
) -> tuple[Served, pd.DataFrame]:  # fmt: skip
    """Ask about the test rows; returns the figures and the answers beside what was recorded.

    Raises:
        InputError: nothing was recorded, or the server does not answer.
    """
    if not paths.PREDICTIONS.is_file():
        raise InputError(f"{paths.PREDICTIONS} is not there yet; `dvc repro evaluate` makes it")
    recorded = predictions.read(paths.PREDICTIONS)[:limit]
    classes = class_names(params.download.labels)
    name = name or server.find_api((paths.MERGED / DECISION).is_file())
    asked = Asked(model or server.find_model(), classes, params.prompt)
    start = time.perf_counter()
    timed = ask_all(server, APIS[name], asked, recorded["text"].tolist(), concurrency)
    seconds = time.perf_counter() - start
    table = set_beside(recorded, timed, classes, params.export.tie)
    same = (table["predicted"] == table["recorded"]) | table["tied"]
    return Served(
        api=name,
        model=asked.model,
        rows=len(table),
        accuracy=float((table["predicted"] == table["label"]).mean()),
        recorded=float((table["recorded"] == table["label"]).mean()),
        agreement=float(same.mean()),
        ties=int(table["tied"].sum()),
        change=find_change(table, recorded, classes),
        unreadable=int((table["predicted"] == "").sum()),
        latency=rank([one.seconds for one in timed]),
        per_second=len(table) / seconds,
        concurrency=concurrency,
    ), table


def find_change(
    table: pd.DataFrame, recorded: pd.DataFrame, classes: Sequence[str]
) -> float | None:
    """How far the served probabilities are from the recorded ones, over the export's temperature.

    None of generated answers.
    """
    served = table[[f"probability of {name}" for name in classes]].to_numpy(dtype=float)
    if np.isnan(served).any():
        return None
    if paths.EXPORT_METRICS.is_file():
        temperature = records.read(paths.EXPORT_METRICS, records.Export).temperature
        recorded = rescale(recorded, classes, temperature)
    return float(np.abs(served - recorded[list(classes)].to_numpy(dtype=float)).max())


def rank(seconds: Sequence[float]) -> dict[str, float]:
    found = np.percentile(1000 * np.array(seconds), PERCENTILES)
    return {f"p{n}": float(value) for n, value in zip(PERCENTILES, found, strict=True)}


def set_beside(
    recorded: pd.DataFrame, timed: Sequence[Timed], classes: Sequence[str], tolerance: float
) -> pd.DataFrame:
    """Columns id, text, label, recorded, predicted, tied, said, and the served probabilities."""
    table = recorded[["id", "text", "label"]].assign(recorded=recorded["predicted"])
    table["predicted"] = [one.answer.predicted for one in timed]
    known = np.log(recorded[list(classes)].to_numpy(dtype=float).clip(SMALLEST))
    places: Mapping[str, int] = {name: place for place, name in enumerate(classes)}
    table["tied"] = [
        now not in ("", then) and row[places[then]] - row[places[now]] <= tolerance
        for then, now, row in zip(table["recorded"], table["predicted"], known, strict=True)
    ]
    table["said"] = [one.answer.said for one in timed]
    scores = pd.DataFrame([one.answer.probabilities for one in timed], columns=list(classes))
    named = scores.round(predictions.DECIMALS).add_prefix("probability of ")
    return table.reset_index(drop=True).join(named)


def report(found: Served) -> Table:
    """For people."""
    others = round((1 - found.agreement) * found.rows)
    lines = {
        "served": f"{found.model or 'a model without a name'}, asked by {APIS[found.api].path}",
        "rows": f"{found.rows}, {found.concurrency} at a time",
        "accuracy": f"{found.accuracy:.3f} (recorded: {found.recorded:.3f})",
        "agreement": f"{found.agreement:.1%}"
        + (f": {count_of(others, 'answer', 'differ')}" if others else "")
        + (", or it serves another version than this commit's" if not found.ok else "")
        + (f"; {count_of(found.ties, 'tie', 'are')} equal" if found.ties else ""),
        "probabilities": "" if found.change is None
        else f"at most {found.change:.4f} from the recorded ones",
        "unreadable": count_of(found.unreadable, "answer", "begin") + " with no class"
        if found.unreadable else "",
        "latency": ", ".join(f"{name} {value:.0f} ms" for name, value in found.latency.items()),
        "throughput": f"{found.per_second:.1f} texts a second",
    }  # fmt: skip
    return name_lines(lines)
