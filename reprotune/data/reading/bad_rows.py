"""Rows that cannot be used: set aside with a reason, up to a share of all rows."""

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from reprotune.core.errors import InputError
from reprotune.core.printing import count_of
from reprotune.tables import cells

SHOWN = 10
MOST_BAD = 0.5  # share of bad rows from which on the reading is likely wrong
EMPTY = {"empty text", "empty label"}  # which people leave so, however many
LONGEST = 1000  # characters of a row in messages and files; the source has the whole
INVISIBLE = "\u00ad\u200b\u200e\u200f\u2060\ufeff"
VISIBLE = re.compile(f"[^\\s{INVISIBLE}]")
DAMAGE = re.compile("[\0-\x08\x0e-\x1b\x7f\ud800-\udfff]")  # what no person types
UNDECODED = 0xDC00  # from here on 256 characters stand for bytes, see charset.decode
ADVICE = {  # what to do about a kind of bad rows
    "broken line": "see download.delimiter, and the quotes: within a quoted field they are doubled"
    "; of JSON a line holds one whole object, its names and texts in double quotes",
    "broken character": "see download.encoding",
    "object as text": "a field of an object is named with a dot, such as review.body",
    "object as label": "a field of an object is named with a dot, such as review.verdict",
    "list as text": "join the parts of each text, or name those that you want, such as parts.0",
    "list as label": "several labels a row (multi-label) are no classes: keep the rows of one "
    "label, or choose a column that has one",
}


class Broken(NamedTuple):
    """A row that is not of the form of its file."""

    reason: str
    content: str


class BadRow(NamedTuple):
    """A row that cannot be used."""

    file: str
    row: int  # 1 is the first after the header
    reason: str  # its kind and, after a colon, more of it
    content: str

    @property
    def kind(self) -> str:
        return self.reason.partition(":")[0]


def find_fault(value: object, what: str) -> str | None:
    """Why a cell is no text or no label (``what`` says which of them), if it is not."""
    if isinstance(value, str):
        if not VISIBLE.search(value):
            return f"empty {what}"
        return name_damage(ord(found[0]), what) if (found := DAMAGE.search(value)) else None
    if isinstance(value, Mapping):
        return f"object as {what}: it has the fields {', '.join(map(str, value))}"
    if isinstance(value, bytes):
        return f"bytes as {what}"
    if isinstance(value, Sequence | set | np.ndarray):
        return f"list as {what}"
    return f"empty {what}" if is_missing(value) else None


def is_missing(value: object) -> bool:
    if isinstance(value, float | np.floating):
        return bool(np.isnan(value))
    return value is None or value is pd.NA or value is pd.NaT


def name_damage(code: int, what: str) -> str:
    if UNDECODED <= code < UNDECODED + 256:
        return f"broken character: byte 0x{code - UNDECODED:02x} in the {what} is no letter"
    if code == 0:
        return f"NUL character: in the {what}"
    kind = "lone surrogate" if code > 0x7F else "control character"
    return f"{kind}: U+{code:04X} in the {what}"


def find_faults(rows: pd.DataFrame, labels: Mapping[str, str | None]) -> pd.Series:
    """Why each row cannot be used, missing for those that can.

    ``rows`` has the cells text and label, and raw, the label as a key of ``labels``. A label that
    is such a key is good whatever it holds; the text of a row that is left out may be anything.
    """
    known = rows["raw"].isin(list(labels))
    left_out = rows["raw"].isin([raw for raw, name in labels.items() if name is None])
    in_label = rows["label"].map(partial(find_fault, what="label")).mask(known, None)
    in_text = rows["text"].map(partial(find_fault, what="text")).mask(left_out, None)
    return in_label.astype("object").where(in_label.notna(), in_text)


def collect(rows: pd.DataFrame, faults: pd.Series, file: str) -> list[BadRow]:
    """The rows with a fault; the index of ``rows`` is their place in the file."""
    found = faults.dropna()
    found = found.combine(rows["line"].reindex(found.index), add_line)
    content = rows.loc[found.index, ["text", "label"]].to_dict("records")
    return [
        BadRow(file, place + 1, reason, json.dumps(cell, ensure_ascii=False, default=str))
        for place, reason, cell in zip(found.index.to_list(), found, content, strict=True)
    ]


def add_line(reason: str, line: int) -> str:
    """The reason with the line in which the row begins; 0 is none."""
    kind, mark, more = reason.partition(": ")
    return f"{kind}: line {line}{mark and ', '}{more}" if line else reason


def count_allowed(rows: int, share: float) -> int:
    """How many of so many rows may be bad; a share above 0 allows one."""
    return math.ceil(round(share * rows, 6))  # 0.07 of 100 rows is more than 7 in binary


def check_share(bad: Sequence[BadRow], rows: int, share: float) -> None:
    """Raise InputError with the first bad rows if there are more than ``download.bad_rows``."""
    if len(bad) <= count_allowed(rows, share):
        return
    counts = count_kinds(bad)
    several = len({one.file for one in bad}) > 1
    listed = "\n  ".join(
        f"row {one.row}{f' of {one.file}' if several else ''}: {one.reason}: {show(one.content)}"
        for one in bad[:SHOWN]
    )
    share_found = math.ceil(100 * len(bad) / rows) / 100
    is_read = share_found < MOST_BAD or EMPTY.issuperset(counts)
    option = f" (reprotune init --bad-rows {share_found:g})" if is_read and share_found < 1 else ""
    advice = "".join(f"; {ADVICE[kind]}" for kind in counts if kind in ADVICE)
    raise InputError(
        f"{bad[0].file}: {len(bad)} of {count_of(rows, 'row')} cannot be used "
        f"({describe(counts)}), and download.bad_rows allows {share:g} of them: correct or remove "
        f"them, or allow more{option}{advice}. The first (row 1 is the first after the header):\n  "
        f"{listed}"
    )


def count_kinds(bad: Iterable[BadRow]) -> dict[str, int]:
    """Rows of each kind, the commonest first."""
    return dict(Counter(row.kind for row in bad).most_common())


def describe(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{kind}: {rows}" for kind, rows in counts.items())


def show(content: str) -> str:
    """A row on one line and without what a terminal or a file would choke on."""
    line = content.rstrip("\r\n").replace("\r", "\\r").replace("\n", "\\n")
    line = DAMAGE.sub(lambda found: found[0].encode("unicode_escape").decode(), line)
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}..."


def write(bad: Iterable[BadRow], path: Path, guarded: bool) -> None:
    """Write the bad rows as CSV, whole or not at all; a header alone if there are none."""
    shown = [row._replace(content=show(row.content)) for row in bad]
    cells.write(pd.DataFrame(shown, columns=list(BadRow._fields)), path, guarded)
