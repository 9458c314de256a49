"""What each file of figures holds; light, for a summary imports it."""

from pathlib import Path

from pydantic import BaseModel

from reprotune.core import paths
from reprotune.tables import metrics

RECORDS: dict[Path, type[BaseModel]] = {
    paths.DOWNLOAD_METRICS: metrics.Download,
    paths.BASE_METRICS: metrics.BaseModelFigures,
    paths.ROLES_METRICS: metrics.Roles,
    paths.FEATURES_METRICS: metrics.Features,
    paths.FOLDS_METRICS: metrics.Folds,
    paths.AUDIT_METRICS: metrics.Audit,
    paths.CURATE_METRICS: metrics.Curate,
    paths.SPLIT_METRICS: metrics.Split,
    paths.BASELINE_METRICS: metrics.Baselines,
    paths.TRAIN_METRICS: metrics.Train,
    paths.PREDICTIONS_METRICS: metrics.Predictions,
    paths.EVALUATE_METRICS: metrics.Evaluation,
    paths.SUMMARY_METRICS: metrics.Summary,
    paths.EXPORT_METRICS: metrics.Export,
}
