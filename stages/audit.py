"""Find doubtful labels, duplicates and conflicts; change nothing."""

from pathlib import Path
from typing import NamedTuple

import pandas as pd
from threadpoolctl import threadpool_limits

from reprotune.core import paths
from reprotune.core.params import Params
from reprotune.core.runner import main
from reprotune.data.audit import (
    find_doubtful_labels,
    find_repeated_texts,
    queue_for_review,
)
from reprotune.data.judges import Asked, judge_labels
from reprotune.data.reasons import give_reasons
from reprotune.tables import cells, schemas
from reprotune.tables import metrics as records
from reprotune.tables.classes import class_names
from reprotune.tables.features import read as read_features


class Columns(NamedTuple):
    """Files of numbers for each row, from the untuned model and from models tuned on the others."""

    features: Path = paths.FEATURES
    folds: Path = paths.FOLDS


def hit_rate(rows: pd.DataFrame, findings: pd.DataFrame) -> records.HitRate:
    """How well the doubted labels match the wrong ones, where the truth is known."""
    wrong = set(rows.loc[rows["label"] != rows["reference_label"], "id"])
    doubted = set(findings.loc[findings["issue"] == "label", "id"])
    found = len(wrong & doubted)
    return records.HitRate(
        precision=found / max(len(doubted), 1), recall=found / max(len(wrong), 1)
    )


def run(
    params: Params,
    raw: Path = paths.RAW,
    roles: Path = paths.ROLES,
    columns: Columns = Columns(),  # noqa: B008 (it cannot be changed)
    findings: Path = paths.FINDINGS,
    review: Path = paths.REVIEW,
    metrics: Path = paths.AUDIT_METRICS,
) -> None:
    rows = schemas.read(raw, schemas.Raw).merge(schemas.read(roles, schemas.Roles), on="id")
    classes = class_names(params.download.labels)
    codes = pd.Categorical(rows["label"], categories=classes).codes
    kind = params.audit.judge
    asked = Asked(params.audit.folds, params.seed, params.text.units, params.audit.rows, kind)
    held = read_features(columns.features, len(rows)) if kind in ("features", "both") else None
    tuned = read_features(columns.folds, len(rows)) if kind == "tuned" else None
    with threadpool_limits(1):  # sparse and small: more threads wait for one another
        judge = judge_labels(rows, codes, asked, held, tuned)
    found = pd.concat(
        [find_repeated_texts(rows), find_doubtful_labels(rows, codes, judge.probability, classes)]
    )
    queue = queue_for_review(rows, found, params.audit.review_rows)
    with threadpool_limits(1):
        reasons = give_reasons(rows, queue["id"].drop_duplicates(), judge.columns)
    found, queue = (
        table.assign(reason=table["id"].map(reasons).astype("str")) for table in (found, queue)
    )
    schemas.write(found, findings, schemas.Findings)
    cells.write(queue, review, params.guard_cells)
    known = rows["reference_label"].notna().all()
    able = int((rows["role"] != "test").sum())
    figures = records.Audit(
        findings=schemas.count(found["issue"]),
        taught=judge.taught if judge.taught < able else None,
        against_reference=hit_rate(rows, found) if known else None,
    )
    records.write(metrics, figures)


if __name__ == "__main__":
    main(run)
