"""``reprotune init``: look at a person's own files and write parameters that will run."""

import hashlib
import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from rich.table import Table
from ruamel.yaml.scalarstring import DoubleQuotedScalarString as Quoted

from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.io import whole_file
from reprotune.core.params import Download, Params, Roles, SourceFile
from reprotune.core.params.fields import list_fields
from reprotune.core.params_file import load_params
from reprotune.data.balance import tell_unused
from reprotune.data.reading.bad_rows import BadRow, count_kinds, describe, show
from reprotune.data.reading.formats import DELIMITED, TEXTS, tell_kind
from reprotune.project import profiles
from reprotune.project.columns import guess_columns, guess_text
from reprotune.project.first_run import choose_split, choose_training, set_limits
from reprotune.project.freezing import freeze, name_parts
from reprotune.project.likeness import describe_alike, describe_joint, describe_spellings
from reprotune.project.names import find_names
from reprotune.project.naming import Names, naming
from reprotune.project.nested import exchange, join_classes
from reprotune.project.parts import divide, find_unlabelled, leave_out
from reprotune.project.sheets import describe_unread, list_unread
from reprotune.project.sniff import Look, find_joint, find_way, look
from reprotune.project.terminal import name_lines
from reprotune.project.wanted import Wanted
from reprotune.tables.classes import is_uneven

MOST = 20  # classes
SHORT = 80  # characters of a bad row


def init(
    wanted: Wanted, target: Path = paths.PARAMS, folder: Path = paths.SOURCE_DATA
) -> tuple[Look, Download, Params, dict[str, pd.DataFrame]]:
    """Copy the files into ``folder`` and write the parameters that fit them.

    Returns what was seen, how it is read, the parameters, and the tables that they make of it.

    Raises:
        InputError: a file cannot be read so, or cannot be learnt from; nothing is written then.
    """
    with ExitStack() as copies:  # the files are there once the parameters are, or neither is
        work = Path(copies.enter_context(TemporaryDirectory()))
        names = Names(wanted.files[0], work)
        copies.enter_context(naming(names))
        found = names.learn(freeze(wanted, work))
        paths_, way = find_reading(found)
        if divided := divide(paths_, way, work):
            found = names.learn(name_parts(found, divided))
            paths_, way = find_reading(found)
        if joined := {} if wanted.label else join_classes(paths_, way, work):
            found = names.learn(exchange(found, joined))
            paths_, way = find_reading(found)
        if bare := find_unlabelled(paths_, way):
            found = leave_out(bare, found, wanted)
            paths_, way = find_reading(found)
        for path in paths_:
            check_free(path, folder / path.name)
        seen = look(way, paths_, find_names(wanted.names, paths_, way.label_column))
        sheets = [sheet for path in paths_ for sheet in list_unread(path, way)]
        seen = replace(
            seen, unlabelled=[Path(names.tell(str(file))).name for file in bare], unread=sheets
        )
        changes, parts, cut = choose_settings(way, seen, found, paths_[0])
        seen = replace(seen, cut=cut)
        for path in paths_:
            shutil.copyfile(path, copies.enter_context(whole_file(folder / path.name)))
        params = profiles.write(changes, target)
    return seen, way, params, parts


def find_reading(wanted: Wanted) -> tuple[list[Path], Download]:
    """The files, and how they are read."""
    files, entries = list_files(wanted)
    trial = describe_reading(entries, wanted.bad_rows)
    text, label = wanted.text, wanted.label
    if entries[0].label is not None:
        text = text or guess_text(files[0], trial, wanted)
    elif text is None or label is None:
        text, label = guess_columns(files[0], trial, wanted)
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
            f"--classes names {len(classes)} classes, but there are {len(files)} files"
        )
    if classes and (test or validation):
        raise InputError("--classes means one file a class; it does not go with --test")
    if validation and not test:
        raise InputError("--validation is a part of a published split; name its --test too")
    parts = [(file, "train" if test else None) for file in files]
    parts += [(file, "validation") for file in validation] + [(file, "test") for file in test]
    for file, _ in parts:
        if not file.is_file():
            raise InputError(f"{file}: no such file")
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
    fields = list_fields(columns[0] or 0) or columns[:1]
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


