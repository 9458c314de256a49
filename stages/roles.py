"""Decide on the raw rows who may be test, validation and train."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from reprotune.core import paths
from reprotune.core.params import Params, Roles
from reprotune.core.printing import count_of, say
from reprotune.core.runner import main
from reprotune.data.assignment import assign, count_leaks, group_ids, rank_by_hash
from reprotune.data.duplicates import near_duplicate_groups
from reprotune.tables import metrics as records
from reprotune.tables import schemas
from reprotune.tables.classes import class_names


def count_roles(rows: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Rows of each class in each role."""
    table = pd.crosstab(rows["role"], rows["label"])
    return {str(role): dict(counts) for role, counts in table.iterrows()}


def list_notes(rows: pd.DataFrame, roles: Roles) -> Iterator[str]:
    """What a person should know of the roles, a line each."""
    held = ((rows["split"] == "train") & (rows["role"] == "validation")).sum()
    if roles.strategy == "published" and held:
        told = count_of(held, "row")
        yield f"{told} of the training part: validation, of which the files have none"
    spare = (rows["role"] == "spare").sum()
    if roles.strategy == "growing" and spare:
        told = count_of(spare, "row")
        yield f"{told} out of training: nearly the same as test or validation rows"


def run(
    params: Params,
    raw: Path = paths.RAW,
    roles: Path = paths.ROLES,
    metrics: Path = paths.ROLES_METRICS,
) -> None:
    rows = schemas.read(raw, schemas.Raw)
    groups = near_duplicate_groups(
        rows["text"], params.roles.near_duplicate_threshold, params.seed, params.text.units
    )
    rows["group"] = group_ids(rows["id"], groups)
    classes = class_names(params.download.labels)
    rows["rank"] = rank_by_hash(rows, params.seed)
    rows["role"] = assign(rows, params.roles, classes, params.seed)
    schemas.write(rows[["id", "group", "role", "rank"]], roles, schemas.Roles)
    sizes = rows.groupby("group").size()
    several = sizes[sizes > 1]
    figures = records.Roles(
        roles=count_roles(rows),
        near_duplicates=records.NearDuplicates(groups=len(several), rows=int(several.sum())),
        leaked_test_rows=count_leaks(rows),
    )
    records.write(metrics, figures)
    for line in list_notes(rows, params.roles):
        say(f"note: {line}", sys.stderr)


if __name__ == "__main__":
    main(run)
