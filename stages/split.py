"""Balance the labels, then cut parts that share no example."""

from pathlib import Path

from reprotune import paths
from reprotune.data import schemas
from reprotune.data.balance import balance
from reprotune.params import Params, class_names
from reprotune.stage import main, whole_file, write_json


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
    pool = dict(tuple(rows.groupby("role")))
    parts = {
        train: balance(pool["train"], classes, params.roles.train_per_class, "train"),
        validation: pool.get("validation", rows.head(0)).sort_values("id"),
        test: balance(pool["test"], classes, None, "test"),
    }
    for path, part in parts.items():
        schemas.write(part[examples.columns], path, schemas.Split)
        rows.loc[rows["role"].eq(path.stem) & ~rows["id"].isin(part["id"]), "role"] = "spare"
    with whole_file(listing) as partial:
        rows.sort_values("id")[["id", "label", "role"]].to_csv(partial, index=False)
    counts = {path.stem: part["label"].value_counts() for path, part in parts.items()}
    write_json(
        metrics,
        {name: count.reindex(classes, fill_value=0).to_dict() for name, count in counts.items()}
        | {"spare": int(rows["role"].eq("spare").sum())},
    )


if __name__ == "__main__":
    main(run)
