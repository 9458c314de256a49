"""The figures of a run made once more, by the functions that made them, from what git holds.

What needs the built-in truth or the audit's findings is taken as it was written: git holds neither.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd
from pydantic import BaseModel

from reprotune.comparison.answers import SAMPLE, read_said
from reprotune.comparison.evidence import PREDICTED, Evidence
from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.data.decisions import read_answers
from reprotune.data.ids import order_sample
from reprotune.evaluation import figures, truth
from reprotune.evaluation.limits import find_limits
from reprotune.evaluation.metrics import Resampling, accuracy, score, score_subset
from reprotune.tables import metrics
from reprotune.tables.classes import share_out
from reprotune.tables.figures import Generated

MORE = (paths.SLICES, paths.EDITED)  # what else an evaluation rests on
CURVES = {"train_loss": paths.TRAIN_CURVE, "validation_loss": paths.VALIDATION_CURVE}


def count_rows(evidence: Evidence) -> BaseModel | None:
    """The rows of each part, as they are listed."""
    rows = evidence.rows
    if rows is None or evidence.read(paths.SPLIT_METRICS, metrics.Split) is None:
        return None

    def count(role: str) -> dict[str, int]:
        labels = rows.loc[rows["role"] == role, "label"]
        return {name: int((labels == name).sum()) for name in evidence.classes}

    parts = {role: count(role) for role in ("test", "validation", "train")}
    return metrics.Split(**parts, spare=sum(count("spare").values()))


def follow_training(evidence: Evidence) -> BaseModel | None:
    """The number of rows, and the losses at the end of the learning curves."""
    found = evidence.read(paths.TRAIN_METRICS, metrics.Train)
    if found is None:
        return None
    ends = {
        name: float(evidence.need(path, paths.TRAIN_METRICS)[name].iloc[-1])
        for name, path in CURVES.items()
        if name in found.loss or path in evidence.tables
    }
    rows, count = evidence.rows, found.rows
    if rows is not None:
        labels = rows.loc[rows["role"] == "train", "label"]
        count = int(share_out(labels, evidence.params.train.fraction).sum())
    return found.model_copy(update={"rows": count, "loss": ends})


def score_answers(evidence: Evidence) -> BaseModel | None:
    """What the answers in words are worth."""
    found = evidence.read(paths.PREDICTIONS_METRICS, metrics.Predictions)
    answers = evidence.tables.get(paths.GENERATED)
    if found is None or answers is None:
        return None
    made = Generated(
        rows=len(answers),
        accuracy=accuracy(answers),
        unreadable=float((answers["predicted"] == "").mean()),
    )
    return found.model_copy(update={"generated": made if len(answers) else None})


def score_baselines(evidence: Evidence) -> BaseModel | None:
    found = evidence.read(paths.BASELINE_METRICS, metrics.Baselines)
    table = evidence.tables.get(paths.BASELINE_PREDICTIONS)
    if found is None or table is None:
        return None
    made = {
        str(name): metrics.Baseline(
            **score(rows, evidence.classes).model_dump(),
            reference=found.baselines[str(name)].reference if name in found.baselines else None,
        )
        for name, rows in table.groupby("predictor", sort=False)
    }
    return found.model_copy(update={"baselines": made})


def evaluate(evidence: Evidence) -> BaseModel | None:
    """All of ``metrics/evaluate.json``.

    Raises:
        InputError: what it rests on is not there.
    """
    found = evidence.read(paths.EVALUATE_METRICS, metrics.Evaluation)
    said = evidence.read(paths.PREDICTIONS_METRICS, metrics.Predictions)
    if found is None:
        return None
    *tables, kinds, edited = (
        evidence.need(path, paths.EVALUATE_METRICS) for path in (*PREDICTED, *MORE)
    )
    predicted = figures.Predicted(*tables)
    if said is None:
        missing = paths.PREDICTIONS_METRICS
        raise InputError(f"{paths.EVALUATE_METRICS} rests on {missing}, which is not there")
    params = evidence.params
    doubted = set(kinds.loc[kinds["doubt"] != "", "id"])
    undoubted = score_subset(
        predicted.test, set(predicted.test["id"]) - doubted, params.evaluate.confidence
    )
    made = figures.evaluate(
        predicted,
        said,
        pd.Series([None] * len(predicted.test)),
        {"without_doubted": undoubted, "without_leaked": found.without_leaked},
        evidence.classes,
        Resampling(params.evaluate.confidence, params.evaluate.resamples, params.seed),
    )
    baselines = {
        name: known.model_copy(update={"reference": found.baselines[name].reference})
        if name in found.baselines
        else known
        for name, known in made.baselines.items()
    }
    answers = read_said(evidence.revision, SAMPLE, partial(read_answers, classes=evidence.classes))
    drawn = order_sample(predicted.test["id"])
    limits = find_limits(
        predicted,
        kinds,
        edited,
        evidence.classes,
        params.evaluate.promised_accuracy,
        params.evaluate.confidence,
    )
    return made.model_copy(
        update={
            "reference": found.reference,
            "baselines": baselines,
            "limits": limits,
            "reviewed": found.reviewed
            if answers is None
            else truth.review(predicted.by_predictor, answers, drawn, params.evaluate.confidence),
        }
    )


def summarize(evidence: Evidence) -> BaseModel | None:
    """The few figures of ``metrics/summary.json``, from those of ``metrics/evaluate.json``."""
    found = evidence.read(paths.SUMMARY_METRICS, metrics.Summary)
    whole = evidence.read(paths.EVALUATE_METRICS, metrics.Evaluation)
    return None if found is None or whole is None else figures.summarize(whole)


def count_exported(evidence: Evidence) -> BaseModel | None:
    """The rows on which the export was held against the tuned model: those of the test."""
    found = evidence.read(paths.EXPORT_METRICS, metrics.Export)
    table = evidence.tables.get(paths.PREDICTIONS)
    if found is None or table is None:
        return None
    return found.model_copy(update={"rows": len(table)})


FIGURES: dict[Path, Callable[[Evidence], BaseModel | None]] = {
    paths.SPLIT_METRICS: count_rows,
    paths.TRAIN_METRICS: follow_training,
    paths.PREDICTIONS_METRICS: score_answers,
    paths.BASELINE_METRICS: score_baselines,
    paths.EVALUATE_METRICS: evaluate,
    paths.SUMMARY_METRICS: summarize,
    paths.EXPORT_METRICS: count_exported,
}


def draw_up(evidence: Evidence) -> dict[Path, pd.DataFrame]:
    """The data of the pictures, and the list of mistakes."""
    table = evidence.tables.get(paths.PREDICTIONS)
    if table is None:
        return {}
    plots = figures.draw_up_plots(table, evidence.classes)
    mistakes = figures.find_mistakes(table, evidence.classes, evidence.params.evaluate.errors)
    return {
        **{paths.PLOTS / name: plot for name, plot in plots.items()},
        paths.ERRORS: mistakes,
    }
