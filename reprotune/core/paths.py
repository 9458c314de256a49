"""Where artefacts live, relative to the repository root."""

from pathlib import Path

PARAMS = Path("params.yaml")
PROFILES = Path("profiles")

SOURCE_DATA = Path("data/source")
SOURCE_MODELS = Path("models/source")
BUILTIN_MODEL = SOURCE_MODELS / "builtin"
PRETRAINING = BUILTIN_MODEL / "pretraining.yaml"

RAW = Path("data/raw/examples.parquet")
BAD_ROWS = Path("data/raw/bad_rows.csv")
ROLES = Path("data/roles.parquet")
FEATURES = Path("data/features.npy")
FOLDS = Path("data/folds.npy")
FINDINGS = Path("data/audited/findings.parquet")
REVIEW = Path("data/audited/review.csv")
CURATED = Path("data/curated/examples.parquet")
QUARANTINE = Path("data/curated/quarantine.parquet")
TRAIN = Path("data/splits/train.parquet")
VALIDATION = Path("data/splits/validation.parquet")
TEST = Path("data/splits/test.parquet")
ROWS = Path("reports/rows.csv")

BASE = Path("models/base")
TUNED = Path("models/tuned")
MERGED = Path("models/merged")
PUBLISHED = Path("models/published")
PUBLISHED_DATA = Path("data/published")
ONNX = Path("models/onnx")

BASELINE_PREDICTIONS = Path("reports/predictions/baseline.csv")
PREDICTIONS = Path("reports/predictions/evaluate.csv")
FIT = Path("reports/predictions/fit.csv")
EDITED = Path("reports/predictions/edited.csv")
GENERATED = Path("reports/predictions/generated.csv")
LIVE = Path("reports/live")
TRAIN_CURVE = LIVE / "plots/metrics/train_loss.tsv"
VALIDATION_CURVE = LIVE / "plots/metrics/validation_loss.tsv"
PLOTS = Path("reports/plots")
CONFUSION = PLOTS / "confusion.csv"
CLASSWISE = PLOTS / "classes.csv"
ROC = PLOTS / "roc.csv"
PRECISION_RECALL = PLOTS / "precision_recall.csv"
RELIABILITY = PLOTS / "reliability.csv"
RISK_COVERAGE = PLOTS / "risk_coverage.csv"
PLOTTED = (CONFUSION, CLASSWISE, ROC, PRECISION_RECALL, RELIABILITY, RISK_COVERAGE)
ERRORS = Path("reports/errors.csv")
SLICES = Path("reports/slices.csv")
COMPARISON = Path("reports/comparison")
FIGURES = Path("reports/figures")
SHADOW = Path("reports/shadow.csv")
SHADOW_ANSWERS = Path("data/shadow.csv")
DOUBT_ANSWERS = Path("data/doubts.csv")
DRIFT = Path("reports/drift.html")
SWEEPS = Path("reports/sweeps")
RUN = Path("reports/run.json")
VERIFIED = Path("reports/verified.json")
DATA_DOCS = Path("reports/data_docs")
WORK = Path(".reprotune")
CHECKPOINTS = WORK / "checkpoints"
TENSORBOARD = WORK / "tensorboard"

DOWNLOAD_METRICS = Path("metrics/download.json")
BASE_METRICS = Path("metrics/base_model.json")
ROLES_METRICS = Path("metrics/roles.json")
FEATURES_METRICS = Path("metrics/features.json")
FOLDS_METRICS = Path("metrics/folds.json")
AUDIT_METRICS = Path("metrics/audit.json")
CURATE_METRICS = Path("metrics/curate.json")
SPLIT_METRICS = Path("metrics/split.json")
BASELINE_METRICS = Path("metrics/baseline.json")
TRAIN_METRICS = Path("metrics/train.json")
PREDICTIONS_METRICS = Path("metrics/predictions.json")
EVALUATE_METRICS = Path("metrics/evaluate.json")
SUMMARY_METRICS = Path("metrics/summary.json")
EXPORT_METRICS = Path("metrics/export.json")
