"""Read examples from files of every format."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.params import Download, SourceFile
from reprotune.core.params.fields import list_fields
from reprotune.data.reading.archives import divide, read_member
from reprotune.data.reading.bad_rows import BadRow, check_share, collect, find_faults
from reprotune.data.reading.charset import decode
from reprotune.data.reading.cleaning import clean
from reprotune.data.reading.columns import descend, fill, is_partial
from reprotune.data.reading.formats import Table, parse_binary, parse_text, unpack
from reprotune.data.reading.kinds import TEXTS, tell_kind
from reprotune.data.reading.labels import check_labels, match_spellings, spell, take_only
from reprotune.sources import http, hub
from reprotune.sources.hub import Repository


@dataclass(frozen=True)
class Reading:
    """What the files hold: rows that can be used, and those that cannot."""

    rows: pd.DataFrame  # text, label, split; the index is the place among all rows
    bad: list[BadRow]
    respelt: dict[str, int]  # raw label that is another spelling of a known one: rows
    partial: int = 0  # rows of which some of several text columns are empty


def read_files(download: Download, folder: Path, work: Path = paths.WORK) -> Reading:
    """All files of ``download.files``, in their order.

    ``folder`` holds a person's own files, ``work`` those that were fetched. Raw label values are
    replaced by class names; a value that has none (null) becomes missing.

    Raises:
        InputError: a file cannot be read so, or more rows are bad than ``download.bad_rows``.
    """
    parts = []
    bad: list[BadRow] = []
    respelt: Counter[str] = Counter()
    begun = 0
    for file in download.files:
        path, raw = read_contents(download, file, folder, work)
        cells, total = take_cells(raw, path, download, file, bad)
        labels = download.labels | match_spellings(cells["raw"].unique(), download.labels)
        rows = set_aside(cells, labels, path, bad)
        check_labels(rows, labels, path)
        respelt.update(rows.loc[~rows["raw"].isin(list(download.labels)), "raw"])
        parts.append(rows.assign(label=rows["raw"].map(labels)).set_axis(rows.index + begun))
        begun += total
    check_share(bad, begun, download.bad_rows)
    rows = pd.concat(parts).astype({"text": "str"})
    return Reading(rows[["text", "label", "split"]], bad, dict(respelt), int(rows["partial"].sum()))


def take_cells(
    raw: bytes, path: str, download: Download, file: SourceFile, bad: list[BadRow]
) -> tuple[pd.DataFrame, int]:
    """The columns text and label of a file as they came, and its number of rows.

    ``raw`` is the label as a key of ``download.labels``. Rows that are broken go to ``bad``.
    """
    table = read_table(raw, path, download)
    bad += table.list_bad(path)
    cells = find_texts(table.frame, download.text_column, path)
    if file.label is None:
        assert download.label_column is not None
        found = find_column(table.frame, download.label_column, path, "label_column")
        cells["label"] = found.astype("object").map(take_only)
    else:
        cells["label"] = file.label
    cells["raw"] = cells["label"].map(spell)
    cells["line"] = [table.lines[place] for place in cells.index] if table.lines else 0
    return cells.assign(split=file.split), table.rows


def set_aside(
    cells: pd.DataFrame, labels: Mapping[str, str | None], path: str, bad: list[BadRow]
) -> pd.DataFrame:
    """The rows that can be used, their texts as strings; the others go to ``bad``."""
    faults = find_faults(cells, labels)
    bad += collect(cells, faults, path)
    good = cells[faults.isna()]
    return good.assign(text=good["text"].map(clean))


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
        path = locate(location, folder)
        where = str(path)
    raw = path.read_bytes()
    check_hash(raw, file.sha256, where)
    if member:
        return f"{where}/{member}", read_member(raw, member, where)
    return where, raw


def check_hash(raw: bytes, expected: str | None, path: str) -> None:
    actual = hashlib.sha256(raw).hexdigest()
    if expected not in (None, actual):
        raise InputError(
            f"{path}: its sha256 is {actual}, download.files says {expected}; fetch the file "
            "again, or correct the hash if the change is meant"
        )


def find_place(location: str, folder: Path) -> Path:
    """Where the file of an entry is to lie, or the archive that holds it."""
    path = Path(divide(location)[0])
    return path if path.is_relative_to(folder) else folder / path


def locate(location: str, folder: Path) -> Path:
    """The path of a source file; it must exist and lie in the tracked folder."""
    path = find_place(location, folder)
    if not path.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"{location}: must lie under {folder}, which is tracked; copy it there")
    if not path.is_file():
        present = sorted(p.name for p in folder.glob("[!.]*"))
        raise InputError(f"{path}: no such file (download.files); {folder} holds {present}")
    return path


def read_table(raw: bytes, path: str, download: Download) -> Table:
    """The file as a table of its own columns; the kind is told by the name's ending."""
    kind, packing = tell_kind(path)
    raw = unpack(raw, packing, path)
    try:
        if kind in TEXTS:
            text = decode(raw, path, download.encoding, download.bad_rows)
            table = parse_text(text, kind, download)
        else:
            table = parse_binary(raw, kind, download)
    except InputError:
        raise
    except (ValueError, OSError) as error:
        raise InputError(f"{path}: not readable as {kind}: {error}") from None
    if table.frame.empty:  # nothing but broken rows
        check_share(table.list_bad(path), table.rows, 0)
    return table


def find_texts(frame: pd.DataFrame, column: str | int, path: str) -> pd.DataFrame:
    """The column ``text``, of one column or by a template of several, and ``partial``.

    The latter says of which rows some of several columns are empty.
    """
    fields = list_fields(column)
    if not fields or column in frame:
        cells = find_column(frame, column, path, "text_column")
        return cells.to_frame("text").assign(partial=False)
    names = [name if name in frame or not name.isdecimal() else int(name) for name in fields]
    found = [find_column(frame, name, path, "text_column") for name in names]
    rows = list(zip(*found, strict=True))
    made = {
        "text": [fill(str(column), row) for row in rows],
        "partial": list(map(is_partial, rows)),
    }
    return pd.DataFrame(made, index=frame.index, dtype="object")


def find_column(frame: pd.DataFrame, name: str | int, path: str, key: str) -> pd.Series:
    """A column or, by ``review.body``, the field ``body`` of the objects in ``review``."""
    name = name.strip() if isinstance(name, str) else name  # as the names of a header are
    if name in frame.columns:
        return frame[name]
    head, *fields = str(name).split(".")
    if fields and head in frame.columns:
        values = frame[head].map(partial(descend, fields=fields))
        if values.notna().any():
            return values
    found = list(frame.columns)
    hint = "; is it the wrong download.delimiter?" if len(found) == 1 else ""
    hint = "; those of one name are numbered" if f"{name} (1)" in found else hint
    raise InputError(f"{path}: no column {name!r} (download.{key}); it has {found}{hint}")
