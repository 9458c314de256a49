"""What an evaluation says of the tuned model: every figure follows from predictions."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from reprotune.core.errors import InputError
from reprotune.evaluation import abstention, calibration, ranking
from reprotune.evaluation.metrics import (
    Resampling,
    accuracy,
    compare_accuracy,
    find_intervals,
    score,
    score_against,
    score_subset,
)
from reprotune.tables import predictions
from reprotune.tables.figures import Calibration, Threshold
from reprotune.tables.metrics import (
    BaselineIntervals,
    Evaluation,
    Predictions,
    Reference,
    Subset,
    Summary,
)


class Predicted(NamedTuple):
    """All predictions that an evaluation rests on."""

    test: pd.DataFrame  # of the tuned model
    fit: pd.DataFrame  # the same on train and validation; ``part`` says which
    baselines: pd.DataFrame  # on the test rows; ``predictor`` says whose

    @property
    def by_predictor(self) -> dict[str, pd.DataFrame]:
        """What each says of the test rows, the tuned model first."""
        others = self.baselines.groupby("predictor", sort=False)
        return {"tuned": self.test} | {str(name): rows for name, rows in others}


def evaluate(
    predicted: Predicted,
    said: Predictions,
    truth: pd.Series,
    subsets: dict[str, Subset],
    classes: Sequence[str],
    sampling: Resampling,
) -> Evaluation:
    """All of ``metrics/evaluate.json``.

    ``truth`` has the true label of each test row, or is missing in some; ``subsets`` comes from the
    function of this name.
    """
    table, fit, others = predicted
    known = bool(truth.notna().all())
    by_name = {str(name): rows for name, rows in others.groupby("predictor", sort=False)}
    parts = {str(part): rows for part, rows in fit.groupby("part", sort=False)}
    held = parts.get("validation", fit[:0])
    confidence = sampling.confidence

    def reference(rows: pd.DataFrame) -> Reference | None:
        return score_against(rows, truth, classes, confidence) if known else None

    def baseline(rows: pd.DataFrame) -> BaselineIntervals:
        found = reference(rows)
        return BaselineIntervals(
            interval=find_intervals(rows, classes, sampling),
            reference=found.interval if found else None,
        )

    return Evaluation(
        test=score(table, classes).model_copy(
            update={"interval": find_intervals(table, classes, sampling)}
        ),
        reference=reference(table),
        gain_over={
            name: compare_accuracy(
                predictions.is_right(table, rows), predictions.is_right(rows, table), sampling
            )
            for name, rows in by_name.items()
        },
        **subsets,
        fit={name: accuracy(rows) for name, rows in parts.items()},
        calibration=calibrate(table, held, classes),
        threshold=choose_threshold(table, held, classes),
        limits=None,  # find_limits has them
        reviewed=None,  # truth.review has it
        forgetting=said.forgetting,
        generated=said.generated,
        baselines={name: baseline(rows) for name, rows in by_name.items()},
    )


def summarize(found: Evaluation) -> Summary:
    """The few figures that a reviewer looks at first."""
    test = found.test
    return Summary(
        accuracy=test.accuracy,
        macro_f1=test.macro_f1,
        min_recall=min(share for name, share in test.recall.items() if test.support[name]),
        log_loss=test.log_loss,
        ece=test.ece,
        vs_baseline=min(gain.accuracy for gain in found.gain_over.values()),
        unleaked_acc=found.without_leaked.accuracy,
        train_acc=found.fit.get("train"),
    )


def score_subsets(
    table: pd.DataFrame,
    others: pd.DataFrame,
    roles: pd.DataFrame,
    findings: pd.DataFrame,
    confidence: float,
) -> dict[str, Subset]:
    """Accuracy without the rows that the audit doubts, and without those that leak.

    The baselines are among the latter alone: what the audit doubts is what TF-IDF gets wrong.
    """
    doubted = list_doubted(findings)
    clean = find_unleaked(roles)
    baselines = {
        str(name): right
        for name, said in others.groupby("predictor", sort=False)
        if (right := score_subset(said, clean, confidence).accuracy) is not None
    }
    return {
        "without_doubted": score_subset(table, set(table["id"]) - doubted, confidence),
        "without_leaked": score_subset(table, clean, confidence).model_copy(
            update={"baselines": baselines}
        ),
    }


def list_doubted(findings: pd.DataFrame) -> set[str]:
    """Ids of the rows whose labels the audit doubts."""
    return set(findings.loc[findings["issue"] == "label", "id"])


def find_unleaked(roles: pd.DataFrame) -> list[str]:
    """Ids of the test rows without a near-duplicate in training or validation."""
    taught = roles.loc[roles["role"].isin(["train", "validation"]), "group"]
    return list(roles.loc[(roles["role"] == "test") & ~roles["group"].isin(taught), "id"])


def calibrate(
    table: pd.DataFrame, held: pd.DataFrame, classes: Sequence[str]
) -> Calibration | None:
    """Calibration before and after a temperature that is fitted on the held-out rows."""
    if held.empty:
        return None
    (probability, labels), (known, taught) = (
        calibration.arrays(rows, classes) for rows in (table, held)
    )
    log_p, held_log_p = (np.log(np.clip(p, calibration.LEAST, 1)) for p in (probability, known))
    return calibration.scale(log_p, labels, held_log_p, taught)


def choose_threshold(
    table: pd.DataFrame, held: pd.DataFrame, classes: Sequence[str]
) -> Threshold | None:
    """For two classes, a threshold that is chosen on the held-out rows."""
    if len(classes) != 2:
        return None
    name = classes[1]
    (score, truth), (held_score, held_truth) = (
        (rows[name].to_numpy(float), (rows["label"] == name).to_numpy()) for rows in (table, held)
    )
    found = ranking.score_at_threshold(score, truth, held_score, held_truth)
    return Threshold(class_=name, **found) if found else None


def check_rows(table: pd.DataFrame, rows: pd.DataFrame) -> None:
    """Raise InputError unless the predictions are of these rows, in their order."""
    if list(table["id"]) != list(rows["id"]) or list(table["label"]) != list(rows["label"]):
        raise InputError("the predictions are of other test rows; run dvc repro")


def draw_up_plots(table: pd.DataFrame, classes: Sequence[str]) -> dict[str, pd.DataFrame]:
    """The data of each plot, by the name of its file."""
    probability, labels = calibration.arrays(table, classes)
    roc, precision_recall = ranking.trace_curves(probability, labels, classes)
    found = score(table, classes)
    bars = {"precision": found.precision, "recall": found.recall, "f1": found.f1}
    return {
        "confusion.csv": table[["label", "predicted"]],
        "roc.csv": roc,
        "precision_recall.csv": precision_recall,
        "classes.csv": pd.DataFrame(bars).rename_axis("class").reset_index(),
        "reliability.csv": calibration.bin_by_confidence(probability, labels),
        "risk_coverage.csv": abstention.draw_up_curve(predictions.list_certainties(table, classes)),
    }


def find_mistakes(table: pd.DataFrame, classes: Sequence[str], count: int) -> pd.DataFrame:
    """The wrong predictions that the model was surest of."""
    wrong = table[table["label"] != table["predicted"]]
    wrong = wrong.assign(confidence=wrong[list(classes)].max(axis=1))
    wrong = wrong.sort_values(["confidence", "id"], ascending=[False, True]).head(count)
    return wrong[["id", "confidence", "label", "predicted", "text"]]
