"""Prediction files: what each predictor said of each test row."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from reprotune.stage import whole_file

DECIMALS = 6


def table(rows: pd.DataFrame, probability: np.ndarray, classes: Sequence[str]) -> pd.DataFrame:
    """Columns id, text, label, predicted, then one probability for each class.

    ``rows`` has id, text and label; ``probability`` has shape (rows, classes).
    """
    probability = probability.round(DECIMALS)  # first: noise in the last bits decides nothing
    frame = rows[["id", "text", "label"]].reset_index(drop=True)
    frame["predicted"] = np.array(classes)[probability.argmax(axis=1)]
    return frame.join(pd.DataFrame(probability, columns=list(classes)))


def write(frame: pd.DataFrame, path: Path) -> None:
    with whole_file(path) as partial:
        frame.to_csv(partial, index=False, float_format=f"%.{DECIMALS}f")


def read(path: Path) -> pd.DataFrame:
    names = dict.fromkeys(("id", "text", "label", "predicted", "predictor"), "str")
    return pd.read_csv(path, dtype=names, keep_default_na=False)
