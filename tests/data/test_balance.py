"""Balanced parts have exact counts or say what is missing."""

import pandas as pd
import pytest

from reprotune.core.errors import InputError
from reprotune.data.balance import balance

ROWS = pd.DataFrame(
    {"id": list("gfedcba"), "label": list("xxxyyyy"), "rank": [2, 0, 1, 3, 1, 0, 2]}
)


@pytest.mark.parametrize(("per_class", "ids"), [(1, "bf"), (2, "bcef"), (3, "abcefg")])
def test_the_lowest_ranked_rows_of_each_class_are_taken(per_class: int, ids: str) -> None:
    assert "".join(balance(ROWS, ["x", "y"], per_class, "train")["id"]) == ids


def test_none_keeps_all_and_the_order_of_rows_does_not_matter() -> None:
    assert len(balance(ROWS, ["x", "y"], None, "test")) == len(ROWS)
    assert balance(ROWS[::-1], ["x", "y"], 2, "a").equals(balance(ROWS, ["x", "y"], 2, "a"))


@pytest.mark.parametrize(
    ("per_class", "classes", "said"),
    [
        (4, ["x", "y"], r"needs 4 rows .*\{'x': 3\}"),
        (None, ["x", "y", "z"], r"needs 1 row .*\{'z': 0\}"),
    ],
)
def test_a_class_with_too_few_rows_is_an_error_that_names_the_parameter(
    per_class: int | None, classes: list[str], said: str
) -> None:
    with pytest.raises(InputError, match=rf"train {said}; lower roles\.train_per_class"):
        balance(ROWS, classes, per_class, "train")
