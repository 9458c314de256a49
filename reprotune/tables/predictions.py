"""Prediction files: what each predictor said of each test row."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from reprotune.core.errors import InputError
from reprotune.tables import cells

DECIMALS = 6


def table(rows: pd.DataFrame, probability: np.ndarray, classes: Sequence[str]) -> pd.DataFrame:
    """Columns id, text, label, predicted, then one probability for each class.

    ``rows`` has id, text and label; ``probability`` has shape (rows, classes), each row the sum 1.
    """
    assert np.allclose(probability.sum(axis=1), 1, atol=1e-3)
    probability = probability.round(DECIMALS)  # first: noise in the last bits decides nothing
    frame = rows[["id", "text", "label"]].reset_index(drop=True)
    frame["predicted"] = np.array(classes)[probability.argmax(axis=1)]
    return frame.join(pd.DataFrame(probability, columns=list(classes)))


def write(frame: pd.DataFrame, path: Path, guarded: bool = True) -> None:
    cells.write(frame, path, guarded, float_format=f"%.{DECIMALS}f")


def read(path: Path) -> pd.DataFrame:
    names = dict.fromkeys(("id", "text", "label", "predicted", "predictor", "part", "edit"), "str")
    return cells.read(path, dtype=names)


def list_certainties(table: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Columns certainty, the probability of each prediction, and right."""
    return pd.DataFrame(
        {
            "certainty": table[list(classes)].to_numpy(dtype=float).max(axis=1),
            "right": (table["predicted"] == table["label"]).to_numpy(),
        }
    )


def is_right(table: pd.DataFrame, same_rows_as: pd.DataFrame) -> np.ndarray:
    """Whether a predictor is right, row by row; shape (rows,).

    Raises:
        InputError: the predictor to compare it with predicted other examples.
    """
    if list(table["id"]) != list(same_rows_as["id"]):
        raise InputError("the predictions to compare are of other examples; run dvc repro")
    return np.asarray(table["predicted"].to_numpy() == table["label"].to_numpy())
