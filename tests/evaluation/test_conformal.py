"""Sets of classes hold the label as often as promised, and are no larger than they need be."""

import numpy as np
import pandas as pd
import pytest

from reprotune.evaluation.conformal import find_sets

CLASSES = ["a", "b", "c"]


def draw(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    """Rows whose labels are drawn from the probabilities that are said."""
    shares = rng.dirichlet([0.4, 0.4, 0.4], rows)
    luck = rng.random((rows, 1))
    labels = np.array(CLASSES)[(luck > shares.cumsum(axis=1)[:, :2]).sum(axis=1)]
    return pd.DataFrame(shares, columns=CLASSES).assign(label=labels)


@pytest.mark.parametrize(("rows", "promised"), [(100, 0.8), (100, 0.95), (400, 0.9)])
def test_sets_hold_the_label_as_often_as_promised(rows: int, promised: float) -> None:
    rng = np.random.default_rng(1)
    found = [
        find_sets(draw(rng, 500), draw(rng, rows), CLASSES, promised, 0.95) for _ in range(100)
    ]
    assert promised <= np.mean([one.coverage for one in found if one]) <= promised + 0.05
    assert all(one and 1 <= one.classes < 3 for one in found)


def test_the_likeliest_class_is_always_in_the_set() -> None:
    sure = pd.DataFrame([[0.9, 0.05, 0.05]] * 50, columns=CLASSES).assign(label="a")
    unsure = pd.DataFrame([[0.4, 0.3, 0.3]] * 50, columns=CLASSES).assign(label="a")
    found = find_sets(unsure, sure, CLASSES, 0.9, 0.95)
    assert found and (found.least, found.classes, found.coverage) == (0.9, 1, 1)


@pytest.mark.parametrize("rows", [0, 1, 8])
def test_too_few_rows_cut_no_sets(rows: int) -> None:
    table = draw(np.random.default_rng(1), 8)
    assert find_sets(table, table[:rows], CLASSES, 0.9, 0.95) is None
