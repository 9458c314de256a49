"""People's decisions, then a policy; rows that leave are kept in quarantine."""

from pathlib import Path

import pandas as pd

from reprotune.core.errors import InputError
from reprotune.core.params import Curate
from reprotune.data.ids import normalize
from reprotune.tables import cells, schemas

COLUMNS = ["id", "action", "label", "reviewer", "note"]


def read_decisions(path: Path) -> pd.DataFrame:
    """The decisions file: CSV with the header ``id,action,label,reviewer,note``.

    Git merges two branches' rows by keeping both (``.gitattributes``): what says the same of a row
    counts once, as the first says it.

    Raises:
        InputError: two decisions on a row disagree, or the file is no such CSV.
    """
    try:
        table = pd.read_csv(
            path, dtype="str", encoding="utf-8", keep_default_na=False, na_values=[""]
        )
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; start one with {','.join(COLUMNS)}") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not readable as UTF-8 CSV: {error}") from None
    table = cells.change(table.astype("str").where(table.notna()), cells.unguard)  # of review.csv
    return settle(schemas.check(table, schemas.Decisions, path), path)


def settle(decisions: pd.DataFrame, where: Path) -> pd.DataFrame:
    """One decision a row, if those on a row agree."""
    said = decisions.assign(label=decisions["label"].where(decisions["action"] == "relabel"))
    different = said.drop_duplicates(["id", "action", "label"])
    disputed = different[different["id"].duplicated(keep=False)]
    if len(disputed):
        first = disputed.sort_values("id", kind="stable").head(schemas.SHOWN)
        told = [
            f"row {row + 2}: {' '.join([key, action, *([label] if action == 'relabel' else [])])}"
            + (f", by {reviewer}" if isinstance(reviewer, str) else "")
            for row, key, action, label, reviewer in zip(
                first.index.tolist(), *(first[name].tolist() for name in COLUMNS[:4]), strict=True
            )
        ]
        raise InputError(
            f"{where}: decisions on {disputed['id'].nunique()} rows disagree; keep one of each:\n  "
            + "\n  ".join(told)
        )
    return decisions[~decisions["id"].duplicated()].reset_index(drop=True)


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


def apply_policy(
    rows: pd.DataFrame,
    findings: pd.DataFrame,
    decided: pd.Series,
    removed: pd.Series,
    curate: Curate,
) -> pd.Series:
    """The issue for which a row leaves, by ``params.curate``; no decided row, no test row.

    ``rows`` has id, text and role; ``decided`` are the ids that people decided on, ``removed`` says
    which rows they removed. Of several issues the first of conflict, label, duplicate counts.
    """
    reason = pd.Series(None, index=rows.index, dtype="object")
    train = rows["role"] == "train"
    chosen = {
        "conflict": curate.conflicts == "quarantine",
        "label": curate.doubtful == "quarantine",
        "duplicate": curate.duplicates == "quarantine",
    }
    open_rows = ~rows["id"].isin(decided) & (rows["role"] != "test")
    for issue in (issue for issue, applies in chosen.items() if applies):
        asked = open_rows & reason.isna() & (train if issue == "label" else True)
        found = findings[(findings["issue"] == issue) & findings["id"].isin(rows.loc[asked, "id"])]
        ids = found.sort_values(["score", "id"])["id"]
        if issue == "label":
            ids = ids.head(int(curate.doubtful_share * train.sum()))
        reason[rows["id"].isin(ids)] = issue
    return reason.mask(find_last_copies(rows, reason, removed))


def find_last_copies(rows: pd.DataFrame, reason: pd.Series, removed: pd.Series) -> pd.Series:
    """Duplicates whose other copies all leave for another reason: the first of them stays."""
    text = rows["text"].map(normalize)
    stays = reason.isna() & ~removed
    lost = (reason == "duplicate") & ~stays.groupby(text).transform("any")
    return lost & ~text.where(lost).duplicated()
