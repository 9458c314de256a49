"""Read examples from CSV, delimited text, JSONL or Parquet files."""

import csv
import hashlib
import io
import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import pandas as pd

from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.params import Download, SourceFile
from reprotune.data.reading.archives import divide, read_member
from reprotune.data.reading.charset import decode
from reprotune.sources import http, hub
from reprotune.sources.hub import Repository

READABLE = (".csv", ".tsv", ".txt", ".neg", ".pos", ".jsonl", ".parquet")
SHOWN = 5


def read_files(download: Download, folder: Path, work: Path = paths.WORK) -> pd.DataFrame:
    """All files of ``download.files``, in their order: columns text, label, split.

    ``folder`` holds a person's own files, ``work`` those that were fetched. Raw label values are
    replaced by class names; a value that has none (null) becomes missing.
    """
    tables = [read_file(download, file, folder, work) for file in download.files]
    return pd.concat(tables, ignore_index=True)


def read_file(download: Download, file: SourceFile, folder: Path, work: Path) -> pd.DataFrame:
    path, raw = read_contents(download, file, folder, work)
    frame = read_table(raw, path, download)
    texts = find_column(frame, download.text_column, path, "text_column").astype("str")
    if file.label is not None:
        labels = pd.Series(file.label, index=frame.index)
    else:
        assert download.label_column is not None
        labels = find_column(frame, download.label_column, path, "label_column").astype("str")
        labels = labels.fillna("").str.strip()
    check_labels(labels, download.labels, path)
    table = pd.DataFrame({"text": texts, "label": labels.map(download.labels), "split": file.split})
    check_texts(table.loc[table["label"].notna(), "text"], path)
    return table


def read_contents(
    download: Download, file: SourceFile, folder: Path, work: Path
) -> tuple[str, bytes]:
    """A file's name for messages, and its bytes: out of a zip archive, if it lies in one."""
    location, member = divide(file.location)
    where = location
    if download.kind == "url":
        path = http.fetch(location, file.sha256 or "", work / "downloads")
    elif download.kind == "hub":
        repository = Repository(str(download.repository), "dataset", str(download.revision))
        path = hub.fetch(repository, [location])[location]
        where = f"{repository.name}/{location}"
    else:
        path = locate(Path(location), folder)
        where = str(path)
    raw = path.read_bytes()
    check_hash(raw, file.sha256, where)
    if member:
        return f"{where}/{member}", read_member(raw, member, where)
    return where, raw


def check_labels(labels: pd.Series, known: Mapping[str, str | None], path: str) -> None:
    unknown = labels[~labels.isin(list(known))]
    if len(unknown):
        counts = unknown.value_counts().head(SHOWN)
        first = {value: int(unknown.index[unknown == value][0]) + 1 for value in counts.index}
        shown = ", ".join(f"{v!r} ({n} rows, first in row {first[v]})" for v, n in counts.items())
        more = f" and {unknown.nunique() - SHOWN} more" if unknown.nunique() > SHOWN else ""
        raise InputError(
            f"{path}: label {shown}{more} is not in download.labels; allowed are {list(known)}; "
            "add it with its class, or with null to leave its rows out (row 1 is the first after "
            "the header)"
        )


def check_texts(texts: pd.Series, path: str) -> None:
    """Raise InputError for texts without a character to read, and for those with NUL."""
    empty = texts.fillna("").str.strip() == ""
    null = texts.fillna("").str.contains("\0", regex=False)
    for bad, what in ((empty, "are empty"), (null, "hold NUL characters")):
        if bad.any():
            rows = [int(number) + 1 for number in texts.index[bad][:SHOWN]]
            raise InputError(
                f"{path}: {bad.sum()} texts {what}, first in rows {rows} of the data (1 is the "
                "first after the header); correct or remove these rows"
            )


def check_hash(raw: bytes, expected: str | None, path: str) -> None:
    actual = hashlib.sha256(raw).hexdigest()
    if expected not in (None, actual):
        raise InputError(
            f"{path}: its sha256 is {actual}, download.files says {expected}; fetch the file "
            "again, or correct the hash if the change is meant"
        )


