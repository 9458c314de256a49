"""People's decisions, then a policy; rows that leave are kept in quarantine."""

import sys
from pathlib import Path

import pandas as pd

from reprotune.core.errors import InputError
from reprotune.core.params import Curate
from reprotune.core.printing import count_of, say
from reprotune.data.decisions import HEADER
from reprotune.data.ids import normalize
from reprotune.tables import schemas


def decide(
    rows: pd.DataFrame, decisions: pd.DataFrame, classes: list[str], where: Path
) -> tuple[pd.DataFrame, pd.Series]:
    """Relabelled rows, and the reason to quarantine a row where a person gave one.

    Decisions on rows that have left the data are kept and said; if no row is known, none is meant.
    """
    strangers = sorted(set(decisions["id"]) - set(rows["id"]))
    if strangers:
        told = f"{where}: no example has the ids {strangers[:5]}"
        if len(strangers) == len(decisions):
            raise InputError(
                f"{told}; these decisions are on other data: bring its rows back, or leave of the "
                f"file its first line, {HEADER}"
            )
        say(
            f"warning: {told} ({count_of(len(strangers), 'decision', 'wait')} for such rows)",
            sys.stderr,
        )
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

    ``rows`` has id, text, role and label, as people gave it; ``decided`` are the ids that they
    decided on, ``removed`` says which rows they removed. Of several issues the first of conflict,
    label, duplicate counts. A conflict that is settled, for one label is left, is a duplicate.
    """
    text = rows["text"].map(normalize)
    settled = rows.loc[rows["label"].mask(removed).groupby(text).transform("nunique") < 2, "id"]
    over = (findings["issue"] == "conflict") & findings["id"].isin(settled)
    findings = findings.assign(issue=findings["issue"].mask(over, "duplicate"))
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
    return reason.mask(find_last_copies(text, reason, removed))


def find_last_copies(text: pd.Series, reason: pd.Series, removed: pd.Series) -> pd.Series:
    """Duplicates whose other copies all leave for another reason: the first of them stays."""
    stays = reason.isna() & ~removed
    lost = (reason == "duplicate") & ~stays.groupby(text).transform("any")
    return lost & ~text.where(lost).duplicated()
