"""A file that nobody has described, as the tables that it may be."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pandas as pd

from reprotune.core.errors import InputError
from reprotune.core.params import Download
from reprotune.data.reading.bad_rows import Broken, count_allowed
from reprotune.data.reading.charset import decode, guess_encoding
from reprotune.data.reading.files import read_table
from reprotune.data.reading.formats import fill_columns, unpack
from reprotune.data.reading.kinds import DELIMITED, SHEETS, TABLES, tell_kind
from reprotune.data.reading.parsing import (
    ALWAYS,
    PREFACE,
    Dialect,
    find_misfit,
    name_columns,
    parse_rows,
)
from reprotune.data.reading.workbooks import parse_sheets
from reprotune.project.dialects import (
    DELIMITERS,
    SAMPLE,
    Sought,
    describe,
    judge,
    list_delimiters,
    take_sample,
    try_quotings,
)
from reprotune.project.likely import (
    LABEL_NAMES,
    TEXT_NAMES,
    find_likely,
    has_labels,
)
from reprotune.project.nested import spread
from reprotune.project.sniff import FASTTEXT, check_fasttext, read_delimiter
from reprotune.project.wanted import Wanted

TWICE = 2
WIDEST = 50  # columns of which each is tried as the one with delimiters in its texts
CELLS, FEWEST = 100_000, 100  # that are looked at, and rows
LABEL_WORD = r"[+-]?\d+|[\w-]+[:_][\w:-]*|[A-Z]{2}[A-Z\d+-]*"
VECTOR = re.compile(r"[+-]?[\d.,]+( qid:\d+)?( \d+:[+-]?[\d.]+(e[+-]?\d+)?)+")
WORD = r"[^\W\d_]{2}.* .*[^\W\d_]{2}"  # and another


def list_tables(file: Path, trial: Download, wanted: Wanted) -> Iterator[pd.DataFrame]:
    """The file as the tables that it may be, the likeliest first."""
    raw, (kind, packing) = file.read_bytes(), tell_kind(file.name)
    if kind not in (*DELIMITED, *SHEETS):
        yield spread(take_rows(read_table(raw, str(file), trial).frame))
        return
    raw = unpack(raw, packing, str(file))
    if kind in SHEETS:
        yield from list_sheets(raw, f"{file}: not readable as {kind}")
        return
    text = decode(raw, str(file), wanted.encoding or guess_encoding(raw), trial.bad_rows)
    lines = take_sample(text)
    if not any(map(str.strip, lines)):
        return
    if lines and all(line.startswith(FASTTEXT) for line in lines if line.strip()):
        if kind in TABLES and not all(any(map(line.count, ALWAYS)) for line in lines):
            raise InputError(f"{file}: is fastText's, and no {kind} file: let its name end in .txt")
        cut = [line.strip().partition(" ") for line in lines]
        check_fasttext([c[2] for c in cut], str(file))
        yield pd.DataFrame({"0": [c[0] for c in cut], "1": [c[2] for c in cut]})
        return
    if all(VECTOR.fullmatch(line.strip()) for line in lines if line.strip()):
        raise InputError(
            f"{file}: holds vectors of numbers, as libsvm reads them: take the texts that they "
            "were made of"
        )
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
        whole = [row for _, row in rows if not isinstance(row, Broken)]
        for place in dict.fromkeys([*find_headers(whole), find_full(whole)]):
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
    """So many rows by chance of a table, in which labels may be sorted or take turns.

    Of thousands of columns fewer rows say as much, and each is looked at many times.
    """
    most = max(FEWEST, min(SAMPLE, CELLS // max(1, frame.shape[1])))
    return frame.sample(min(most, len(frame)), random_state=0).sort_index()


def find_headers(rows: Sequence[Sequence[str]]) -> Iterator[int]:
    """The first row, and those after it that have a usual name for a text and for a label."""
    for number, row in enumerate(rows[: PREFACE + 1]):
        if not number or is_header(row):
            yield number


def find_full(rows: Sequence[Sequence[str]]) -> int:
    """The first row with as many cells as most have: above it are titles."""
    filled = [sum(map(bool, map(str.strip, row))) for row in rows]
    return filled.index(Counter(filled).most_common(1)[0][0]) if filled else 0


def is_header(row: Sequence[str]) -> bool:
    """Whether there is a usual name for a text and one for a label."""
    words = {word.strip("\"' \r\n").casefold() for word in row}
    return not words.isdisjoint(TEXT_NAMES) and not words.isdisjoint(LABEL_NAMES)


def split_anywhere(line: str) -> list[str]:
    for mark in DELIMITERS:
        line = line.replace(mark, "\n")
    return line.split("\n")


def parse(lines: Sequence[str], sought: Sought, dialect: Dialect) -> Iterator[pd.DataFrame]:
    """The tables of one dialect, under their names or, if the first row is none, its positions."""
    trial = try_quotings(sought, dialect)
    if trial is None:
        return
    allowed = count_allowed(trial.rows, sought.share)
    if trial.misfits > allowed:
        named = [name for name in trial.columns if name][:WIDEST]
        ways = [dialect._replace(sink=name) for name in named]
        ways += [dialect._replace(sink=n, header=False, is_pair=True) for n in (0, 1)]
        tried = [judge(sought, way._replace(quote=mark)) for mark in (None, '"') for way in ways]
        fitting = [one.dialect for one in tried if one and one.misfits <= allowed]
        yield from sorted((tabulate(lines, one) for one in fitting), key=count_values)
    yield tabulate(lines, trial.dialect)


def tabulate(lines: Sequence[str], dialect: Dialect) -> pd.DataFrame:
    rows = [row for _, row in parse_rows(lines, dialect) if not isinstance(row, Broken)]
    names = list(map(str, name_columns(rows[0], header=True)))
    whole = [row[: len(names)] for row in rows if not find_misfit(row, len(names), 0)]
    bare = pd.DataFrame(whole, dtype="object")
    bare = pd.concat([bare[:1], take_rows(bare[1:])])
    bare.columns = bare.columns.map(str)
    if repeats_label(bare) and not is_header(names):
        return bare
    return bare.iloc[1:].set_axis(names, axis="columns").loc[:, [name != "" for name in names]]


def count_values(frame: pd.DataFrame) -> int:
    """Different values: the fewer, the likelier is each in its own column."""
    return int(frame.nunique().sum())


def repeats_label(frame: pd.DataFrame) -> bool:
    """Whether the first row is none of names: its label is that of other rows, too.

    A name may come again once, in a second line of names.
    """
    _, likely = find_likely(frame, None, has_labels, LABEL_NAMES)
    return any((frame[name] == frame[name].iloc[0]).sum() > TWICE for name in likely)
