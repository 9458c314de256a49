"""Cut the parts that `roles` decided on; a count of training rows is one of each class."""

import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from reprotune.core import paths
from reprotune.core.params import Params
from reprotune.core.printing import say
from reprotune.core.runner import main
from reprotune.data import expectations
from reprotune.data.balance import balance, tell_unused
from reprotune.tables import cells, schemas
from reprotune.tables import metrics as records
from reprotune.tables.classes import class_names


def count_roles(rows: pd.DataFrame, classes: Sequence[str]) -> records.Split:
    """Rows of each class in each part, and the number of spare rows."""
    table = pd.crosstab(rows["role"], rows["label"])
    table = table.reindex(index=list(schemas.ROLES), columns=list(classes), fill_value=0)
    counts = {str(role): dict(row) for role, row in table.iterrows()}
    return records.Split(
        test=counts["test"],
        validation=counts["validation"],
        train=counts["train"],
        spare=sum(counts["spare"].values()),
    )


def run(
    params: Params,
    curated: Path = paths.CURATED,
    roles: Path = paths.ROLES,
    splits: Sequence[Path] = (paths.TRAIN, paths.VALIDATION, paths.TEST),
    listing: Path = paths.ROWS,
    metrics: Path = paths.SPLIT_METRICS,
) -> None:
    examples = schemas.read(curated, schemas.Curated)
    rows = examples.merge(schemas.read(roles, schemas.Roles), on="id")
    classes = class_names(params.download.labels)
    parts = {role: rows[rows["role"] == role].sort_values("id") for role in schemas.ROLES}
    parts["train"] = balance(parts["train"], classes, params.roles.train_per_class, "train")
    parts["test"] = balance(parts["test"], classes, None, "test")
    files = dict(zip(("train", "validation", "test"), splits, strict=True))
    for role, path in files.items():
        expectations.require(parts[role], role, classes, params.expectations, path)
    for role, path in files.items():
        schemas.write(parts[role][examples.columns], path, schemas.Split)
    not_drawn = (rows["role"] == "train") & ~rows["id"].isin(parts["train"]["id"])
    rows["role"] = rows["role"].mask(not_drawn, "spare")
    listed = rows.sort_values("id")[["id", "label", "role"]]
    cells.write(listed, listing, params.guard_cells)
    records.write(metrics, count_roles(rows, classes))
    if unused := tell_unused(rows.loc[rows["role"] == "spare", "label"]):
        say(f"note: {unused}", sys.stderr)


if __name__ == "__main__":
    main(run)
