"""Made-up runs whose figures follow from their predictions, as a pipeline leaves them in git."""

import pandas as pd

from reprotune.core import paths
from reprotune.evaluation import figures, slices
from reprotune.evaluation.limits import find_limits
from reprotune.evaluation.metrics import Resampling, score, score_subset
from reprotune.robustness.edits import edit_rows
from reprotune.tables import metrics
from reprotune.tables import predictions as tables
from tests.comparison.test_verdict import CLASSES, predictions, say

SAMPLING = Resampling(confidence=0.95, resamples=2000, seed=1)  # of profiles/builtin.yaml
EDITED = 100  # so, too


def write_figures(*, as_good: bool = False) -> None:
    """What follows from the predictions on test rows, with rows to fit and a baseline.

    ``as_good``: the baseline is the model's own answers.
    """
    test = tables.read(paths.PREDICTIONS)
    parts = {"test": test}
    for name in ("train", "validation"):
        part = predictions(60, 0.9, seed=1)
        parts[name] = part.assign(id=name[0] + part["id"])
    fit = pd.concat([parts[name].assign(part=name) for name in ("train", "validation")])
    tables.write(fit.drop(columns="text"), paths.FIT)
    listed = [part[["id", "label"]].assign(role=name) for name, part in parts.items()]
    tables.write(pd.concat(listed), paths.ROWS)
    answers = test["predicted"] if as_good else "neutral"
    baseline = say(test.assign(predicted=answers)).assign(predictor="parrot")
    tables.write(baseline, paths.BASELINE_PREDICTIONS)
    scores = metrics.Baseline(**score(baseline, CLASSES).model_dump())
    metrics.write(paths.BASELINE_METRICS, metrics.Baselines(baselines={"parrot": scores}, shots=0))
    said = metrics.Predictions(texts_cut=0)
    metrics.write(paths.PREDICTIONS_METRICS, said)
    asked = figures.Predicted(
        *map(tables.read, (paths.PREDICTIONS, paths.FIT, paths.BASELINE_PREDICTIONS))
    )
    whole = score_subset(test, list(test["id"]), SAMPLING.confidence)
    doubted = set(test["id"][:9])
    certain = score_subset(test, set(test["id"]) - doubted, SAMPLING.confidence)
    subsets = {"without_doubted": certain, "without_leaked": whole}
    truth = pd.Series([None] * len(test))
    found = figures.evaluate(asked, said, truth, subsets, CLASSES, SAMPLING)
    metrics.write(paths.SUMMARY_METRICS, figures.summarize(found))
    kinds = slices.cut_slices(asked.test, doubted, seed=1)
    tables.write(kinds, paths.SLICES)
    edited = edit_rows(test, EDITED, SAMPLING.seed)
    write_answers(edited.assign(predicted=edited["label"]))
    limits = find_limits(asked, kinds, tables.read(paths.EDITED), CLASSES, 0.9, SAMPLING.confidence)
    metrics.write(paths.EVALUATE_METRICS, found.model_copy(update={"limits": limits}))
    paths.PLOTS.mkdir(exist_ok=True)
    for name, plot in figures.draw_up_plots(asked.test, CLASSES).items():
        tables.write(plot, paths.PLOTS / name)
    mistakes = figures.find_mistakes(asked.test, CLASSES, 50)
    tables.write(mistakes, paths.ERRORS)


def write_answers(edited: pd.DataFrame) -> None:
    """What a model says of edited texts, sure of it."""
    said = say(edited)
    tables.write(said.assign(edit=said.pop("edit")), paths.EDITED)
