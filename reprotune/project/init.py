"""``reprotune init``: look at a person's own files and write parameters that will run."""

import hashlib
import shutil
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from ruamel.yaml.scalarstring import DoubleQuotedScalarString as Quoted

from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.io import whole_file
from reprotune.core.params import Download, Params, SourceFile
from reprotune.core.params.fields import split_template
from reprotune.core.params_file import load_params
from reprotune.core.printing import agree, count_of
from reprotune.project import profiles
from reprotune.project.columns import guess_columns, guess_text
from reprotune.project.first_run import choose_split, choose_training, set_limits
from reprotune.project.folders import find_place, list_beside
from reprotune.project.freezing import freeze, name_parts
from reprotune.project.names import find_names
from reprotune.project.naming import Names
from reprotune.project.nested import LABEL, join_classes
from reprotune.project.opening import check_there
from reprotune.project.parts import divide, find_unlabelled, leave_out
from reprotune.project.sheets import list_unread_sheets
from reprotune.project.sniff import Look, find_way, look
from reprotune.project.wanted import Wanted, check_said, exchange


def init(wanted: Wanted) -> tuple[Look, Download, Params, dict[str, pd.DataFrame]]:
    """Copy the files into ``data/source`` and write the parameters that fit them.

    Returns what was seen, how it is read, the parameters, and the tables that they make of it.

    Raises:
        InputError: a file cannot be read so, or cannot be learnt from; nothing is written then.
    """
    check_said(wanted)
    with ExitStack() as copies:  # the files are there once the parameters are, or neither is
        work = Path(copies.enter_context(TemporaryDirectory()))
        names = Names(wanted.files[0], work)
        copies.enter_context(names.naming())
        found = names.learn(freeze(wanted, work))
        begun = {file: stamp(file) for file in (*found.files, *found.test, *found.validation)}
        paths_, way = find_reading(found)
        if divided := divide(paths_, way, work):
            found = names.learn(name_parts(found, divided))
            paths_, way = find_reading(found)
        if joined := {} if wanted.label else join_classes(paths_, way, work):
            found = names.learn(replace(exchange(found, joined.__getitem__), label=LABEL))
            paths_, way = find_reading(found)
        if bare := find_unlabelled(paths_, way):
            found = leave_out(bare, found, wanted)
            paths_, way = find_reading(found)
        for path in paths_:
            check_free(path, paths.SOURCE_DATA / path.name)
        unpacked = [wanted.files[0], find_place(wanted.files[0], work)]
        seen = look(way, paths_, find_names(wanted.names, paths_, way.label_column))
        books = dict.fromkeys([*wanted.files, *paths_])  # what was made of one is no workbook
        sheets = [sheet for path in books for sheet in list_unread_sheets(path, way)]
        seen = replace(
            seen,
            unlabelled=[Path(names.tell(str(file))).name for file in bare],
            unread=sheets,
            beside=[name for one in unpacked if one.is_dir() for name in list_beside(one)],
        )
        changes, parts, cut = choose_settings(way, seen, found, paths_[0])
        seen = replace(seen, cut=cut)
        for path in paths_:
            target = copies.enter_context(whole_file(paths.SOURCE_DATA / path.name))
            shutil.copyfile(path, target)
        if changed := [file for file, known in begun.items() if stamp(file) != known]:
            raise InputError(
                f"{changed[0]}: was changed while it was read; init it once it is whole"
            )
        params = profiles.write(changes)
    return seen, way, params, parts


def stamp(file: Path) -> tuple[int, int]:
    """What a file has another of once it was written to; zeros if it is not there."""
    found = file.stat() if file.is_file() else None
    return (found.st_size, found.st_mtime_ns) if found else (0, 0)


def find_reading(wanted: Wanted) -> tuple[list[Path], Download]:
    """The files, and how they are read."""
    files, entries = list_files(wanted)
    trial = describe_reading(entries, wanted.bad_rows)
    text, label = wanted.text, wanted.label
    if entries[0].label is not None:
        text = text or guess_text(files[0], trial, wanted)
    elif text is None or label is None:
        text, label = guess_columns(files[0], trial, wanted)
    if label and label in split_template(text or ""):
        raise InputError(
            f"{files[0]}: column {label!r} is the label and in the text, which would say its own "
            "class: name another --text or --label"
        )
    trial = name_columns(trial, text or "0", label)
    return files, find_way(files, trial, wanted.encoding, wanted.delimiter)


