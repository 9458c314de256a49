"""Decide on the raw rows who may be test, validation and train."""

from pathlib import Path
from typing import Any

import pandas as pd

from reprotune import paths
from reprotune.classes import class_names
from reprotune.data import schemas
from reprotune.data.duplicates import near_duplicate_groups
from reprotune.data.roles import assign, group_ids, hashed_rank, leaks
from reprotune.params import Params
from reprotune.stage import main, write_json


def count_roles(rows: pd.DataFrame) -> dict[str, Any]:
    """Rows of each class in each role."""
    table = pd.crosstab(rows["role"], rows["label"])
    return {str(role): counts.to_dict() for role, counts in table.iterrows()}


def run(
    params: Params,
    raw: Path = paths.RAW,
    roles: Path = paths.ROLES,
    metrics: Path = paths.ROLES_METRICS,
) -> None:
    rows = schemas.read(raw, schemas.Raw)
    groups = near_duplicate_groups(rows["text"], params.roles.near_duplicate, params.seed)
    rows["group"] = group_ids(rows["id"], groups)
    classes = class_names(params.download.labels)
    rows["rank"] = hashed_rank(rows, params.seed)
    rows["role"] = assign(rows, params.roles, classes)
    schemas.write(rows[["id", "group", "role", "rank"]], roles, schemas.Roles)
    sizes = rows.groupby("group").size()
    write_json(
        metrics,
        {
            "roles": count_roles(rows),
            "near_duplicates": {
                "groups": int((sizes > 1).sum()),
                "rows": int(sizes[sizes > 1].sum()),
            },
            "leaked_test_rows": leaks(rows),
        },
    )


if __name__ == "__main__":
    main(run)
