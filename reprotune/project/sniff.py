"""Look at files that nobody has described yet: how to read them, and what is in them."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from reprotune.core.errors import InputError
from reprotune.core.params import Download
from reprotune.core.params.data import RESERVED
from reprotune.data.ids import normalize
from reprotune.data.reading.charset import guess_encoding
from reprotune.data.reading.files import check_texts, find_column, read_table
from reprotune.project.names import Names, rename

DELIMITERS = (",", ";", "\t", "|", "@")
FEWEST = 10  # texts of a class that can be learnt and tested at all
MOST_CLASSES = 200
INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200e\u200f\u2060\ufeff"))
BEYOND = "[^\\x00-\\x7f]"


@dataclass(frozen=True)
class Look:
    """What is in the files, without the rows that have no class."""

    rows: pd.DataFrame  # file, text, label, split
    labels: dict[str, str | None]  # raw value: class
    left_out: dict[str, int]  # raw value of too few texts: rows

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
    def sample(self) -> str:
        """Text around a letter beyond ASCII, if any: it shows whether the encoding is right."""
        found = (
            self.rows["text"].str.extract(f"(.{{0,40}}{BEYOND}.{{0,40}})", expand=False).dropna()
        )
        return str(found.iloc[0]) if len(found) else ""


def readable(
    files: Sequence[Path], trial: Download, encoding: str | None, delimiter: str | None
) -> tuple[Download, list[pd.DataFrame]]:
    """The way of reading that finds the columns of ``trial`` in all files, and their tables.

    Of several, the one with the fewest and shortest labels; a header row that holds the positions
    themselves ("0", "1") is one.

    Raises:
        InputError: no way does; says why for the one that finds the most columns.
    """
    raws = [path.read_bytes() for path in files if path.suffix != ".parquet"]
    guesses = [encoding] if encoding else [guess_encoding(raw) for raw in raws]
    chosen = next((guess for guess in guesses if guess != "utf-8"), "utf-8")
    top = raws[0].split(b"\n", 1)[0].decode(chosen, "replace") if raws and not encoding else ""
    found: list[tuple[tuple[int, int], Download, list[pd.DataFrame]]] = []
    failures: list[tuple[int, InputError]] = []
    for mark in [read_delimiter(delimiter)] if delimiter else DELIMITERS:
        for way in list_ways(trial.model_copy(update={"encoding": chosen, "delimiter": mark})):
            try:
                tables = [read_table(path.read_bytes(), str(path), way) for path in files]
                labels = [check_columns(*pair, way) for pair in zip(tables, files, strict=True)]
            except InputError as error:
                failures.append((top.count(mark), error))
            else:
                names = pd.concat(labels).drop_duplicates()
                found.append(((len(names), names.str.len().sum()), way, tables))
    if not found:
        raise max(failures, key=lambda failure: failure[0])[1]
    _, way, tables = min(found, key=lambda one: one[0])
    return way, tables


def read_delimiter(delimiter: str) -> str:
    mark = {"\\t": "\t", "tab": "\t"}.get(delimiter, delimiter)
    if len(mark) != 1:
        raise InputError(f"--delimiter {delimiter!r} is not one character; \\t is a tab")
    return mark


def list_ways(trial: Download) -> list[Download]:
    """The trial and, for columns by position, the one in which a header row names them so."""
    columns = (trial.text_column, trial.label_column)
    if trial.header or trial.label_column is None:
        return [trial]
    names = dict(zip(("text_column", "label_column"), map(str, columns), strict=True))
    return [trial.model_copy(update={"header": True, **names}), trial]


def check_columns(table: pd.DataFrame, path: Path, way: Download) -> pd.Series:
    """The column of the labels, if there is one."""
    text = find_column(table, way.text_column, str(path), "text_column")
    if way.label_column is None:
        return text[:0]
    return find_column(table, way.label_column, str(path), "label_column").astype("str")


def look(
    way: Download, files: Sequence[Path], tables: Sequence[pd.DataFrame], names: Names = ()
) -> Look:
    """Read the tables the way that was found; each file has its entry in ``way.files``."""
    parts = []
    for entry, path, table in zip(way.files, files, tables, strict=True):
        raw = pd.Series(entry.label, index=table.index)
        if way.label_column is not None:
            raw = table[way.label_column].astype("str").fillna("").str.strip()
        text = table[way.text_column].astype("str")
        parts.append(pd.DataFrame({"file": str(path), "text": text, "raw": raw}))
        parts[-1]["split"] = entry.split
    rows = pd.concat(parts, ignore_index=True)
    labels = rename(name_classes(rows["raw"], way.label_column), names)
    rows["label"] = rows["raw"].map(labels)
    usable = drop_repeated(rows)
    scarce = {*usable[usable < FEWEST].index, *find_absent(rows)}
    labels = {raw: None if name in scarce else name for raw, name in labels.items()}
    kept = rows[rows["raw"].map(labels).notna()]
    for name, part in kept.groupby("file"):
        first = rows.index[rows["file"] == name][0]
        check_texts(part["text"].set_axis(part.index - first), str(name))
    if kept["label"].nunique() < 2:
        raise InputError(
            f"{files[0]}: fewer than two classes have {FEWEST} different texts or more: "
            f"{usable.to_dict()}; is {way.label_column!r} the column of the labels?"
        )
    counts = rows["raw"].value_counts()
    left_out = {raw: int(counts[raw]) for raw, name in labels.items() if name is None}
    return Look(kept.drop(columns="raw"), labels, left_out)


def name_classes(raw: pd.Series, label_column: str | int | None) -> dict[str, str | None]:
    """A class for each raw value: the commonest of the spellings that look alike but for case."""
    counts = raw.value_counts()
    if len(counts) > min(MOST_CLASSES, max(2, len(raw) / 5)):
        raise InputError(
            f"column {label_column!r} has {len(counts)} different values in {len(raw)} rows, such "
            f"as {[value[:40] for value in counts.index[:3]]}: that is no column of labels (at "
            f"most {MOST_CLASSES})"
        )
    names: dict[str, str] = {}
    tidied = {value: tidy(value) for value in counts.index}
    taken = set(tidied.values())
    for plain in tidied.values():  # the commonest first
        name = plain
        while name in RESERVED or (name != plain and name in taken):
            name += "_"
        names.setdefault(plain.casefold(), name)
    return {value: names[tidied[value].casefold()] or None for value in sorted(tidied)}


def tidy(value: str) -> str:
    """A raw label in Unicode's composed form, without characters that nobody sees."""
    return unicodedata.normalize("NFC", value.translate(INVISIBLE)).strip()


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
