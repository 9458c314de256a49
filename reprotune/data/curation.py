"""People's decisions, then a policy; rows that leave are kept in quarantine."""

from pathlib import Path

import pandas as pd

from reprotune.data import schemas
from reprotune.params import Curate, InputError

COLUMNS = ["id", "action", "label", "reviewer", "note"]


def read_decisions(path: Path) -> pd.DataFrame:
    """The decisions file: CSV with the header ``id,action,label,reviewer,note``."""
    try:
        table = pd.read_csv(
            path, dtype="str", encoding="utf-8", keep_default_na=False, na_values=[""]
        )
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; start one with {','.join(COLUMNS)}") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not readable as UTF-8 CSV: {error}") from None
    return schemas.check(table.astype("str").where(table.notna()), schemas.Decisions, path)


def decide(
    rows: pd.DataFrame, decisions: pd.DataFrame, classes: list[str], where: Path
) -> tuple[pd.DataFrame, pd.Series]:
    """Relabelled rows, and the reason to quarantine a row where a person gave one."""
    strangers = sorted(set(decisions["id"]) - set(rows["id"]))
    if strangers:
        raise InputError(f"{where}: no example has the ids {strangers[:5]}; remove these decisions")
    relabel = decisions[decisions["action"] == "relabel"]
    empty = relabel.loc[relabel["label"].isna(), "id"]
    if len(empty):
        raise InputError(f"{where}: relabel without a label: {list(empty)}; allowed are {classes}")
    schemas.check_labels(relabel["label"], classes, where)
    labels, chosen = rows["label"].copy(), rows["id"].isin(relabel["id"])
    labels[chosen] = rows.loc[chosen, "id"].map(relabel.set_index("id")["label"])
    out = decisions.loc[decisions["action"] == "quarantine", "id"]
    reason = pd.Series("decision", index=rows.index).where(rows["id"].isin(out))
    return rows.assign(label=labels), reason


def policy(
    rows: pd.DataFrame, findings: pd.DataFrame, decided: pd.Series, curate: Curate
) -> pd.Series:
    """The issue for which a row leaves, by ``params.curate``; no decided row, no test row.

    ``rows`` has id and role. A row with several issues leaves for the first of conflict,
    duplicate and label.
    """
    reason = pd.Series(None, index=rows.index, dtype="object")
    train = rows["role"] == "train"
    limit = int(curate.doubtful_share * train.sum())
    chosen = {
        "label": curate.doubtful == "quarantine",
        "duplicate": curate.duplicates == "quarantine",
        "conflict": curate.conflicts == "quarantine",
    }
    open_rows = ~rows["id"].isin(decided) & (rows["role"] != "test")
    for issue in (issue for issue, applies in chosen.items() if applies):
        asked = rows.loc[open_rows & train if issue == "label" else open_rows, "id"]
        found = findings[(findings["issue"] == issue) & findings["id"].isin(asked)]
        found = found.sort_values(["score", "id"])
        ids = found["id"].head(limit) if issue == "label" else found["id"]
        reason[rows["id"].isin(ids)] = issue
    return reason