def report(seen: Look, way: Download, params: Params, parts: Mapping[str, pd.DataFrame]) -> Table:
    """What was seen, for a person to check."""
    lengths = seen.rows["text"].str.len()
    lines = {
        "read as": describe_form(way),
        "is it right?": "\n".join(f"{name}: {show(text)[:SHORT]}" for name, text in seen.examples),
        "rows": f"{len(seen.rows)}, of which {seen.repeated:.1%} share their text",
        "characters": f"median {lengths.median():.0f}, at most {lengths.max()}",
        "cut": describe_cut(seen.cut, params.prompt.max_tokens),
        f"{len(seen.classes)} classes": list_some(f"{c} {n}" for c, n in seen.classes.items()),
        "named": list_some(f"{raw} = {name}" for raw, name in seen.named.items()),
        "one class": "; ".join(map(describe_spellings, seen.spellings)),
        "alike": describe_alike({str(c): n for c, n in seen.classes.items()} | seen.left_out),
        "texts of": describe_columns(seen, way),
        "several in one": describe_joint(find_joint(list(seen.classes.index))),
        "bad rows": describe_bad(seen.bad),
        "not read": describe_unread(seen.unread),
        "no labels": describe_unlabelled(seen.unlabelled),
        "left out": ", ".join(f"{raw!r} {n} rows" for raw, n in seen.left_out.items()),
        "counted in": describe_units(params),
        "split": describe_split(seen, params.roles),
        "not used": describe_unused(parts),
    }
    return name_lines(lines)


def list_some(parts: Iterable[str]) -> str:
    """The first and, of many, the last: those of the commonest and the rarest classes."""
    shown = list(parts)
    if len(shown) > MOST:
        half = MOST // 2
        shown = [*shown[:half], f"... ({len(shown) - MOST} more)", *shown[-half:]]
    return ", ".join(shown)


def describe_form(way: Download) -> str:
    """How the files are read, as far as it shows in theirs."""
    kinds = {tell_kind(file.location)[0] for file in way.files}
    parts = [", ".join(sorted(kinds)), way.encoding if kinds.intersection(TEXTS) else ""]
    if kinds.intersection(DELIMITED) and way.label_column is not None:
        parts += [
            f"delimiter {way.delimiter!r}",
            f"quotation mark {way.quote}" if way.quote else "no quotation mark",
            f"escaped by {way.escape}" if way.escape else "",
            f"{way.skip} lines before" if way.skip else "",
            "a header row" if way.header else "no header row",
        ]
    return ", ".join(filter(None, parts))


def describe_columns(seen: Look, way: Download) -> str:
    """Said of texts that are made of several columns."""
    if not list_fields(way.text_column):
        return ""
    partial = int(seen.rows["partial"].sum())
    lacking = f"; {partial} rows have some of them empty" if partial else ""
    return f"{way.text_column!r}{lacking}"


def describe_cut(share: float, tokens: int) -> str:
    if not share:
        return ""
    return (
        f"{share:.1%} of the texts, of which the first {tokens} tokens are read (prompt.max_tokens)"
    )


def describe_units(params: Params) -> str:
    """Said of texts in which no spaces part words."""
    words = params.text.units == "words"
    return "" if words else "characters, for no spaces part the words (text.units)"


def describe_bad(bad: Sequence[BadRow]) -> str:
    if not bad:
        return ""
    first = f"row {bad[0].row} of {bad[0].file}: {show(bad[0].content)[:SHORT]}"
    return f"{len(bad)} are not used ({describe(count_kinds(bad))}), first {first}"


def describe_unlabelled(files: Sequence[str]) -> str:
    """Said of published parts that nothing can be measured with."""
    why = "not used, for no label in it is one of train; reprotune predict labels it"
    return f"{', '.join(files)}: {why}" if files else ""


def describe_split(seen: Look, roles: Roles) -> str:
    if roles.test_share:
        shares = f"test {roles.test_share:.0%}, validation {roles.validation_share:.0%}"
        why = ", for the classes are uneven" if is_uneven(seen.classes) else ""
        if roles.strategy == "growing":
            return f"about {shares} of the texts, and for ever; train grows"
        return f"{shares} of each class, train the rest{why} (--balance: as many rows of each)"
    if roles.strategy == "published":
        share, parts = roles.validation_share, ", ".join(seen.rows["split"].unique())
        held = f"; {share:.0%} of each class of train becomes validation" if share else ""
        return f"as published: {parts}{held}"
    test, validation = roles.test_per_class, roles.validation_per_class
    return (
        f"rows a class: test {test}, validation {validation}, train {roles.train_per_class} "
        "(--no-balance: as many as the file has)"
    )


def describe_unused(parts: Mapping[str, pd.DataFrame]) -> str:
    """The rows that are in no part: those that curation sets aside, and those not drawn."""
    curated = parts["curated"]
    drawn = pd.concat([parts[part] for part in ("train", "validation", "test")])
    aside = len(parts["raw"]) - len(curated)
    told = f"{aside} rows repeat or contradict another (curate)" if aside else ""
    spare = tell_unused(curated.loc[~curated["id"].isin(drawn["id"]), "label"])
    return "; ".join(filter(None, (told, spare)))
