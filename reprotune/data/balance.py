"""Parts of a data set with the same number of rows for every class."""

from collections.abc import Sequence

import pandas as pd

from reprotune.core.errors import InputError
from reprotune.core.printing import count_of


def balance(
    rows: pd.DataFrame, classes: Sequence[str], per_class: int | None, part: str
) -> pd.DataFrame:
    """The ``per_class`` lowest-ranked rows of each class, in the order of their ids.

    None keeps all. ``rows`` has label and rank.

    Raises:
        InputError: a class has fewer rows; says which and how many.
    """
    counts = rows["label"].value_counts().reindex(list(classes), fill_value=0)
    short = counts[counts < (per_class or 1)]
    if len(short):
        raise InputError(
            f"split: {part} needs {count_of(per_class or 1, 'row')} of each class after curation, "
            f"but there are {short.to_dict()}; lower roles.{part}_per_class, keep more in curate "
            "or add rows"
        )
    if per_class is not None:
        rows = rows.sort_values(["rank", "id"]).groupby("label").head(per_class)
    return rows.sort_values("id")


def tell_unused(spare: pd.Series) -> str:
    """How many rows are in no part, by the labels of these rows; empty if there are none."""
    counts = ", ".join(f"{name} {count}" for name, count in spare.value_counts().items())
    return f"{count_of(len(spare), 'row')} in no part ({counts})" if counts else ""
