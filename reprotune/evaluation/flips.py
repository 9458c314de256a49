"""How often edits that keep a text's label change what the model says of it."""

import pandas as pd

from reprotune.evaluation.metrics import accuracy, wilson
from reprotune.tables.limits import Edits, Flips


def mark_flips(table: pd.DataFrame, edited: pd.DataFrame) -> pd.DataFrame:
    """The edited texts of rows of ``table`` with a column flipped."""
    known = edited[edited["id"].isin(table["id"])]
    before = table.drop_duplicates("id").set_index("id")["predicted"].reindex(known["id"])
    return known.assign(flipped=known["predicted"].to_numpy() != before.to_numpy())


def score_flips(table: pd.DataFrame, edited: pd.DataFrame, confidence: float) -> Edits | None:
    """What edits do to the predictions in ``table``; None if no text was edited."""
    marked = mark_flips(table, edited)
    if marked.empty:
        return None
    by_row = marked.groupby("id")["flipped"].mean()
    rate = float(by_row.mean())
    return Edits(
        rows=len(by_row),
        flipped=rate,
        interval=wilson(round(rate * len(by_row)), len(by_row), confidence),
        kinds={
            str(name): Flips(
                rows=len(rows),
                flipped=float(rows["flipped"].mean()),
                interval=wilson(int(rows["flipped"].sum()), len(rows), confidence),
                accuracy=accuracy(rows),
            )
            for name, rows in marked.groupby("edit", sort=False)
        },
    )