def choose_settings(
    way: Download, seen: Look, wanted: Wanted, where: Path
) -> tuple[profiles.Changes, dict[str, pd.DataFrame], float]:
    """What differs from the built-in parameters, by sections, the tables, and the share cut."""
    sections, parts = choose_split(seen, where, wanted.balance, wanted.growing)
    training, cut = choose_training(seen, wanted.model, len(parts["train"]))
    folds = max(2, min(5, int(parts["train"]["label"].value_counts().min())))
    training["baseline"]["folds"] = folds
    changes: profiles.Changes = {
        "download": describe_download(way, seen),
        "expectations": set_limits(parts),
        "audit": {"folds": folds},
        **sections,
        **training,
    }
    return changes, parts, cut


def list_files(wanted: Wanted) -> tuple[list[Path], list[SourceFile]]:
    """All files, and their entries of ``download.files``."""
    files, classes, test, validation = (
        wanted.files, wanted.classes, wanted.test, wanted.validation
    )  # fmt: skip
    if classes and len(classes) != len(files):
        raise InputError(
            f"--classes names {count_of(len(classes), 'class')}, but there "
            f"{agree(len(files), 'are')} {count_of(len(files), 'file')}"
        )
    if classes and (test or validation):
        raise InputError("--classes means one file a class; it does not go with --test")
    if validation and not test:
        raise InputError("--validation is a part of a published split; name its --test too")
    parts = [(file, "train" if test else None) for file in files]
    parts += [(file, "validation") for file in validation] + [(file, "test") for file in test]
    for file, _ in parts:
        check_there(file)
    names = sorted(file.name for file, _ in parts)
    if len(set(names)) < len(names):
        raise InputError(f"two files have the same name: {names}; rename one")
    known: list[str | None] = [*classes] or [None] * len(parts)
    entries = [
        {"location": file.name, "sha256": None, "label": name, "split": part}
        for (file, part), name in zip(parts, known, strict=True)
    ]
    return [file for file, _ in parts], [SourceFile.model_validate(entry) for entry in entries]


def check_free(file: Path, target: Path) -> None:
    """Raise InputError if another file lies where the file would be copied to."""
    if target.is_file() and not target.samefile(file):
        here, there = (hashlib.sha256(path.read_bytes()).digest() for path in (file, target))
        if here != there:
            raise InputError(
                f"{target} is another file of that name; remove it if {file} replaces it, or "
                "rename one"
            )


def describe_reading(entries: list[SourceFile], bad_rows: float | None) -> Download:
    """What is known before a file was looked at; columns, encoding and delimiter are still open."""
    known = load_params(paths.PROFILES / "builtin.yaml").download
    changed: dict[str, object] = {"kind": "file", "files": entries}
    if bad_rows is not None:
        changed["bad_rows"] = bad_rows
    return known.model_copy(update=changed)


def name_columns(trial: Download, text: str, label: str | None) -> Download:
    """With the columns, which are positions if they are numbers."""
    named = [c if c is None else c.strip() for c in (text, label)]
    columns = [int(c) if c is not None and c.isdecimal() else c for c in named]
    fields = split_template(columns[0] or 0)
    return trial.model_copy(
        update={
            "text_column": columns[0],
            "label_column": columns[1],
            "header": not any(str(c).isdecimal() for c in (*fields, columns[1])),
        }
    )


def describe_download(way: Download, seen: Look) -> dict[str, object]:
    """The section ``download``."""
    keys = (
        "kind", "encoding", "delimiter", "quote", "escape", "skip", "header", "text_column",
        "label_column", "bad_rows",
    )  # fmt: skip
    return {key: getattr(way, key) for key in keys} | {
        "files": [file.model_dump() for file in way.files],
        "labels": {Quoted(raw): name and Quoted(name) for raw, name in seen.labels.items()},
    }
