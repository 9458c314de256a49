"""Whether a column looks like one of texts, or of labels, by its name and by what it holds."""

import re
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from reprotune.data.reading.bad_rows import is_missing
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
WORDS = re.compile(r"\w\s+\w|[^\x00-\x7f]{4}")  # two, or one of a script without spaces
# With a fraction that is no half, as stars have.
AMOUNT = re.compile(r"[+-]?\d*\.(?!50*$)\d*[1-9]\d*")
PARTS = "ADJ ADP ADV AUX CCONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB X"
TAG = re.compile(rf"(.*\s)?(O|[BILMESU]-\S+|{'|'.join(PARTS.split())})(\s.*)?")  # of a word
TAGGED = re.compile(r"(^|\s)([BI]-\S+|PUNCT|NOUN)($|\s)")
TREE = re.compile(r"\(\d \(.*\)")  # of the Stanford sentiment treebank
FIELD = re.compile(r"\w+(/\w+)?:( .*)?")  # of a record that has one a line
LISTS = list, np.ndarray
FEWEST = 3  # words of a sentence, in the mean; lists of people's answers are shorter
PAIR = {"premise", "hypothesis"}
TIME = re.compile(r"(?i)(mon|tue|wed|thu|fri|sat|sun)\w*,? .*\d:\d\d")
MONTH = "(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
DATE = re.compile(
    r"(?i)(\d{4}([-./])\d\d?\2\d\d?|\d\d?([-./])\d\d?\3(\d\d){1,2}|"
    rf"\d\d?[-./ ]{MONTH}[-./ ](\d\d){{1,2}}|{MONTH} \d\d?,? \d{{4}})(\D.{{0,30}})?"
)


def are_two(one: str, other: str) -> bool:
    """Whether columns are told apart by a number alone, such as sentence1 and sentence2.

    Premise and hypothesis are two as well.
    """
    is_pair = {one.casefold(), other.casefold()} == PAIR
    return is_pair or (one != other and re.sub(r"\d", "", one) == re.sub(r"\d", "", other))


def has_texts(cells: Sequence[str]) -> bool:
    """Whether most cells are several words, and many of them differ."""
    return (
        len(set(cells)) > 0.3 * len(cells)
        and is_most(WORDS.search, cells)
        and not is_most(lambda cell: TIME.match(cell) or DATE.fullmatch(cell), cells)
    )


def has_labels(cells: Sequence[str]) -> bool:
    """Whether the cells have few and short values, which are no parts of a split."""
    counts = Counter(map(str.casefold, cells))
    return (
        sum(count > 1 for count in counts.values()) > 1  # another header makes none
        and len(counts) <= min(MOST_CLASSES, max(2, len(cells) / 5))
        and measure(cells) <= LONGEST_LABEL
        and not counts.keys() <= SPLITS.keys()
        and not any(map(AMOUNT.fullmatch, counts))
        and not is_most(DATE.fullmatch, cells)
    )


def is_most(is_such: Callable[[str], object], cells: Sequence[str]) -> bool:
    return sum(map(bool, map(is_such, cells))) > len(cells) / 2


def measure(cells: Sequence[str]) -> float:
    """Characters of a cell, in the mean."""
    return sum(map(len, cells)) / len(cells)


def list_cells(column: pd.Series) -> list[str]:
    """The cells that hold something, as texts that can be looked at."""
    held = (str(cell) for cell in column if not is_missing(cell))
    return [cell for one in held if (cell := one.encode(errors="replace").decode().strip())]


def rank(name: str, usual: Sequence[str]) -> int:
    """The place of a name among the usual ones: whole, or else its last words."""
    whole = re.sub(r"[-. ]", "_", name.casefold()).strip("_")
    if whole in usual:
        return usual.index(whole)
    return len(usual) + (not whole.endswith(tuple(f"_{known}" for known in usual)))


def tell_form(frame: pd.DataFrame) -> str:
    """What a table is that, by what it holds, is none of texts with a label each; else empty."""
    for column in (list_cells(frame[name]) for name in frame):
        if all(map(TAG.fullmatch, column)) and any(map(TAGGED.search, column)):
            return (
                "holds a word and its tag a line, as CoNLL and IOB do: here a whole text has a "
                "class, so make a table of texts and their labels"
            )
        if is_most(TREE.fullmatch, column):
            return (
                "holds trees, a class at each node, as the Stanford treebank does: make a table of "
                "each tree's text and the number that it begins with"
            )
        if column and all(map(FIELD.fullmatch, column)):
            return (
                "holds records, a field a line: write each as one line of a table or as a JSON "
                "object a line (.jsonl)"
            )
    sizes = [
        [len(cell) if isinstance(cell, LISTS) else 0 for cell in frame[name]] for name in frame
    ]
    if any(all(one) and sum(one) > FEWEST * len(one) and sizes.count(one) > 1 for one in sizes):
        return (
            "holds lists of words and of their tags: here a whole text has a class, so make a "
            "table of texts and their labels"
        )
    return ""


def find_likely(
    frame: pd.DataFrame,
    exclude: str | None,
    is_likely: Callable[[Sequence[str]], bool],
    usual: Sequence[str],
) -> tuple[str | None, dict[str, list[str]]]:
    """The column with the likeliest name, and all that are likely by what they hold.

    A name counts among these, or among all columns if there are none.
    """
    columns = {str(name): list_cells(frame[name]) for name in frame if str(name) != exclude}
    likely = {name: cells for name, cells in columns.items() if is_likely(cells)}
    named = [name for name in likely or columns if rank(name, usual) <= len(usual)]
    return min(named, key=lambda name: rank(name, usual), default=None), likely
