"""Cut the parts that `roles` decided on, the training part with balanced labels."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from reprotune import paths
from reprotune.classes import class_names
from reprotune.data import expectations, schemas
from reprotune.data.balance import balance
from reprotune.params import Params
from reprotune.stage import main, whole_file, write_json


def count_roles(rows: pd.DataFrame, classes: Sequence[str]) -> dict[str, Any]:
    """Rows of each class in each part, and the number of spare rows."""
    table = pd.crosstab(rows["role"], rows["label"])
    table = table.reindex(index=list(schemas.ROLES), columns=list(classes), fill_value=0)
    counts: dict[str, Any] = {str(role): row.to_dict() for role, row in table.iterrows()}
    return counts | {"spare": sum(counts["spare"].values())}


def run(
    params: Params,
    curated: Path = paths.CURATED,
    roles: Path = paths.ROLES,
    train: Path = paths.TRAIN,
    validation: Path = paths.VALIDATION,
    test: Path = paths.TEST,
    listing: Path = paths.ROWS,
    metrics: Path = paths.SPLIT_METRICS,
) -> None:
    examples = schemas.read(curated, schemas.Curated)
    rows = examples.merge(schemas.read(roles, schemas.Roles), on="id")
    classes = class_names(params.download.labels)
    parts = {role: rows[rows["role"] == role].sort_values("id") for role in schemas.ROLES}
    parts["train"] = balance(parts["train"], classes, params.roles.train_per_class, "train")
    parts["test"] = balance(parts["test"], classes, None, "test")
    files = {"train": train, "validation": validation, "test": test}
    for role, path in files.items():
        expectations.require(parts[role], role, classes, params.expectations, path)
    for role, path in files.items():
        schemas.write(parts[role][examples.columns], path, schemas.Split)
    not_drawn = (rows["role"] == "train") & ~rows["id"].isin(parts["train"]["id"])
    rows["role"] = rows["role"].mask(not_drawn, "spare")
    with whole_file(listing) as partial:
        rows.sort_values("id")[["id", "label", "role"]].to_csv(partial, index=False)
    write_json(metrics, count_roles(rows, classes))


if __name__ == "__main__":
    main(run)
