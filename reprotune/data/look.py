"""Look at files that nobody has described yet: how to read them, and what is in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from reprotune.data.decoding import guess_encoding
from reprotune.data.files import check_texts, column, load
from reprotune.data.identity import normalize
from reprotune.params import RESERVED, Download, InputError

DELIMITERS = (",", ";", "\t", "|", "@")
FEWEST = 10  # texts of a class that can be learnt and tested at all
MOST_CLASSES = 200
BEYOND = "[^\\x00-\\x7f]"


@dataclass(frozen=True)
class Look:
    """What is in the files, without the rows that have no class."""

    rows: pd.DataFrame  # file, text, label, split
    labels: dict[str, str | None]  # raw value: class
    left_out: dict[str, int]  # raw value of too few texts: rows
    usable: pd.Series  # class: distinct texts that occur under it alone

    @property
    def classes(self) -> pd.Series:
        """Rows of each class, the most frequent first."""
        return self.rows["label"].value_counts()

    @property
    def parts(self) -> list[pd.DataFrame]:
        """The rows of each published split, or all."""
        return [part for _, part in self.rows.groupby(self.rows["split"].fillna(""))]

    @property
    def shares(self) -> tuple[float, float]:
        """The least and the largest share of a class in a part."""
        shares = [part["label"].value_counts(normalize=True) for part in self.parts]
        shares = [share.reindex(self.usable.index, fill_value=0) for share in shares]
        return float(min(s.min() for s in shares)), float(max(s.max() for s in shares))

    @property
    def repeated(self) -> float:
        """The largest share of rows in a part that share their text with another."""
        return max(float(part["text"].duplicated(keep=False).mean()) for part in self.parts)

    @property
    def spellings(self) -> list[list[str]]:
        """Raw values that became one class."""
        raw = pd.Series(self.labels).dropna()
        return [list(same) for same in raw.groupby(raw).groups.values() if len(same) > 1]

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

    Raises:
        InputError: no way does; says why for the one that finds the most columns.
    """
    raws = [path.read_bytes() for path in files if path.suffix != ".parquet"]
    guesses = [encoding] if encoding else [guess_encoding(raw) for raw in raws]
    chosen = next((guess for guess in guesses if guess != "utf-8"), "utf-8")
    failures: list[tuple[int, InputError]] = []
    for mark in [delimiter] if delimiter else DELIMITERS:
        way = trial.model_copy(update={"encoding": chosen, "delimiter": mark})
        tables: list[pd.DataFrame] = []
        try:
            for path in files:
                tables.append(load(path, way))
                column(tables[-1], way.text_column, path, "text_column")
                if way.label_column is not None:
                    column(tables[-1], way.label_column, path, "label_column")
        except InputError as error:
            failures.append((max((len(table.columns) for table in tables), default=0), error))
        else:
            return way, tables
    raise max(failures, key=lambda failure: failure[0])[1]


def look(way: Download, files: Sequence[Path], tables: Sequence[pd.DataFrame]) -> Look:
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
    labels = name_classes(rows["raw"], way.label_column)
    rows["label"] = rows["raw"].map(labels)
    usable = distinct(rows)
    scarce = usable[usable < FEWEST].index
    labels = {raw: None if name in scarce else name for raw, name in labels.items()}
    kept = rows[rows["raw"].map(labels).notna()]
    for name, part in kept.groupby("file"):
        first = rows.index[rows["file"] == name][0]
        check_texts(part["text"].set_axis(part.index - first), Path(str(name)))
    if kept["label"].nunique() < 2:
        raise InputError(
            f"{files[0]}: fewer than two classes have {FEWEST} different texts or more: "
            f"{usable.to_dict()}; is {way.label_column!r} the column of the labels?"
        )
    counts = rows["raw"].value_counts()
    left_out = {raw: int(counts[raw]) for raw, name in labels.items() if name is None}
    return Look(kept.drop(columns="raw"), labels, left_out, usable.drop(scarce))


def name_classes(raw: pd.Series, label_column: str | int | None) -> dict[str, str | None]:
    """A class for each raw value: the commonest spelling, where only case differs."""
    counts = raw.value_counts()
    if len(counts) > min(MOST_CLASSES, max(2, len(raw) / 5)):
        raise InputError(
            f"column {label_column!r} has {len(counts)} different values in {len(raw)} rows, such "
            f"as {[value[:40] for value in counts.index[:3]]}: that is no column of labels (at "
            f"most {MOST_CLASSES})"
        )
    names: dict[str, str] = {}
    for value in counts.index:  # the commonest first
        names.setdefault(value.casefold(), f"{value}_" if value in RESERVED else value)
    return {value: names[value.casefold()] or None for value in sorted(counts.index)}


def distinct(rows: pd.DataFrame) -> pd.Series:
    """For each class the number of different texts that have no other label too."""
    pairs = pd.DataFrame(
        {"text": rows["text"].fillna("").map(normalize), "label": rows["label"]}
    ).dropna()
    pairs = pairs.drop_duplicates()
    alone = ~pairs["text"].duplicated(keep=False)
    return pairs.loc[alone, "label"].value_counts().reindex(pairs["label"].unique(), fill_value=0)
