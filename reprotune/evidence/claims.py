"""What evaluation claims about the tuned model, beside every baseline."""

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import softmax

from reprotune.evidence import predictions
from reprotune.evidence.calibration import scaled
from reprotune.evidence.metrics import accuracy_gain, against_reference, scores, subset
from reprotune.evidence.ranking import at_threshold


def claims(
    rows: pd.DataFrame,
    table: pd.DataFrame,
    others: pd.DataFrame,
    classes: list[str],
    interval: tuple[float, int, int],
) -> dict[str, Any]:
    """What the predictions are worth, against the labels, the truth and every baseline.

    ``interval``: confidence, resamples and seed.
    """
    figures: dict[str, Any] = {"test": scores(table, classes, *interval)}
    if rows["reference_label"].notna().all():
        figures["reference"] = against_reference(
            table, rows["reference_label"], classes, interval[0]
        )
    figures["gain_over"] = {
        str(name): accuracy_gain(
            predictions.right(table, other), predictions.right(other, table), *interval
        )
        for name, other in others.groupby("predictor", sort=False)
    }
    return figures


def subsets(
    table: pd.DataFrame,
    others: pd.DataFrame,
    roles: pd.DataFrame,
    findings: pd.DataFrame,
    confidence: float,
) -> dict[str, Any]:
    """Accuracy without the rows that the audit doubts, and without those that leak.

    The baselines are among the latter alone: what the audit doubts is what TF-IDF gets wrong.
    """
    doubted = set(findings.loc[findings["issue"] == "label", "id"])
    clean = unleaked(roles)
    baselines = {
        str(name): subset(said, clean, confidence)["accuracy"]
        for name, said in others.groupby("predictor", sort=False)
    }
    return {
        "without_doubted": subset(table, set(table["id"]) - doubted, confidence),
        "without_leaked": subset(table, clean, confidence) | {"baselines": baselines},
    }


def unleaked(roles: pd.DataFrame) -> list[str]:
    """Ids of the test rows without a near-duplicate in training or validation."""
    taught = roles.loc[roles["role"].isin(["train", "validation"]), "group"]
    return list(roles.loc[(roles["role"] == "test") & ~roles["group"].isin(taught), "id"])


def held_out(
    log_p: np.ndarray,
    rows: pd.DataFrame,
    held_log_p: np.ndarray,
    held: pd.DataFrame,
    classes: list[str],
) -> dict[str, Any]:
    """What is chosen on the validation rows: a temperature and, for two classes, a threshold."""
    labels, known = (part["label"].map(classes.index).to_numpy() for part in (rows, held))
    figures = {"calibration": scaled(log_p, labels, held_log_p, known)}
    if len(classes) == 2:
        second, asked = (softmax(x, axis=1)[:, 1] for x in (log_p, held_log_p))
        cut = at_threshold(second, labels == 1, asked, known == 1)
        figures["threshold"] = {"class": classes[1], **cut}
    return figures


def by_class(figures: dict[str, Any]) -> pd.DataFrame:
    """Columns class, precision, recall and f1, for a bar chart."""
    columns = {key: figures[key] for key in ("precision", "recall", "f1")}
    return pd.DataFrame(columns).rename_axis("class").reset_index()


def mistakes(table: pd.DataFrame, classes: list[str], count: int) -> pd.DataFrame:
    """The wrong predictions that the model was surest of."""
    wrong = table[table["label"] != table["predicted"]]
    wrong = wrong.assign(confidence=wrong[classes].max(axis=1))
    wrong = wrong.sort_values(["confidence", "id"], ascending=[False, True]).head(count)
    return wrong[["id", "confidence", "label", "predicted", "text"]]
