"""Fetch the examples and give each an id."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from reprotune.builtin import headlines
from reprotune.core import paths
from reprotune.core.params import Download, Params
from reprotune.core.printing import count_of, say
from reprotune.core.runner import main
from reprotune.data import expectations
from reprotune.data.ids import add_ids
from reprotune.data.reading import bad_rows as bad
from reprotune.data.reading.files import Reading, read_files
from reprotune.tables import metrics as records
from reprotune.tables import schemas
from reprotune.tables.classes import class_names
from reprotune.tables.figures import Characters


def fetch(download: Download, source: Path, seed: int) -> Reading:
    """The rows as they came: text, label and, where known, reference_label and split."""
    if download.kind == "builtin":
        builtin = download.builtin
        table = headlines.examples(builtin.rows, builtin.wrong_labels, builtin.repeated, seed)
        labels: Any = download.labels
        return Reading(table.replace({"label": labels, "reference_label": labels}), [], {})
    return read_files(download, source)


def as_raw(table: pd.DataFrame) -> pd.DataFrame:
    """The columns of the contract ``schemas.Raw``; what is not known is missing.

    Rows without a label, whose raw value was mapped to null, are left out.
    """
    columns = {"reference_label": None, "split": None} | {name: table[name] for name in table}
    raw = pd.DataFrame(columns).assign(row=table.index).dropna(subset="label")
    raw = raw.astype({"reference_label": "str", "split": "str"})  # what is missing stays missing
    return add_ids(raw[["text", "label", "reference_label", "split", "row"]])


def list_oddities(found: Reading, bad_rows: Path) -> Iterator[str]:
    """What a person should know of the rows, a line each."""
    if found.bad:
        counts = bad.describe(bad.count_kinds(found.bad))
        yield f"{count_of(len(found.bad), 'bad row')} left out ({counts}); see {bad_rows}"
    if found.partial:
        told = count_of(found.partial, "row")
        yield f"{told} with some of the text columns empty: the others are the text"
    for raw, rows in found.respelt.items():
        yield f"label {raw!a} ({count_of(rows, 'row')}) is read as another spelling of a known one"


def run(
    params: Params,
    source: Path = paths.SOURCE_DATA,
    raw: Path = paths.RAW,
    metrics: Path = paths.DOWNLOAD_METRICS,
    bad_rows: Path = paths.BAD_ROWS,
) -> None:
    found = fetch(params.download, source, params.seed)
    examples = as_raw(found.rows)
    classes = class_names(params.download.labels)
    schemas.check_labels(examples["label"], classes, source)
    expectations.require(examples, "raw", classes, params.expectations, source)
    schemas.write(examples, raw, schemas.Raw)
    bad.write(found.bad, bad_rows, params.guard_cells)
    length = float(examples["text"].str.len().median())
    figures = records.Download(
        rows=len(examples),
        left_out=len(found.rows) - len(examples),
        bad_rows=bad.count_kinds(found.bad),
        respelt=dict(sorted(found.respelt.items())),
        partial=found.partial or None,
        classes=dict(sorted(schemas.count(examples["label"]).items())),
        characters=Characters(median=length),
    )
    records.write(metrics, figures)
    for line in list_oddities(found, bad_rows):
        say(f"warning: {line}", sys.stderr)


if __name__ == "__main__":
    main(run)
