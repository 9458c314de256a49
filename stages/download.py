"""Fetch the examples and give each an id."""

from pathlib import Path

import pandas as pd

from reprotune.builtin import headlines
from reprotune.core import paths
from reprotune.core.params import Download, Params
from reprotune.core.runner import main
from reprotune.data import expectations
from reprotune.data.ids import add_ids
from reprotune.data.reading.files import read_files, unify_line_breaks
from reprotune.tables import metrics as records
from reprotune.tables import schemas
from reprotune.tables.classes import class_names


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
    raw["text"] = raw["text"].map(unify_line_breaks)
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
    length = float(examples["text"].str.len().median())
    figures = records.Download(
        rows=len(examples),
        left_out=len(table) - len(examples),
        classes=dict(sorted(schemas.count(examples["label"]).items())),
        characters=records.Characters(median=length),
    )
    records.write(metrics, figures)


if __name__ == "__main__":
    main(run)
