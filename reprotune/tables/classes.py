"""The order of the classes, which columns of scores and the head of a model follow."""

from collections.abc import Iterable, Mapping

import pandas as pd

LEAST = 20  # rows that teach a class, if it has so many
EVEN = 0.9  # share of the rows that as many of each class would keep


def class_names(labels: Mapping[str, str | None]) -> list[str]:
    """The class names of ``download.labels`` in class order: sorted.

    Not the order of the mapping, for DVC would not see it change.
    """
    return sorted({name for name in labels.values() if name is not None})


def share_out(labels: pd.Series, share: float) -> pd.Series:
    """The rows of each class in so large a part of all rows, at least one."""
    return (labels.value_counts() * share).round().clip(lower=1).astype(int)


def draw(rows: pd.DataFrame, share: float, seed: int) -> pd.DataFrame:
    """The same share of every class, at least one row of each: what is trained on."""
    sizes = share_out(rows["label"], share)
    parts = [part.sample(sizes[label], random_state=seed) for label, part in rows.groupby("label")]
    return pd.concat(parts)


def take_first(labels: pd.Series, most: int) -> pd.Series:
    """Whether each row is among ``most`` that teach: of each class the first ones, by its share.

    Of a rare class they are at least a few.
    """
    if len(labels) <= most:
        return pd.Series(True, index=labels.index)
    room = (labels.value_counts() * most / len(labels)).clip(lower=LEAST)
    return labels.groupby(labels).cumcount() < labels.map(room)


def is_uneven(counts: Iterable[int]) -> bool:
    """Whether so many rows of each class are too different for accuracy to tell of all classes."""
    rows = list(counts)
    return min(rows) * len(rows) < EVEN * sum(rows)
