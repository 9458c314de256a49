"""Fetch the examples and give each an id."""

from pathlib import Path

import pandas as pd

from reprotune import paths
from reprotune.classes import class_names
from reprotune.data import expectations, headlines, schemas
from reprotune.data.files import read_files
from reprotune.data.identity import add_ids
from reprotune.params import Download, Params
from reprotune.stage import main, write_json


def fetch(download: Download, source: Path, seed: int) -> pd.DataFrame:
    """The examples as they came: text, label and, where known, reference_label and split."""
    if download.kind == "builtin":
        builtin = download.builtin
        table = headlines.examples(builtin.rows, builtin.wrong_labels, builtin.repeated, seed)
        named = {raw: name for raw, name in download.labels.items() if name is not None}
        return table.replace({"label": named, "reference_label": named})
    return read_files(download, source)


def as_raw(table: pd.DataFrame) -> pd.DataFrame:
    """The columns of the contract ``schemas.Raw``; what is not known is missing.

    Rows without a label, whose raw value was mapped to null, are left out.
    """
    columns = {"reference_label": None, "split": None} | {name: table[name] for name in table}
    raw = pd.DataFrame(columns).assign(row=range(len(table))).dropna(subset="label")
    raw["text"] = raw["text"].str.replace(r"\r\n?", "\n", regex=True)  # one kind of line break
    raw = raw.astype({"reference_label": "str", "split": "str"})  # what is missing stays missing
    return add_ids(raw[["text", "label", "reference_label", "split", "row"]])


def run(
    params: Params,
    source: Path = paths.SOURCE_DATA,
    raw: Path = paths.RAW,
    metrics: Path = paths.DOWNLOAD_METRICS,
) -> None:
    table = fetch(params.download, source, params.seed)
    examples = as_raw(table)
    classes = class_names(params.download.labels)
    schemas.check_labels(examples["label"], classes, source)
    expectations.require(examples, "raw", classes, params.expectations, source)
    schemas.write(examples, raw, schemas.Raw)
    counts = examples["label"].value_counts().sort_index()
    write_json(
        metrics,
        {
            "rows": len(examples),
            "left_out": len(table) - len(examples),
            "classes": counts.to_dict(),
            "characters": {"median": float(examples["text"].str.len().median())},
        },
    )


if __name__ == "__main__":
    main(run)