def locate(location: Path, folder: Path) -> Path:
    """The path of a source file; it must exist and lie in the tracked folder."""
    path = location if location.is_relative_to(folder) else folder / location
    if not path.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"{location}: must lie under {folder}, which is tracked; copy it there")
    if not path.is_file():
        present = sorted(p.name for p in folder.glob("[!.]*"))
        raise InputError(f"{path}: no such file (download.files); {folder} holds {present}")
    return path


def read_table(raw: bytes, path: str, download: Download) -> pd.DataFrame:
    """The file as a table of its own columns; the kind is told by the name's ending."""
    kind = PurePosixPath(urlsplit(path).path).suffix.lower()
    if kind not in READABLE:
        raise InputError(
            f"{path}: cannot read a {kind or 'nameless'} file; allowed: {', '.join(READABLE)}"
        )
    try:
        if kind == ".parquet":
            return pd.read_parquet(io.BytesIO(raw))
        text = decode(raw, path, download.encoding)
        rows = parse_jsonl(text) if kind == ".jsonl" else parse_delimited(text, download, kind)
    except InputError:
        raise
    except (ValueError, OSError) as error:
        raise InputError(f"{path}: not readable as {kind}: {error}") from None
    return rows


def split_lines(text: str) -> list[str]:
    """Rows of a text file: other separators that Unicode knows are part of the text."""
    return re.split(r"\r\n|\n|\r", text)


def unify_line_breaks(text: str) -> str:
    """The text as training and prediction see it: with one kind of line break."""
    return re.sub(r"\r\n?", "\n", text)


def parse_jsonl(text: str) -> pd.DataFrame:
    rows = []
    for number, line in enumerate(split_lines(text), start=1):
        if line.strip():
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise ValueError(f"line {number}, column {error.colno}: {error.msg}") from None
            if not isinstance(row, dict):
                raise ValueError(
                    f'line {number} is no object such as {{"text": ..., "label": ...}}'
                )
            rows.append(row)
    if not rows:
        raise ValueError("it is empty")
    return pd.DataFrame(rows)


def parse_delimited(text: str, download: Download, kind: str) -> pd.DataFrame:
    """CSV with quotes, lines cut at the last delimiter (``sentence@label``), or whole lines."""
    quoted = kind in (".csv", ".tsv")
    if download.label_column is None and not quoted:
        rows = [(n, [line]) for n, line in enumerate(split_lines(text), start=1) if line.strip()]
    elif quoted or download.delimiter in ",;\t":
        rows = list(parse_csv(text, download.delimiter))
    else:
        cut = (line.rsplit(download.delimiter, 1) for line in split_lines(text))
        rows = [(n, row) for n, row in enumerate(cut, start=1) if any(map(str.strip, row))]
    names: list[str] | list[int] = list(range(len(rows[0][1]))) if rows else []
    if download.header and rows:
        names = rows.pop(0)[1]
    if not rows:
        raise ValueError(
            "it has a header and no rows; add rows or, if it has no header, set download.header: "
            "false"
            if names
            else "it is empty"
        )
    if len(set(names)) < len(names):
        raise ValueError(f"two of its columns have the same name: {names}; rename one")
    for number, row in rows:
        if len(row) != len(names):
            raise ValueError(
                f"the row that begins in line {number} has {len(row)} columns, the first has "
                f"{len(names)}; see download.delimiter ({download.delimiter!r})"
                f"{' and the quotes' if quoted else ''}"
            )
    return pd.DataFrame([row for _, row in rows], columns=names)


def parse_csv(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Rows with the line in which each begins; quoted fields may hold line breaks."""
    csv.field_size_limit(sys.maxsize)  # expectations.characters limits the texts, with a reason
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise ValueError(
                f"the row that begins in line {line} has a stray quotation mark ({error}); double "
                "quotes within a quoted field are written twice; or the wrong download.delimiter "
                f"({delimiter!r})"
            ) from None
        if row:
            yield line, row


def find_column(frame: pd.DataFrame, name: str | int, path: str, key: str) -> pd.Series:
    if name not in frame.columns:
        found = list(frame.columns)
        hint = "; is it the wrong download.delimiter?" if len(found) == 1 else ""
        raise InputError(f"{path}: no column {name!r} (download.{key}); it has {found}{hint}")
    return frame[name]
