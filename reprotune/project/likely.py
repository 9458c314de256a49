"""Whether a column looks like one of texts, or of labels."""

import re

import pandas as pd

from reprotune.project.folders import SPLITS
from reprotune.project.sniff import MOST_CLASSES

LONGEST_LABEL = 40  # characters, in the mean
AMOUNT = r"[+-]?\d*\.(?!50*$)\d*[1-9]\d*"  # with a fraction that is no half, as stars have
DATE = r"(\d{4}([-./])\d\d?\2\d\d?|\d\d?([-./])\d\d?\3(\d\d){1,2})(\D.*)?"


def are_two(one: str, other: str) -> bool:
    """Whether columns are told apart by a number alone, such as sentence1 and sentence2."""
    return one != other and re.sub(r"\d", "", one) == re.sub(r"\d", "", other)


def has_texts(cells: pd.Series) -> bool:
    """Whether most cells are several words, and many of them differ."""
    words = cells.str.contains(r"\w\s+\w|[^\x00-\x7f]{4}", regex=True)
    return len(cells) > 0 and words.mean() > 0.5 and cells.nunique() > 0.3 * len(cells)


def has_labels(cells: pd.Series) -> bool:
    """Whether the cells have few and short values, which are no parts of a split."""
    values = set(cells.str.casefold())
    return (
        1 < len(values) <= min(MOST_CLASSES, max(2, len(cells) / 5))
        and cells.str.len().mean() <= LONGEST_LABEL
        and not values <= SPLITS.keys()
        and not cells.str.fullmatch(AMOUNT).any()
        and not cells.str.fullmatch(DATE).mean() > 0.5
    )
