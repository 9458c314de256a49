"""Which columns hold texts and labels, found by their names and by what is in them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from reprotune.core.errors import InputError
from reprotune.core.params import Download
from reprotune.core.params.fields import list_fields
from reprotune.core.printing import plain
from reprotune.data.reading.bad_rows import Broken
from reprotune.data.reading.charset import decode, guess_encoding
from reprotune.data.reading.files import read_table
from reprotune.data.reading.formats import (
    DELIMITED,
    LINES,
    SHEETS,
    TABLES,
    fill_columns,
    parse_sheets,
    tell_kind,
    unpack,
)
from reprotune.data.reading.parsing import (
    PREFACE,
    Dialect,
    find_misfit,
    name_columns,
    parse_rows,
)
from reprotune.project.dialects import (
    DELIMITERS,
    SAMPLE,
    Sought,
    describe,
    list_delimiters,
    take_sample,
    try_quotings,
)
from reprotune.project.likely import (
    LABEL_NAMES,
    LONGEST_LABEL,
    SHORT_NAMES,
    TEXT_NAMES,
    are_two,
    find_likely,
    has_labels,
    has_texts,
    rank,
)
from reprotune.project.nested import find_flags, is_one_class, spread, tell_flags
from reprotune.project.sniff import FASTTEXT, check_fasttext, read_delimiter
from reprotune.project.wanted import Wanted

LONGER = 2.0  # times as long as any other: the texts, where no name says it
SHOWN, MOST_SHOWN = 30, 20  # characters of a cell, and columns, in a message
NUMBER = {"text": "one or more", "label": "one"}
LABEL_WORD = r"[+-]?\d+|[\w-]+[:_][\w:-]*|[A-Z]{2}[A-Z\d+-]*"
WORD = r"[^\W\d_]{2}.* .*[^\W\d_]{2}"  # and another
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
    said = [*(list_fields(text or "") or [text or ""]), label or ""]
    best, shown, most = Columns(text, label), pd.DataFrame(), (False, 0, False, 0)
    for frame in list_tables(file, trial, wanted):
        found = Columns(
            text or find_texts(frame, exclude=label), label or find_labels(frame, exclude=text)
        )
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
        return f"{file}: has no rows"
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


def list_names(columns: Mapping[str, pd.Series]) -> str:
    """Those of columns, the fewest different values first, with how many there are."""
    counts = sorted((cells.nunique(), name) for name, cells in columns.items())
    return ", ".join(f"{name} ({count} values)" for count, name in counts[:MOST_SHOWN])


def list_tables(file: Path, trial: Download, wanted: Wanted) -> Iterator[pd.DataFrame]:
    """The file as the tables that it may be, the likeliest first."""
    raw, (kind, packing) = file.read_bytes(), tell_kind(file.name)
    if kind in SHEETS:
        yield from list_sheets(unpack(raw, packing, str(file)), f"{file}: not readable as {kind}")
        return
    if kind not in DELIMITED:
        yield spread(take_rows(read_table(raw, str(file), trial).frame))
        return
    raw = unpack(raw, packing, str(file))
    text = decode(raw, str(file), wanted.encoding or guess_encoding(raw), trial.bad_rows)
    lines = take_sample(text)
    if lines and all(line.startswith(FASTTEXT) for line in lines if line.strip()):
        cut = [line.strip().partition(" ") for line in lines]
        check_fasttext([c[2] for c in cut], str(file))
        yield pd.DataFrame({"0": [c[0] for c in cut], "1": [c[2] for c in cut]})
        return
    sought = Sought([lines], [], None, True, trial.bad_rows)
    said = [read_delimiter(wanted.delimiter)] if wanted.delimiter else list_delimiters(lines)
    marks = [mark for mark in said if mark != " "]
    if kind not in TABLES and " " in said:
        yield from cut_words(lines)
    for mark in [] if kind in TABLES else marks:
        yield from cut_once(lines, mark)
    for skip in find_headers(list(map(split_anywhere, lines))):
        for mark in marks:
            yield from map(spread, parse(lines, sought, describe(sought, mark, True, skip)))


def list_sheets(raw: bytes, complaint: str) -> Iterator[pd.DataFrame]:
    """The tables that the sheets of a workbook may hold.

    Raises:
        InputError: it is none.
    """
    try:
        sheets = parse_sheets(raw)
    except ValueError as error:
        raise InputError(f"{complaint}: {error}") from None
    for rows in sheets.values():
        for place in find_headers([row for _, row in rows if not isinstance(row, Broken)]):
            with suppress(ValueError):
                yield fill_columns(rows[place : place + SAMPLE], Dialect())[0]


def cut_once(lines: Sequence[str], mark: str) -> Iterator[pd.DataFrame]:
    """Lines without a header that are a text and a label, in which the mark may occur, too."""
    for cut in (str.rpartition, str.partition):
        parts = [cut(line.strip(), mark) for line in lines if mark in line]
        frame = pd.DataFrame({"0": [p[0] for p in parts], "1": [p[2] for p in parts]})
        if len(parts) > len(lines) / 2 and repeats_label(frame):
            yield frame


def cut_words(lines: Sequence[str]) -> Iterator[pd.DataFrame]:
    """Lines of which the first or last word is a label, as no word is: DESC:manner, 1, POS."""
    for frame in cut_once([line for line in lines if line.strip()], " "):
        if any(frame[name].str.fullmatch(LABEL_WORD).all() for name in frame) and any(
            frame[name].str.contains(WORD).all() for name in frame
        ):
            yield frame


def take_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """So many rows of all parts of a table, which may be sorted by its labels."""
    return frame.iloc[:: max(1, len(frame) // SAMPLE)]


def find_headers(rows: Sequence[Sequence[str]]) -> Iterator[int]:
    """The first row, and those after it that have a usual name for a text and for a label."""
    for number, row in enumerate(rows[: PREFACE + 1]):
        if not number or is_header(row):
            yield number


def is_header(row: Sequence[str]) -> bool:
    """Whether there is a usual name for a text and one for a label."""
    words = {word.strip("\"' \r\n").casefold() for word in row}
    return not words.isdisjoint(TEXT_NAMES) and not words.isdisjoint(LABEL_NAMES)


def split_anywhere(line: str) -> list[str]:
    for mark in DELIMITERS:
        line = line.replace(mark, "\n")
    return line.split("\n")


def parse(lines: Sequence[str], sought: Sought, dialect: Dialect) -> Iterator[pd.DataFrame]:
    """The table of one dialect, under its names or, if the first row is none, its positions."""
    trial = try_quotings(sought, dialect)
    if trial is None:
        return
    rows = [row for _, row in parse_rows(lines, trial.dialect) if not isinstance(row, Broken)]
    names = list(map(str, name_columns(rows[0], header=True)))
    whole = [row[: len(names)] for row in rows if not find_misfit(row, len(names), 0)]
    bare = pd.DataFrame(whole, dtype="object")
    bare.columns = bare.columns.map(str)
    if repeats_label(bare) and not is_header(names):
        yield bare
    else:
        yield bare.iloc[1:].set_axis(names, axis="columns").loc[:, [name != "" for name in names]]


def repeats_label(frame: pd.DataFrame) -> bool:
    """Whether the first row is none of names: its label is that of other rows, too."""
    _, likely = find_likely(frame, None, has_labels, LABEL_NAMES)
    return any((frame[name].iloc[1:] == frame[name].iloc[0]).any() for name in likely)


def find_texts(frame: pd.DataFrame, exclude: str | None) -> str | None:
    """The column of texts: by its name, else the one that is far longer than every other."""
    named, likely = find_likely(frame, exclude, has_texts, TEXT_NAMES)
    lengths = sorted((float(cells.str.len().mean()), name) for name, cells in likely.items())
    if not lengths or (named and named.casefold() not in SHORT_NAMES):
        return named
    longest = lengths[-1][1]
    is_longest = len(lengths) == 1 or lengths[-1][0] >= LONGER * lengths[-2][0]
    is_pair = any(are_two(longest, name) for _, name in lengths)
    return longest if is_longest and not is_pair else named


def list_other_texts(file: Path, way: Download) -> list[str]:
    """The columns that may be a part of the text, too."""
    frame = spread(take_rows(read_table(file.read_bytes(), str(file), way).frame))
    likely = find_likely(frame, str(way.label_column), has_texts, TEXT_NAMES)[1]
    return [name for name in likely if name != str(way.text_column)]


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
