"""Read examples from CSV, delimited text, JSONL or Parquet files."""

import csv
import json
from pathlib import Path

import pandas as pd

from reprotune.params import Download, InputError, SourceFile

DELIMITED = (".csv", ".tsv", ".txt", ".neg", ".pos")
COLUMNS = ["text", "label", "split"]


def read_files(download: Download, folder: Path) -> pd.DataFrame:
    """All files of ``download.files``, in their order: columns text, label, split.

    Raw label values are replaced by class names.
    """
    tables = [read_file(download, file, folder) for file in download.files]
    return pd.concat(tables, ignore_index=True)


def read_file(download: Download, file: SourceFile, folder: Path) -> pd.DataFrame:
    path = inside(Path(file.location), folder)
    frame = load(path, download)
    texts = column(frame, download.text_column, path, "text_column")
    table = pd.DataFrame({"text": texts.astype("str"), "split": file.split})
    if file.label is not None:
        table["label"] = file.label
    else:
        assert download.label_column is not None
        raw = column(frame, download.label_column, path, "label_column").astype("str").str.strip()
        table["label"] = raw
    unknown = table.loc[~table["label"].isin(list(download.labels)), "label"]
    if len(unknown):
        shown = ", ".join(f"{v!r} ({n} rows)" for v, n in unknown.value_counts().head(5).items())
        raise InputError(
            f"{path}: label {shown} is not in download.labels; allowed are {list(download.labels)}"
        )
    table["label"] = table["label"].map(download.labels)
    return table[COLUMNS]


def inside(location: Path, folder: Path) -> Path:
    """The path of a source file; it must exist and lie in the tracked folder."""
    path = location if location.is_relative_to(folder) else folder / location
    if not path.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"{location}: must lie under {folder}, which is tracked; copy it there")
    if not path.is_file():
        present = sorted(p.name for p in folder.iterdir() if not p.name.startswith("."))
        raise InputError(f"{path}: no such file; {folder} holds {present}")
    return path


def load(path: Path, download: Download) -> pd.DataFrame:
    """The file as a table of its own columns; the kind is told by the name's ending."""
    kind = path.suffix.lower()
    if kind == ".parquet":
        return pd.read_parquet(path)
    if kind not in (*DELIMITED, ".jsonl"):
        allowed = ", ".join((*DELIMITED, ".jsonl", ".parquet"))
        raise InputError(f"{path}: cannot read a {kind or 'nameless'} file; allowed: {allowed}")
    text = decode(path, download.encoding)
    try:
        if kind == ".jsonl":
            return pd.DataFrame([json.loads(row) for row in text.splitlines() if row.strip()])
        return delimited(text, download)
    except (ValueError, csv.Error) as error:
        raise InputError(f"{path}: not readable as {kind}: {error}") from None


def decode(path: Path, encoding: str) -> str:
    raw = path.read_bytes()
    try:
        return raw.decode("utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding)
    except UnicodeDecodeError as error:
        row = raw[: error.start].count(b"\n") + 1
        raise InputError(
            f"{path}: byte 0x{raw[error.start]:02x} in row {row} is not {encoding}; "
            "try download.encoding: latin-1 (or cp1252)"
        ) from None
    except LookupError:
        raise InputError(
            f"download.encoding: {encoding!r} is no encoding that Python knows"
        ) from None


def delimited(text: str, download: Download) -> pd.DataFrame:
    """CSV with quotes, or lines cut at the last delimiter (``sentence@label``)."""
    if download.delimiter in ",;\t":
        reader = csv.reader(
            text.splitlines(keepends=True), delimiter=download.delimiter, strict=True
        )
        rows = [row for row in reader if row]
    elif download.label_column is None:
        rows = [[line] for line in text.splitlines() if line.strip()]
    else:
        rows = [line.rsplit(download.delimiter, 1) for line in text.splitlines() if line.strip()]
    if not rows:
        raise ValueError("it is empty")
    header: list[str] | list[int] = rows.pop(0) if download.header else list(range(len(rows[0])))
    width = len(header)
    for number, row in enumerate(rows, start=1 + download.header):
        if len(row) != width:
            raise ValueError(f"row {number} has {len(row)} columns, the first has {width}")
    return pd.DataFrame(rows, columns=header)


def column(frame: pd.DataFrame, name: str | int, path: Path, key: str) -> pd.Series:
    if name not in frame.columns:
        raise InputError(
            f"{path}: no column {name!r} (download.{key}); it has {list(frame.columns)}"
        )
    return frame[name]
