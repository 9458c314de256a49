"""What the data stages would make of a table, without writing it."""

from collections.abc import Sequence

import pandas as pd

from reprotune.core.params import Curate, Roles
from reprotune.data.assignment import assign, group_ids, rank_by_hash
from reprotune.data.audit import find_repeated_texts
from reprotune.data.balance import balance
from reprotune.data.curation import apply_policy
from reprotune.data.duplicates import near_duplicate_groups
from reprotune.data.ids import add_ids


def group_rows(
    rows: pd.DataFrame, threshold: float, seed: int, units: str = "words"
) -> pd.DataFrame:
    """With id, group and rank as `download` and `roles` give them; rows have text and label."""
    rows = add_ids(rows)
    rows["group"] = group_ids(
        rows["id"], near_duplicate_groups(rows["text"], threshold, seed, units)
    )
    return rows.assign(rank=rank_by_hash(rows, seed))


def rehearse(
    rows: pd.DataFrame, roles: Roles, curate: Curate, classes: Sequence[str], seed: int
) -> dict[str, pd.DataFrame]:
    """The tables raw, curated, train, validation and test; rows are ``grouped`` and have split.

    Doubtful labels, which only the audit finds, stay.

    Raises:
        InputError: a class has too few rows, as the stages would say.
    """
    rows = rows.assign(role=assign(rows, roles, classes, seed))
    nothing = pd.Series(False, index=rows.index)
    plan = curate.model_copy(update={"doubtful": "keep"})
    left = apply_policy(rows, find_repeated_texts(rows), rows["id"][:0], nothing, plan)
    kept = rows[left.isna()]
    parts = {role: kept[kept["role"] == role] for role in ("train", "validation", "test")}
    parts["train"] = balance(parts["train"], classes, roles.train_per_class, "train")
    parts["test"] = balance(parts["test"], classes, None, "test")
    return {"raw": rows, "curated": kept, **parts}
