"""What several seeds say of several settings."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd


def summarize(results: pd.DataFrame, parameters: Sequence[str], select: str) -> pd.DataFrame:
    """One row for each setting, the best first: mean and spread over its seeds.

    ``results`` has the parameters, a column ``seed`` and the figures, ``select`` among them. The
    spread is the standard deviation over seeds. ``behind`` is how far a setting is from the best
    in ``select``; ``beyond_spread`` says whether that is more than the spread of such a difference.
    """
    figures = [c for c in results if c not in {*parameters, "seed", "trial"}]
    groups = results.groupby(list(parameters), sort=False, dropna=False)
    table = groups[figures].mean().add_suffix(" mean")
    spread = groups[figures].std().add_suffix(" spread")
    table = table.join(spread)[[f"{f} {kind}" for f in figures for kind in ("mean", "spread")]]
    table.insert(0, "seeds", groups.size())
    table = table.sort_values(f"{select} mean", ascending=False, kind="stable")
    means, spreads = table[f"{select} mean"], table[f"{select} spread"]
    table["behind"] = means.iloc[0] - means
    noise = np.hypot(spreads, spreads.iloc[0])
    known = (table["seeds"] > 1) & (table["seeds"].iloc[0] > 1)
    beyond = (table["behind"] > noise).astype("object")
    table["beyond_spread"] = beyond.where(known, "one seed")
    table.iloc[0, -1] = "best"
    return table.reset_index()


def show_setting(value: Any) -> str:
    """A value of a parameter, as a sweep has it: rates are small numbers."""
    if pd.isna(value):
        return "null"
    return f"{value:g}" if isinstance(value, float) else str(value)
