"""What is no file of rows becomes one, before ``init`` copies it: folders, databases, archives.

The copy is what a run depends on: a database or a folder of thousands of files changes in place.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from reprotune.core.errors import InputError
from reprotune.core.io import parse_json
from reprotune.data.reading.bad_rows import Broken
from reprotune.data.reading.charset import guess_encoding
from reprotune.data.reading.formats import take_row
from reprotune.project import sheets, spaced
from reprotune.project.annotated import drop_refused
from reprotune.project.beside import find_pairs, freeze_lines, join_lines
from reprotune.project.databases import freeze_query, refuse_duckdb
from reprotune.project.folders import (
    ARCHIVES,
    SPLITS,
    choose_files,
    find_place,
    find_root,
    holds_table,
    list_files,
    list_folders,
    list_parts,
    list_splits,
    list_texts,
    unpack,
)
from reprotune.project.wanted import Wanted
from reprotune.project.written import decode, read_kind, write_frame, write_rows

SAVED = ("dataset_dict.json", "state.json")  # in a folder of Hugging Face's save_to_disk
SQLITE, DUCKDB = b"SQLite format 3\0", b"DUCK"
DUCKDB_AT = 8  # bytes before its mark
GLOB = "*?["
SHEETS = (None, sheets.SHEET)  # what is said of labels that may be the names of sheets


def freeze(wanted: Wanted, folder: Path) -> Wanted:
    """The same with files of rows alone; new ones are written to ``folder``.

    Raises:
        InputError: no rows can be made of it.
    """
    files = [file for path in wanted.files for file in expand(path)]
    wanted = drop_refused(replace(wanted, files=files), folder)
    first = wanted.files[0]
    known = read_start(first)
    if wanted.query and not known.startswith(SQLITE):
        raise InputError(f"--query asks a database, and {first} is no SQLite file")
    freezers: tuple[tuple[bool, Callable[[Wanted, Path], Wanted]], ...] = (
        (first.is_dir(), freeze_folder),
        (known.startswith(SQLITE), freeze_query),
        (known[DUCKDB_AT:].startswith(DUCKDB), refuse_duckdb),
        (first.name.lower().endswith(ARCHIVES) and first.is_file(), freeze_archive),
        (bool(read_parts(first)), freeze_parts),
        (bool(sheets.read_parts(first)), freeze_sheets),
        (wanted.label in SHEETS and not sheets.read_classes(first).empty, freeze_classes),
        (spaced.is_spaced(first), spaced.freeze_spaced),
        (wanted.text is None and Path(wanted.label or "/").is_file(), freeze_lines),
    )
    freezer = next((do for is_such, do in freezers if is_such), None)
    if freezer and len(files) > 1:
        raise InputError(f"{first} goes alone; make files of it first to put it beside others")
    return freezer(wanted, folder) if freezer else wanted


def expand(path: Path) -> list[Path]:
    """The files that a pattern in quotation marks stands for, in the order of their names."""
    name = str(path)
    if path.exists() or ":/" in name or not any(mark in name for mark in GLOB):
        return [path]
    top = Path(path.anchor)
    found = sorted(file for file in top.glob(str(path.relative_to(top))) if file.is_file())
    if not found:
        raise InputError(f"{name}: no file has such a name")
    return found


def read_start(path: Path) -> bytes:
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.read(len(SQLITE))


def freeze_folder(wanted: Wanted, folder: Path) -> Wanted:
    """Of Hugging Face's datasets, with a folder a class, or with files; each a part, if it says so.

    Raises:
        InputError: there are no rows in it, or no part of them to learn from.
    """
    if Path.cwd().is_relative_to(wanted.files[0].resolve()):
        raise InputError(
            f"{wanted.files[0].resolve()}: this project lies in it: name the file or the folder of "
            "the examples"
        )
    source = find_root(wanted.files[0])
    if any((source / name).is_file() for name in SAVED):
        return name_parts(wanted, write_saved(source, folder))
    splits = list_splits(source)
    files = [] if splits else list_files(source)
    if files and (holds_table(source) or list_parts(source) or not list_folders(source)):
        parts = choose_files(source)
        if pairs := find_pairs(parts):
            wanted = replace(wanted, text="text", label="label")
            parts = {part: [join_lines(*pair, folder)] for part, pair in pairs.items()}
        return name_parts(wanted, parts)
    written = {
        part: take_folder(sub, folder / f"{source.resolve().name}-{part}.jsonl")
        for part, sub in (splits or {"train": source}).items()
    }
    is_written = not holds_table(next(iter(splits.values()), source))
    known = replace(wanted, text=wanted.text or "text", label=wanted.label or "label")
    return name_parts(known if is_written else wanted, written)


def take_folder(source: Path, path: Path) -> list[Path]:
    """The files of one part, or one that is made of its folders."""
    return list_files(source) if holds_table(source) else [write_texts(source, path)]


def name_parts(wanted: Wanted, parts: Mapping[str, Sequence[Path]]) -> Wanted:
    """The files of the parts; a validation part alone is the test part."""
    if "train" not in parts:
        raise InputError(f"{wanted.files[0]}: has {sorted(parts)} and no train")
    tests, validations = list(parts.get("test", ())), list(parts.get("validation", ()))
    wanted = replace(wanted, files=list(parts["train"]))
    if not tests + validations:
        return wanted
    return replace(wanted, test=tests or validations, validation=validations if tests else [])


def write_saved(source: Path, folder: Path) -> dict[str, list[Path]]:
    """A Parquet file for each split, with the names of its classes.

    Raises:
        InputError: it is damaged, or has other splits.
    """
    from datasets import Dataset, load_from_disk  # takes a second

    try:
        saved = load_from_disk(str(source))
    except (ValueError, OSError, KeyError) as error:
        raise InputError(f"{source}: not readable as a folder of datasets: {error}") from None
    splits: Mapping[Any, Any] = {"train": saved} if isinstance(saved, Dataset) else saved
    written = {name: folder / f"{source.resolve().name}-{name}.parquet" for name in splits}
    parts = name_splits(source, written)
    for name, rows in splits.items():
        kept = rows.features.arrow_schema.metadata
        pq.write_table(rows.with_format("arrow")[:].replace_schema_metadata(kept), written[name])
    return parts


def name_splits(source: Path, written: Mapping[str, Path]) -> dict[str, list[Path]]:
    """The files of each part, by the names that a source has for them.

    Raises:
        InputError: one is no name of a part.
    """
    if odd := [name for name in written if name.lower() not in SPLITS]:
        raise InputError(f"{source}: part {odd[0]!r} is none of {sorted(SPLITS)}; rename it")
    parts: dict[str, list[Path]] = {}
    for name, path in written.items():
        parts.setdefault(SPLITS[name.lower()], []).append(path)
    return parts


def write_texts(source: Path, path: Path) -> Path:
    """A file of JSON for a folder a class with a file a text.

    Raises:
        InputError: there are no such folders.
    """
    found = list_texts(source)
    if not found:
        raise InputError(
            f"{source}: holds no file of rows, no folders of texts, one a class, and is none of "
            "Hugging Face's save_to_disk; name the files that have the rows"
        )
    raws = [file.read_bytes() for file, _ in found]
    encoding = guess_encoding(b"\n".join(raws))
    return write_rows(path, (
        {"text": decode(raw, encoding), "label": name, "file": file.name}
        for raw, (file, name) in zip(raws, found, strict=True)
    ))  # fmt: skip


def freeze_archive(wanted: Wanted, folder: Path) -> Wanted:
    """The files of an archive, as those of a folder."""
    (source,) = wanted.files
    unpacked = unpack(source, find_place(source, folder))
    return freeze_folder(replace(wanted, files=[unpacked]), folder)


def freeze_parts(wanted: Wanted, folder: Path) -> Wanted:
    """A file of JSON that has a list of rows for each part."""
    (source,) = wanted.files
    lists = read_parts(source)
    written = {name: folder / f"{source.stem}-{name}.jsonl" for name in lists}
    parts = name_splits(source, written)
    for name, rows in lists.items():
        write_rows(written[name], map(name_cells, rows))
    return name_parts(wanted, parts)


def freeze_sheets(wanted: Wanted, folder: Path) -> Wanted:
    """A workbook that has a sheet for each part."""
    (source,) = wanted.files
    written = {
        part: [write_frame(folder / f"{source.stem}-{part}.jsonl", frame)]
        for part, frame in sheets.read_parts(source).items()
    }
    return name_parts(wanted, written)


def freeze_classes(wanted: Wanted, folder: Path) -> Wanted:
    """A workbook that has a sheet for each class."""
    (source,) = wanted.files
    written = write_frame(folder / f"{source.stem}.jsonl", sheets.read_classes(source))
    return replace(wanted, files=[written], label=sheets.SHEET)


def name_cells(row: object) -> Mapping[str, object]:
    cells = take_row(row)
    return {"row": cells.content} if isinstance(cells, Broken) else cells


def read_parts(source: Path) -> dict[str, list[object]]:
    """The lists in an object of JSON of which one is called train; nothing if it is none such."""
    try:
        value = parse_json(decode(read_kind(source, (".json",))))
    except ValueError:
        return {}
    is_such = isinstance(value, dict) and all(isinstance(part, list) for part in value.values())
    return value if is_such and any(SPLITS.get(name.lower()) == "train" for name in value) else {}
