"""Look at files that nobody has described yet: how to read them, and what is in them."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from reprotune.core.errors import InputError
from reprotune.core.params import Download
from reprotune.core.params.data import RESERVED
from reprotune.core.params.fields import UNSET, split_template
from reprotune.core.printing import count_of
from reprotune.data.ids import normalize
from reprotune.data.reading.bad_rows import (
    ADVICE,
    BadRow,
    check_share,
    count_allowed,
    find_fault,
    find_faults,
)
from reprotune.data.reading.charset import decode, guess_encoding
from reprotune.data.reading.files import set_aside, take_cells
from reprotune.data.reading.formats import unpack
from reprotune.data.reading.kinds import DELIMITED, TABLES, TEXTS, tell_kind
from reprotune.data.reading.labels import WHOLE, fold, tidy
from reprotune.data.reading.parsing import DERIVED, LONGEST_DELIMITER
from reprotune.project.dialects import Sought, choose, take_sample
from reprotune.project.names import Names, rename

FEWEST = 10  # texts of a class that can be learnt and tested at all
MOST_CLASSES = 200
EMPTY = "empty label"
FASTTEXT = "__label__"  # what fastText writes before each label of a line
LIST = re.compile(r"\[\s*(['\"].*['\"]|\d+(\s*,\s*\d+)*)?\s*\]")
SEVERAL = 0.01  # share of rows that are lists in a column of them
NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
JOINTS = (",", ";", "|", "/", "+")
MULTI_LABEL = ADVICE["list as label"]
BEYOND = "[^\\x00-\\x7f]"
EXAMPLES = 3  # rows that are shown


@dataclass(frozen=True)
class Look:
    """What is in the files, without the rows that have no class."""

    rows: pd.DataFrame  # file, text, label, split
    labels: dict[str, str | None]  # raw value: class
    left_out: dict[str, int]  # raw value of too few texts: rows
    bad: list[BadRow]
    unlabelled: Sequence[str] = ()  # files of published parts that are not used
    unread: Sequence[str] = ()  # sheets of a workbook
    beside: Sequence[str] = ()  # files in a folder of parts that are none
    cut: float = 0.0  # share of the texts that are longer than the model reads

    @property
    def classes(self) -> pd.Series:
        """Rows of each class, the most frequent first."""
        return self.rows["label"].value_counts()

    @property
    def repeated(self) -> float:
        """Share of rows whose text occurs again."""
        return float(self.rows["text"].duplicated(keep=False).mean())

    @property
    def spellings(self) -> list[list[str]]:
        """Raw values that became one class."""
        raw = pd.Series(self.labels).dropna()
        return [list(same) for same in raw.groupby(raw).groups.values() if len(same) > 1]

    @property
    def named(self) -> dict[str, str]:
        """Numbers that became the name of a class."""
        return {
            raw: n for raw, n in self.labels.items() if raw.isdecimal() and n not in (raw, None)
        }

    @property
    def examples(self) -> list[tuple[str, str]]:
        """Class and text of three rows; a letter beyond ASCII shows whether the encoding is right.

        Of several classes, and of one with such a letter, if there are.
        """
        beyond = self.rows[self.rows["text"].str.contains(BEYOND)][:1]
        firsts = self.rows.drop_duplicates("label")
        rows = pd.concat([beyond, firsts, self.rows])
        rows = rows[~rows.index.duplicated()][:EXAMPLES]
        return list(zip(rows["label"], rows["text"], strict=True))


def find_way(
    files: Sequence[Path], trial: Download, encoding: str | None, delimiter: str | None
) -> Download:
    """The way of reading that finds the columns of ``trial`` in all files.

    Raises:
        InputError: a file is not in this encoding, or no file that can be read.
    """
    raws = {path: unpack(path.read_bytes(), tell_kind(path.name)[1], str(path)) for path in files}
    kinds = {path: tell_kind(path.name)[0] for path in files}
    texts = [path for path in files if kinds[path] in TEXTS]
    guesses = [encoding] if encoding else [guess_encoding(raws[path]) for path in texts]
    way = trial.model_copy(
        update={"encoding": next((guess for guess in guesses if guess != "utf-8"), "utf-8")}
    )
    lines = [
        take_sample(decode(raws[path], str(path), way.encoding, way.bad_rows))
        for path in texts
        if kinds[path] in DELIMITED
    ]
    if not any(lines):
        return way
    is_table = kinds[texts[0]] in TABLES
    sought = Sought(
        lines, split_template(way.text_column), way.label_column, is_table, way.bad_rows
    )
    found = choose(sought, [read_delimiter(delimiter)] if delimiter else None)
    known: dict[str, object] = {
        n: value for n, value in found._asdict().items() if n not in DERIVED
    }
    if found.header and sought.by_position:  # its names are positions
        known["text_column"] = str(way.text_column)
        known["label_column"] = None if way.label_column is None else str(way.label_column)
    return way.model_copy(update=known)


def read_delimiter(delimiter: str) -> str:
    mark = "\t" if delimiter == "tab" else delimiter.replace("\\t", "\t")
    if not 0 < len(mark) <= LONGEST_DELIMITER:
        raise InputError(
            f"--delimiter {delimiter!r} is not one to {LONGEST_DELIMITER} characters; \\t is a tab"
        )
    return mark


def look(way: Download, files: Sequence[Path], names: Names = ()) -> Look:
    """Read the files the way that was found; each has its entry in ``way.files``."""
    bad: list[BadRow] = []
    parts, total = [], 0
    for entry, path in zip(way.files, files, strict=True):
        cells, count = take_cells(path.read_bytes(), str(path), way, entry, bad)
        parts.append(cells.assign(file=str(path)))
        total += count
    rows = pd.concat(parts, ignore_index=True)
    where = f"{files[0]}: column {way.label_column!r}"
    labels = rename(name_labels(rows, way, where), names)
    usable = rows[find_faults(rows, labels).isna()]
    usable = usable.assign(label=usable["raw"].map(labels), text=usable["text"].map(str))
    check_fasttext(usable["text"], str(files[0]))
    learnable = drop_repeated(usable)
    absent = find_absent(usable)
    scarce = {*learnable[learnable < FEWEST].index, *absent}
    labels = {raw: None if name in scarce else name for raw, name in labels.items()}
    good = [set_aside(part, labels, part["file"].iloc[0], bad) for part in parts if len(part)]
    check_share(bad, total, way.bad_rows)
    rows = pd.concat(good, ignore_index=True)
    kept = rows.assign(label=rows["raw"].map(labels)).dropna(subset="label")
    check_classes(kept, learnable, absent, int((rows["raw"] == "").sum()), where)
    counts = rows["raw"].value_counts()
    left_out = {raw: int(counts.get(raw, 0)) for raw, name in labels.items() if name is None}
    return Look(kept.drop(columns="raw"), labels, left_out, bad)


def check_fasttext(texts: Iterable[str], where: str) -> None:
    """Raise InputError if a second label begins a text."""
    if any(text.startswith(FASTTEXT) for text in texts):
        raise InputError(f"{where}: rows have several labels: {MULTI_LABEL}")


def name_labels(rows: pd.DataFrame, way: Download, where: str) -> dict[str, str | None]:
    """A class for each raw label that is one; none for missing ones that are too many to be bad."""
    faults = rows["label"].map(partial(find_fault, what="label"))
    labels: dict[str, str | None] = dict(name_classes(rows.loc[faults.isna(), "raw"], where))
    empty = rows.loc[faults == EMPTY, "raw"]
    if len(empty) > count_allowed(len(rows), way.bad_rows):
        labels |= dict.fromkeys(empty)
    return dict(sorted(labels.items()))


def name_classes(raw: pd.Series, where: str) -> dict[str, str]:
    """A class for each raw value: the commonest of the spellings that look alike but for case.

    Where all are integers written as floats, the integers: 5 for 5.0.
    """
    counts = raw.value_counts()
    if raw.str.fullmatch(LIST).mean() > SEVERAL:
        raise InputError(f"{where} holds lists such as {counts.index[0]!r}: {MULTI_LABEL}")
    if len(counts) > min(MOST_CLASSES, max(2, len(raw) / 5)):
        hint = (
            f"; if its values are several labels: {MULTI_LABEL}"
            if find_joint(list(counts.index))
            else ""
        )
        if raw.str.fullmatch(NUMBER).mean() > SEVERAL:
            hint = "; numbers that mean an amount become classes first, such as low and high"
        raise InputError(
            f"{where} has {count_of(len(counts), 'different value')} in "
            f"{count_of(len(raw), 'row')}, such "
            f"as {[value[:40] for value in counts.index[:3]]}: that is no column of labels (at "
            f"most {MOST_CLASSES}){hint}"
        )
    names: dict[str, str] = {}
    tidied = {value: tidy(value) for value in counts.index}
    taken = set(tidied.values())
    whole = all(map(WHOLE.fullmatch, taken))  # of a column of floats that holds integers
    end = ":" if all(re.fullmatch(".+:", plain) for plain in taken) else ""  # "spam: the text"
    for plain in tidied.values():  # the commonest first
        bare = WHOLE.sub(r"\1", plain) if whole else plain.removeprefix(FASTTEXT) or plain
        bare = bare.removesuffix(end).rstrip() or plain
        name = " ".join(bare.split()).replace("${", "$ {")  # see fields.stay_literal
        while name in {*RESERVED, UNSET} or (name != plain and name in taken):
            name += "_"
        names.setdefault(fold(plain), name)
    return {value: names[fold(plain)] for value, plain in tidied.items()}


def find_joint(names: Sequence[str]) -> list[str]:
    """Names that are several others, joined by a mark: what a file with many labels a row has."""
    known = {fold(name) for name in names}
    return [
        name
        for name in names
        if any(mark in name and known.issuperset(map(fold, name.split(mark))) for mark in JOINTS)
    ]


def check_classes(
    kept: pd.DataFrame, learnable: pd.Series, absent: Collection[str], empty: int, where: str
) -> None:
    """Raise InputError for rows of fewer than two classes, and for two kinds of them in one."""
    counts = kept["label"].value_counts()
    if len(counts) < 2:
        lacking = f", and not in both train and test: {sorted(absent)}" if absent else ""
        if empty:
            lacking += (
                f", and {count_of(empty, 'row', 'have')} no label (as under the first of merged "
                "cells)"
            )
        raise InputError(
            f"{where}: fewer than two classes have {FEWEST} texts or more that differ and have one "
            f"label each: {learnable.to_dict()}{lacking}; are these the columns of the texts and "
            "labels?"
        )
    numbers = [name for name in counts.index if NUMBER.fullmatch(name)]
    booleans = [name for name in counts.index if fold(name) in ("true", "false")]
    if numbers and booleans:
        shown = ", ".join(
            f"{name} ({count_of(counts[name], 'row')})" for name in booleans + numbers
        )
        raise InputError(f"{where} mixes booleans and numbers: {shown}; write them in one way")


def find_absent(rows: pd.DataFrame) -> set[str]:
    """Classes that a published train or test part lacks; rows have label and split."""
    known = rows.dropna(subset="label")
    parts = [part for part in ("train", "test") if (known["split"] == part).any()]
    held = [set(known.loc[known["split"] == part, "label"]) for part in parts]
    return set().union(*held) - set.intersection(*held) if held else set()


def drop_repeated(rows: pd.DataFrame) -> pd.Series:
    """For each class the number of different texts that have no other label too.

    Of a published split, the texts of its training part.
    """
    taught = rows[rows["split"].isna() | (rows["split"] == "train")]
    pairs = pd.DataFrame(
        {"text": taught["text"].fillna("").map(normalize), "label": taught["label"]}
    ).dropna()
    pairs = pairs.drop_duplicates()
    alone = ~pairs["text"].duplicated(keep=False)
    return (
        pairs.loc[alone, "label"]
        .value_counts()
        .reindex(rows["label"].dropna().unique(), fill_value=0)
    )
