"""Read examples from CSV, delimited text, JSONL or Parquet files."""

import codecs
import csv
import hashlib
import io
import json
import re
from pathlib import Path

import pandas as pd

from reprotune.params import Download, InputError, SourceFile

READABLE = (".csv", ".tsv", ".txt", ".neg", ".pos", ".jsonl", ".parquet")
COLUMNS = ["text", "label", "split"]


def read_files(download: Download, folder: Path) -> pd.DataFrame:
    """All files of ``download.files``, in their order: columns text, label, split.

    Raw label values are replaced by class names.
    """
    tables = [read_file(download, file, folder) for file in download.files]
    return pd.concat(tables, ignore_index=True)


def read_file(download: Download, file: SourceFile, folder: Path) -> pd.DataFrame:
    path = inside(Path(file.location), folder)
    check_hash(path, file.sha256)
    frame = load(path, download)
    texts = column(frame, download.text_column, path, "text_column").astype("str")
    empty = [n for n, text in enumerate(texts.fillna(""), start=1) if not text.strip()]
    if empty:
        raise InputError(
            f"{path}: {len(empty)} texts are empty, first in rows {empty[:5]} of the data; fill "
            "them or remove the rows"
        )
    table = pd.DataFrame({"text": texts, "split": file.split})
    if file.label is not None:
        table["label"] = file.label
    else:
        assert download.label_column is not None
        raw = column(frame, download.label_column, path, "label_column").astype("str").str.strip()
        table["label"] = raw
    unknown = table.loc[~table["label"].isin(list(download.labels)), "label"]
    if len(unknown):
        counts = unknown.value_counts(dropna=False).head(5)
        shown = ", ".join(f"{value!r} ({n} rows)" for value, n in counts.items())
        raise InputError(
            f"{path}: label {shown} is not in download.labels; allowed are {list(download.labels)}"
        )
    table["label"] = table["label"].map(download.labels)
    return table[COLUMNS]


def check_hash(path: Path, expected: str | None) -> None:
    actual = hashlib.sha256(path.read_bytes()).hexdigest()
    if expected not in (None, actual):
        raise InputError(
            f"{path}: its sha256 is {actual}, download.files says {expected}; fetch the file "
            "again, or correct the hash if the change is meant"
        )


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
    if kind not in READABLE:
        raise InputError(
            f"{path}: cannot read a {kind or 'nameless'} file; allowed: {', '.join(READABLE)}"
        )
    try:
        if kind == ".parquet":
            return pd.read_parquet(path)
        text = decode(path, download.encoding)
        rows = json_rows(text) if kind == ".jsonl" else delimited(text, download, kind)
    except InputError:
        raise
    except (ValueError, OSError, csv.Error) as error:
        raise InputError(f"{path}: not readable as {kind}: {error}") from None
    return rows


def decode(path: Path, encoding: str) -> str:
    raw = path.read_bytes()
    try:
        name = codecs.lookup(encoding).name
    except LookupError:
        raise InputError(
            f"download.encoding: {encoding!r} is no encoding that Python knows"
        ) from None
    if name == "utf-8":
        raw = raw.removeprefix(codecs.BOM_UTF8)
    try:
        return raw.decode(name)
    except UnicodeDecodeError as error:
        row = raw[: error.start].count(b"\n") + 1
        raise InputError(
            f"{path}: byte 0x{raw[error.start]:02x} in row {row} is not {encoding}; "
            "try download.encoding: latin-1 (or cp1252)"
        ) from None


def lines(text: str) -> list[str]:
    """Rows of a text file: other separators that Unicode knows are part of the text."""
    return re.split(r"\r\n|\n|\r", text)


def json_rows(text: str) -> pd.DataFrame:
    rows = []
    for number, line in enumerate(lines(text), start=1):
        if line.strip():
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError as error:
                raise ValueError(f"row {number}, column {error.colno}: {error.msg}") from None
    return pd.DataFrame(rows)


def delimited(text: str, download: Download, kind: str) -> pd.DataFrame:
    """CSV with quotes, lines cut at the last delimiter (``sentence@label``), or whole lines."""
    rows: list[list[str]]
    if download.label_column is None and kind not in (".csv", ".tsv"):
        rows = [[line] for line in lines(text) if line.strip()]
    elif kind in (".csv", ".tsv") or download.delimiter in ",;\t":
        file = io.StringIO(text, newline="")
        rows = [row for row in csv.reader(file, delimiter=download.delimiter, strict=True) if row]
    else:
        rows = [line.rsplit(download.delimiter, 1) for line in lines(text) if line.strip()]
    names: list[str] | list[int] = list(range(len(rows[0]))) if rows else []
    if download.header and rows:
        names = rows.pop(0)
    if not rows:
        raise ValueError("it has a header and no rows" if names else "it is empty")
    if len(set(names)) < len(names):
        raise ValueError(f"two of its columns have the same name: {names}")
    for number, row in enumerate(rows, start=1 + download.header):
        if len(row) != len(names):
            raise ValueError(f"row {number} has {len(row)} columns, the first has {len(names)}")
    return pd.DataFrame(rows, columns=names)


def column(frame: pd.DataFrame, name: str | int, path: Path, key: str) -> pd.Series:
    if name not in frame.columns:
        raise InputError(
            f"{path}: no column {name!r} (download.{key}); it has {list(frame.columns)}"
        )
    return frame[name]
