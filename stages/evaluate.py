"""Every figure of the tuned model, beside every baseline, from predictions alone."""

from pathlib import Path
from typing import NamedTuple

from threadpoolctl import threadpool_limits

from reprotune.core import paths
from reprotune.core.io import whole_folder
from reprotune.core.params import Params
from reprotune.core.runner import main
from reprotune.data.decisions import read_answers
from reprotune.data.ids import order_sample
from reprotune.evaluation import figures, slices, truth
from reprotune.evaluation.limits import find_limits
from reprotune.evaluation.metrics import Resampling
from reprotune.tables import cells, predictions, schemas
from reprotune.tables import metrics as records
from reprotune.tables.classes import class_names


class Answers(NamedTuple):
    """Files of what models said: of the test rows, of train and validation, of edited texts."""

    tuned: Path = paths.PREDICTIONS
    fit: Path = paths.FIT
    baseline: Path = paths.BASELINE_PREDICTIONS
    edited: Path = paths.EDITED


def run(
    params: Params,
    test: Path = paths.TEST,
    roles: Path = paths.ROLES,
    findings: Path = paths.FINDINGS,
    answers: Answers = Answers(),  # noqa: B008 (it cannot be changed)
    said: Path = paths.PREDICTIONS_METRICS,
    errors: Path = paths.ERRORS,
    sliced: Path = paths.SLICES,
    plots: Path = paths.PLOTS,
    metrics: Path = paths.EVALUATE_METRICS,
    summary: Path = paths.SUMMARY_METRICS,
) -> None:
    rows = schemas.read(test, schemas.Split)
    *asked_of, edited = map(predictions.read, answers)
    asked = figures.Predicted(*asked_of)
    table, others = asked.test, asked.baselines
    figures.check_rows(table, rows)
    classes = class_names(params.download.labels)
    sampling = Resampling(params.evaluate.confidence, params.evaluate.resamples, params.seed)
    doubts = schemas.read(findings, schemas.Findings)
    subsets = figures.score_subsets(
        table, others, schemas.read(roles, schemas.Roles), doubts, sampling.confidence
    )
    with threadpool_limits(1):
        kinds = slices.cut_slices(
            table, figures.list_doubted(doubts), params.seed, params.text.units
        )
    limits = find_limits(
        asked,
        kinds,
        edited,
        classes,
        params.evaluate.promised_accuracy,
        sampling.confidence,
    )
    heard = records.read(said, records.Predictions)
    found = figures.evaluate(asked, heard, rows["reference_label"], subsets, classes, sampling)
    labelled = read_answers(Path(params.evaluate.sample), classes)
    drawn = order_sample(rows["id"])
    reviewed = truth.review(asked.by_predictor, labelled, drawn, sampling.confidence)
    worst = figures.find_mistakes(table, classes, params.evaluate.errors)
    cells.write(worst, errors, params.guard_cells, float_format="%.6f")
    with whole_folder(plots) as folder:
        for name, plot in figures.draw_up_plots(table, classes).items():
            cells.write(plot, folder / name, params.guard_cells, float_format="%.6f")
    cells.write(kinds, sliced, params.guard_cells)
    records.write(metrics, found.model_copy(update={"limits": limits, "reviewed": reviewed}))
    records.write(summary, figures.summarize(found))


if __name__ == "__main__":
    main(run)
