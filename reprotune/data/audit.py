"""Labels, duplicates and conflicts that deserve a look."""

import numpy as np
import pandas as pd
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores

from reprotune.data.ids import normalize


def find_doubtful_labels(
    rows: pd.DataFrame, codes: np.ndarray, probability: np.ndarray, classes: list[str]
) -> pd.DataFrame:
    """Rows whose label the judge doubts, by cleanlab (Northcutt et al. 2021, confident learning).

    Columns id, issue, score in [0, 1] (low is doubtful) and suggested. Test rows and the others are
    judged apart, so that no test label decides on a training row. ``rows`` has id and role.
    """
    doubted = np.zeros(len(rows), dtype=bool)
    for part in (rows["role"] == "test", rows["role"] != "test"):
        chosen = part.to_numpy()
        if len(np.unique(codes[chosen])) > 1:
            doubted[chosen] = find_label_issues(
                codes[chosen], probability[chosen], filter_by="prune_by_noise_rate", n_jobs=1
            )
    score = get_label_quality_scores(codes, probability)
    suggested = np.array(classes)[probability.argmax(axis=1)]
    table = pd.DataFrame(
        {"id": rows["id"], "issue": "label", "score": score, "suggested": suggested}
    )
    return table.loc[doubted]


def find_repeated_texts(rows: pd.DataFrame) -> pd.DataFrame:
    """Equal texts: duplicates (all but the first) and conflicts; near-duplicates by group.

    ``rows`` has id, text, label and group. Texts are equal if their words are.
    """
    text = rows["text"].map(normalize)
    labels = rows.groupby(text)["label"].transform("nunique")
    near = rows.groupby("group")["id"].transform("size") > 1
    kinds = {
        "conflict": labels > 1,
        "duplicate": text.duplicated() & (labels == 1),
        "near_duplicate": near & ~text.duplicated(keep=False),
    }
    parts = [
        pd.DataFrame({"id": rows.loc[mask, "id"], "issue": kind, "score": 0.0, "suggested": ""})
        for kind, mask in kinds.items()
    ]
    return pd.concat(parts, ignore_index=True)


def queue_for_review(rows: pd.DataFrame, findings: pd.DataFrame, length: int) -> pd.DataFrame:
    """What a person should look at first: conflicts, then labels from the most doubtful on.

    Columns id, issue, score, label, suggested, text; conflicts come first.
    """
    asked = findings[findings["issue"].isin(["conflict", "label"])]
    queue = asked.merge(rows[["id", "text", "label"]], on="id")
    queue = queue.sort_values(["issue", "score", "id"]).head(length)
    return queue[["id", "issue", "score", "label", "suggested", "text"]].round({"score": 6})
