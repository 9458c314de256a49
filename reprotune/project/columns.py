"""Which columns hold texts and labels, found by their names and by what is in them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from reprotune.core.errors import InputError
from reprotune.core.params import Download
from reprotune.core.params.fields import split_template
from reprotune.core.printing import count_of, plain
from reprotune.data.reading.files import read_table
from reprotune.data.reading.kinds import DELIMITED, LINES, tell_kind
from reprotune.project.candidates import list_tables, take_rows
from reprotune.project.likely import (
    LABEL_NAMES,
    LONGEST_LABEL,
    SHORT_NAMES,
    TEXT_NAMES,
    are_two,
    find_likely,
    has_labels,
    has_texts,
    measure,
    rank,
    tell_form,
)
from reprotune.project.nested import find_flags, is_one_class, spread, tell_flags
from reprotune.project.wanted import Wanted

LONGER = 2.0  # times as long as any other: the texts, where no name says it
SHOWN, MOST_SHOWN = 30, 20  # characters of a cell, and columns, in a message
NUMBER = {"text": "one or more", "label": "one"}
LACKING = {
    "text": "no column has texts of several words: say --text",
    "label": "no column has a few values that come again and again: say --label or, of one file a "
    "class, --classes negative positive or, of lines that begin with it, --text 1 --label 0",
}


class Columns(NamedTuple):
    """Names, or positions where there is no header; None: none, or several that may be meant."""

    text: str | None
    label: str | None

    @property
    def found(self) -> int:
        return len(self) - self.count(None)


def guess_columns(file: Path, trial: Download, wanted: Wanted) -> Columns:
    """The columns of a file, of which a person has not named both.

    Raises:
        InputError: there are none, or several that may be meant; what the columns are.
    """
    text, label = wanted.text, wanted.label
    said = [*map(str, split_template(text or "")), label or ""]
    best, shown, most = Columns(text, label), pd.DataFrame(), (False, 0, False, 0)
    for frame in list_tables(file, trial, wanted):
        texts = text or find_texts(frame, exclude=label)
        found = Columns(texts, label or find_labels(frame, exclude=texts))
        worth = (holds(frame, said), found.found, is_named(found), frame.shape[1] * (None in found))
        if worth > most:
            best, shown, most = found, frame, worth
    if None in best:
        raise InputError(tell_choice(file, best, shown))
    return best


def guess_text(file: Path, trial: Download, wanted: Wanted) -> str | None:
    """The column of texts in a file of one class; none of a file of lines, or without a header."""
    if tell_kind(file.name)[0] in LINES:
        return None
    text, _ = guess_columns(file, trial, replace(wanted, label=""))
    is_name = rank(str(text), TEXT_NAMES) <= len(TEXT_NAMES) or " " not in str(text)
    return text if is_name else None


def holds(frame: pd.DataFrame, said: Sequence[str]) -> bool:
    """Whether the table has the columns that a person names; positions are in every one."""
    heads = {str(name).partition(".")[0] for name in frame}
    named = (name.strip().partition(".")[0] for name in said if not name.isdecimal())
    return heads.issuperset(filter(None, named))


def is_named(found: Columns) -> bool:
    """Whether both columns have usual names."""
    return rank(str(found.text), TEXT_NAMES) < len(TEXT_NAMES) and rank(
        str(found.label), LABEL_NAMES
    ) < len(LABEL_NAMES)


def tell_choice(file: Path, found: Columns, frame: pd.DataFrame) -> str:
    """What to say, and the columns that there are, each with its first cell."""
    if frame.empty:
        is_text = tell_kind(file.name)[0] in DELIMITED
        return f"{file}: has {'a line or none, and so ' if is_text else ''}no rows"
    if form := tell_form(frame):
        return f"{file}: {form}"
    likely = {
        "text": find_likely(frame, found.label, has_texts, TEXT_NAMES)[1],
        "label": find_likely(frame, found.text, has_labels, LABEL_NAMES)[1],
    }
    told = [
        f"say --{kind} with {NUMBER[kind]} of {list_names(columns)}" if columns else LACKING[kind]
        for kind, columns in likely.items()
        if getattr(found, kind) is None
    ]
    told += [tell_flags(frame)] * (found.label is None)
    cells = {name: next((str(c) for c in frame[name] if str(c).strip()), "") for name in frame}
    some = [
        f"{plain(name)[:LONGEST_LABEL]} ({plain(cell)[:SHOWN]})" for name, cell in cells.items()
    ]
    listed = "; ".join(some[:MOST_SHOWN] + ["..."] * (len(some) > MOST_SHOWN))
    return f"{file}: {'; '.join(filter(None, told))}. It has: {listed}"


def list_names(columns: Mapping[str, Sequence[str]]) -> str:
    """Those of columns, the fewest different values first, with how many there are."""
    counts = sorted((len(set(cells)), name) for name, cells in columns.items())
    return ", ".join(f"{name} ({count_of(count, 'value')})" for count, name in counts[:MOST_SHOWN])


def find_texts(frame: pd.DataFrame, exclude: str | None) -> str | None:
    """The column of texts: by its name, else the one that is far longer than every other."""
    named, likely = find_likely(frame, exclude, has_texts, TEXT_NAMES)
    lengths = sorted((measure(cells), name) for name, cells in likely.items())
    if not lengths or (named and named.casefold() not in SHORT_NAMES):
        return named
    longest = lengths[-1][1]
    is_longest = len(lengths) == 1 or lengths[-1][0] >= LONGER * lengths[-2][0]
    is_pair = any(are_two(longest, name) for _, name in lengths)
    return longest if is_longest and not is_pair else named


def list_others(file: Path, way: Download) -> tuple[list[str], list[str]]:
    """The columns that may be a part of the text, too, and those that may be the labels."""
    frame = spread(take_rows(read_table(file.read_bytes(), str(file), way).frame))
    text, label = str(way.text_column), str(way.label_column)
    texts = find_likely(frame, label, has_texts, TEXT_NAMES)[1]
    labels = find_likely(frame, text, has_labels, LABEL_NAMES)[1]
    return [name for name in texts if name != text], [name for name in labels if name != label]


def find_labels(frame: pd.DataFrame, exclude: str | None) -> str | None:
    """The column of labels: by its name, else the only one with few short values.

    Of several that are a class each, one.
    """
    named, likely = find_likely(frame, exclude, has_labels, LABEL_NAMES)
    if named and re.search(r"\d", named) and any(are_two(named, other) for other in likely):
        return None  # one label of several, as of several people
    flags = find_flags(frame)
    if likely.keys() <= set(flags) and is_one_class(flags):
        return str(flags.columns[0])
    return named or (next(iter(likely)) if len(likely) == 1 else None)
