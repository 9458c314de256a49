"""Sets of classes that hold the label as often as promised."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from reprotune.evaluation import calibration
from reprotune.evaluation.metrics import wilson
from reprotune.tables.limits import Sets


def find_sets(
    table: pd.DataFrame,
    held: pd.DataFrame,
    classes: Sequence[str],
    promised: float,
    confidence: float,
) -> Sets | None:
    """Sets for the rows of ``table``, cut on the held-out ones; None if these are too few.

    A class is in the set if it is as probable as the labels of the promised share of the held-out
    rows (and of one row more) are at least. No assumption on the model, but that both are draws of
    one kind.
    """
    probability, labels = calibration.arrays(held, classes)
    rank = math.ceil((len(labels) + 1) * promised)
    if rank > len(labels):
        return None
    least = np.sort(probability[np.arange(len(labels)), labels])[len(labels) - rank]
    probability, labels = calibration.arrays(table, classes)
    rows = np.arange(len(labels))
    inside = probability >= least
    inside[rows, probability.argmax(axis=1)] = True
    hits = int(inside[rows, labels].sum())
    return Sets(
        promised=promised,
        least=float(least),
        coverage=hits / len(rows),
        interval=wilson(hits, len(rows), confidence),
        classes=float(inside.sum(axis=1).mean()),
    )
