"""Whether a column looks like one of texts, or of labels, by its name and by what it holds."""

import re
from collections.abc import Callable, Sequence

import pandas as pd

from reprotune.project.folders import SPLITS
from reprotune.project.sniff import MOST_CLASSES

TEXT_NAMES = (
    "text", "sentence", "review", "content", "tweet", "message", "body", "comment", "document",
    "utterance", "query", "question", "headline", "description", "title", "v2",
)  # fmt: skip
SHORT_NAMES = ("headline", "title", "v2")  # of texts, unless another column has longer ones
LABELS = (
    "label", "class", "category", "target", "labels", "classes", "sentiment", "intent", "topic",
    "polarity", "emotion", "rating", "stars", "score", "overall", "verdict", "v1",
)  # fmt: skip
LABEL_NAMES = (
    *(f"{name}_{kind}" for kind in ("text", "name") for name in LABELS[:4]),
    *LABELS,
    *(f"{name}_{kind}" for kind in ("id", "idx", "index") for name in LABELS[:4]),
)
LONGEST_LABEL = 80  # characters, in the mean
AMOUNT = r"[+-]?\d*\.(?!50*$)\d*[1-9]\d*"  # with a fraction that is no half, as stars have
PAIR = {"premise", "hypothesis"}
TIME = r"(?i)(mon|tue|wed|thu|fri|sat|sun)\w*,? .*\d:\d\d"
MONTH = "(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
DATE = (
    r"(?i)(\d{4}([-./])\d\d?\2\d\d?|\d\d?([-./])\d\d?\3(\d\d){1,2}|"
    rf"\d\d?[-./ ]{MONTH}[-./ ](\d\d){{1,2}}|{MONTH} \d\d?,? \d{{4}})(\D.{{0,30}})?"
)


def are_two(one: str, other: str) -> bool:
    """Whether columns are told apart by a number alone, such as sentence1 and sentence2.

    Premise and hypothesis are two as well.
    """
    is_pair = {one.casefold(), other.casefold()} == PAIR
    return is_pair or (one != other and re.sub(r"\d", "", one) == re.sub(r"\d", "", other))


def has_texts(cells: pd.Series) -> bool:
    """Whether most cells are several words, and many of them differ."""
    words = cells.str.contains(r"\w\s+\w|[^\x00-\x7f]{4}", regex=True)
    times = cells.str.match(TIME) | cells.str.fullmatch(DATE)
    is_text = len(cells) > 0 and words.mean() > 0.5 and not times.mean() > 0.5
    return is_text and cells.nunique() > 0.3 * len(cells)


def has_labels(cells: pd.Series) -> bool:
    """Whether the cells have few and short values, which are no parts of a split."""
    counts = cells.str.casefold().value_counts()
    values = set(counts.index)
    return (
        (counts > 1).sum() > 1  # of which a second or third header makes none
        and len(values) <= min(MOST_CLASSES, max(2, len(cells) / 5))
        and cells.str.len().mean() <= LONGEST_LABEL
        and not values <= SPLITS.keys()
        and not cells.str.fullmatch(AMOUNT).any()
        and not cells.str.fullmatch(DATE).mean() > 0.5
    )


def list_cells(column: pd.Series) -> pd.Series:
    """The cells that hold something, as texts that can be looked at."""
    cells = column.dropna().map(lambda cell: str(cell).encode(errors="replace").decode().strip())
    return cells[cells != ""]


def rank(name: str, usual: Sequence[str]) -> int:
    """The place of a name among the usual ones: whole, or else its last words."""
    whole = re.sub(r"[-. ]", "_", name.casefold()).strip("_")
    if whole in usual:
        return usual.index(whole)
    return len(usual) + (not whole.endswith(tuple(f"_{known}" for known in usual)))


def find_likely(
    frame: pd.DataFrame,
    exclude: str | None,
    is_likely: Callable[[pd.Series], bool],
    usual: Sequence[str],
) -> tuple[str | None, dict[str, pd.Series]]:
    """The column with the likeliest name, and all that are likely by what they hold.

    A name counts among these, or among all columns if there are none.
    """
    columns = {str(name): list_cells(frame[name]) for name in frame if str(name) != exclude}
    likely = {name: cells for name, cells in columns.items() if is_likely(cells)}
    named = [name for name in likely or columns if rank(name, usual) <= len(usual)]
    return min(named, key=lambda name: rank(name, usual), default=None), likely
