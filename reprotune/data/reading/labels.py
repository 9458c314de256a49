"""Raw labels: how a cell is spelt, and which spellings are one."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from reprotune.core.errors import InputError
from reprotune.core.printing import count_of
from reprotune.data.reading.bad_rows import INVISIBLE, is_missing
from reprotune.data.reading.columns import as_object

SHOWN = 5
UNSEEN = dict.fromkeys(map(ord, INVISIBLE))
EMOJI = "\ufe0f"  # shows the character before it in colours
LIST_OF_ONE = re.compile(
    r"\s*\[\s*(?:(?P<mark>['\"])((?:(?!(?P=mark)|\\).)*)(?P=mark)\s*)?\]\s*"
)  # or of none
WHOLE = re.compile(r"([+-]?\d+)\.0+")  # a number that was an integer


def spell(value: object) -> str:
    """The cell of a label as its raw value; what is missing is empty.

    Of U+0085 `dvc exp run -S` makes a space in the parameter file, and so it is one from the start.
    """
    value = take_only(value)
    return "" if is_missing(value) else str(value).replace("\x85", " ").strip()


def take_only(value: object) -> object:
    """What is in a list of one, which may be written out in a cell: tools for labelling write so.

    An empty list is no label, and every other value is handed back; an object that is written out
    in a cell as one, and as its list if that is of Label Studio's choices.
    """
    if isinstance(value, str):
        found = LIST_OF_ONE.fullmatch(value)
        return found[2] if found else open_object(value)
    if isinstance(value, Mapping) and set(value) == {"choices"}:
        return take_only(value["choices"])
    if isinstance(value, list | tuple | np.ndarray) and len(value) < 2:
        return value[0] if len(value) else None
    return value


def open_object(value: str) -> object:
    """The object that is written out in a cell; the cell itself if it is none."""
    found = as_object(value) if value.lstrip().startswith("{") else {}
    return take_only(found) if found else value


def tidy(value: str) -> str:
    """A raw label in Unicode's composed form, without characters that nobody sees."""
    return unicodedata.normalize("NFC", value.translate(UNSEEN)).strip()


def fold(value: str) -> str:
    """What all spellings of one label share: case, spaces and .0 behind an integer are none."""
    plain = " ".join(tidy(value).split())
    number = WHOLE.fullmatch(plain)
    known = (number[1] if number else plain).replace(EMOJI, "")
    return unicodedata.normalize("NFC", known.casefold())


def match_spellings(raw: Iterable[str], known: Mapping[str, str | None]) -> dict[str, str | None]:
    """The class of each unknown raw value that is another spelling of known ones of one class."""
    classes: defaultdict[str, set[str | None]] = defaultdict(set)
    for value, name in known.items():
        classes[fold(value)].add(name)
    unknown = (value for value in raw if value not in known)
    found = {value: classes.get(fold(value), set()) for value in unknown}
    return {value: next(iter(names)) for value, names in found.items() if len(names) == 1}


def check_labels(rows: pd.DataFrame, known: Mapping[str, str | None], path: str) -> None:
    """Raise InputError for raw labels (``raw``) that have no class.

    The index is the place in the file, ``line`` where an editor shows it, if it does.
    """
    unknown = rows.loc[~rows["raw"].isin(list(known)), "raw"]
    if len(unknown):
        counts = unknown.value_counts().head(SHOWN)
        first = {value: unknown.index[unknown == value][0] for value in counts.index}
        lines = {value: int(rows["line"][place]) for value, place in first.items()}
        where = {
            v: f"line {lines[v]}" if lines[v] else f"row {place + 1}" for v, place in first.items()
        }
        shown = ", ".join(
            f"{v!r} ({count_of(n, 'row')}, first in {where[v]})" for v, n in counts.items()
        )
        counted = "" if any(lines.values()) else " (row 1 is the first after the header)"
        more = f" and {unknown.nunique() - SHOWN} more" if unknown.nunique() > SHOWN else ""
        raise InputError(
            f"{path}: label {shown}{more} is not in download.labels; allowed are {list(known)}; "
            f"add it with its class, or with null to leave its rows out{counted}"
        )
