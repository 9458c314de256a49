"""`reprotune shadow`: two versions on one unlabelled file, and who is right where they differ.

The disagreements become a queue of `reprotune review`, blind, since it is the answers of people
that tell which version to trust: where the versions agree, neither gains on the other.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from reprotune.core import paths
from reprotune.core.printing import count_of
from reprotune.data.decisions import read_answers
from reprotune.data.ids import digest
from reprotune.production.history import read_history, require_artifact
from reprotune.production.keeping import keep
from reprotune.project import predict
from reprotune.tables import cells

NO_CLASS = "no class fits"  # an answer, too
SURE = "sure"  # how columns of probabilities begin


class Shadow(NamedTuple):
    """What two versions say of the same texts; ``table`` has a row for each that they differ on."""

    old: str
    new: str
    rows: int
    texts: int  # without repetitions
    table: pd.DataFrame

    @property
    def differing(self) -> int:
        """Rows of the file, repeated ones counted as often."""
        return int(self.table["rows"].sum())

    def as_json(self) -> dict[str, object]:
        pairs = self.table.groupby(["old", "new"])["rows"].sum().sort_values(ascending=False)
        return {
            "old": self.old,
            "new": self.new,
            "rows": self.rows,
            "texts": self.texts,
            "differing": self.differing,
            "changes": pairs.reset_index().to_numpy().tolist(),
            **self.count_answers(),
        }

    def count_answers(self) -> dict[str, Any]:
        """Of the disagreements that people answered, which version is right, and by a sign test."""
        answered = self.table[self.table["answer"] != ""]
        old = int((answered["answer"] == answered["old"]).sum())
        new = int((answered["answer"] == answered["new"]).sum())
        p = float(binomtest(new, old + new).pvalue) if old + new else None
        neither = len(answered) - old - new
        return {"old_right": old, "new_right": new, "neither": neither, "p_value": p}

    @property
    def sentence(self) -> str:
        told = (
            f"{self.old} and {self.new} differ on {self.differing} of {count_of(self.rows, 'row')} "
            f"({self.differing / self.rows:.1%})"
        )
        found = self.count_answers()
        if found["p_value"] is None:
            return told
        answered = found["old_right"] + found["new_right"] + found["neither"]
        return (
            f"{told}\nof {count_of(answered, 'text')} that people answered, {self.new} is right on "
            f"{found['new_right']}, {self.old} on {found['old_right']}, neither on "
            f"{found['neither']} (sign test: p {found['p_value']:.3g})"
        )


def compare(
    old: str, new: str, texts: Sequence[str], batch_size: int, key: Path | None = None
) -> Shadow:
    """Ask two versions (or folders of exported models) about the same texts.

    Raises:
        InputError: one of them is not to be had.
    """
    model, path = require_artifact()
    history = read_history(model)
    folders = [keep(history, name, path) for name in (old, new)]
    counts = Counter(texts)
    asked = list(counts)
    tables = [ask(folder, asked, batch_size, key) for folder in folders]
    classes = list(dict.fromkeys([*tables[0].columns, *tables[1].columns]))
    one, other = (table.reindex(columns=classes, fill_value=0.0) for table in tables)
    found = pd.DataFrame(
        {
            "id": [digest("shadow", text) for text in asked],
            "text": asked,
            "rows": list(counts.values()),
            "old": one.idxmax(axis=1),
            "new": other.idxmax(axis=1),
            f"{SURE}_old": one.max(axis=1),
            f"{SURE}_new": other.max(axis=1),
            "distance": (one - other).abs().sum(axis=1) / 2,  # total variation: 0 to 1
        }
    )
    differing = found[found["old"] != found["new"]]
    ranked = differing.sort_values(["distance", "id"], ascending=[False, True], ignore_index=True)
    return Shadow(
        old, new, len(texts), len(asked), ranked.assign(answer=find_answers(ranked, [*one, *other]))
    )


def ask(folder: Path, texts: Sequence[str], batch_size: int, key: Path | None) -> pd.DataFrame:
    """The probability of each class; shape (texts, classes)."""
    classifier = predict.load(folder, key)
    shares = classifier.predict_proba(texts, batch_size)
    return pd.DataFrame(np.asarray(shares), columns=classifier.classes)


def find_answers(table: pd.DataFrame, classes: Sequence[str]) -> list[str]:
    """What people said of each text so far; empty where nobody did, or they are not of one mind."""
    file = paths.SHADOW_ANSWERS
    said = read_answers(file, classes) if file.is_file() else {}
    return [(said[row] or NO_CLASS) if row in said else "" for row in table["id"]]


def save(found: Shadow, guarded: bool) -> None:
    """Write the disagreements, the widest first, for a person and for `reprotune review`."""
    cells.write(found.table, paths.SHADOW, guarded, float_format="%.4f")
