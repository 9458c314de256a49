"""Apply people's decisions, then the policy; what leaves is kept in quarantine."""

from pathlib import Path

from reprotune.core import paths
from reprotune.core.params import Params
from reprotune.core.runner import main
from reprotune.data import expectations
from reprotune.data.curation import apply_policy, decide
from reprotune.data.decisions import read_decisions
from reprotune.tables import metrics as records
from reprotune.tables import schemas
from reprotune.tables.classes import class_names


def run(
    params: Params,
    raw: Path = paths.RAW,
    roles: Path = paths.ROLES,
    findings: Path = paths.FINDINGS,
    curated: Path = paths.CURATED,
    quarantine: Path = paths.QUARANTINE,
    metrics: Path = paths.CURATE_METRICS,
) -> None:
    before = schemas.read(raw, schemas.Raw).merge(schemas.read(roles, schemas.Roles), on="id")
    file = Path(params.curate.decisions)
    decisions = read_decisions(file)
    classes = class_names(params.download.labels)
    rows, decided = decide(before, decisions, classes, file)
    found = schemas.read(findings, schemas.Findings)
    automatic = apply_policy(rows, found, decisions["id"], decided.notna(), params.curate)
    reason = decided.fillna(automatic)
    kept = rows[reason.isna()]
    removed = rows.assign(reason=reason.astype("str"))[reason.notna()]
    expectations.require(kept, "curated", classes, params.expectations, curated)
    schemas.write(kept[["id", "text", "label", "reference_label"]], curated, schemas.Curated)
    schemas.write(removed[["id", "text", "label", "reason"]], quarantine, schemas.Quarantine)
    figures = records.Curate(
        kept=len(kept),
        quarantined=schemas.count(removed["reason"]),
        relabelled=int((rows["label"] != before["label"]).sum()),
    )
    records.write(metrics, figures)


if __name__ == "__main__":
    main(run)
