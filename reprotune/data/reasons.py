"""Why a row deserves a look, in a sentence: what the rows most like it say."""

from collections import Counter
from collections.abc import Iterator
from difflib import SequenceMatcher

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

NEAREST = 10  # rows that are asked
AT_ONCE = 64  # rows whose likeness to all others is in memory
SPELT = "none one two three four five six seven eight nine ten".split()
FEW, ENOUGH = 3, 4  # words that another row may have in place of others, and words that both share


def give_reasons(
    rows: pd.DataFrame, listed: pd.Series, columns: csr_matrix | np.ndarray
) -> pd.Series:
    """A sentence for each listed id, by its nearest rows in ``columns`` of shape (rows, columns).

    ``rows`` has id, text and label.
    """
    places = pd.Index(rows["id"]).get_indexer(listed)
    texts, labels = rows["text"].to_numpy(), rows["label"].to_numpy()
    told = [
        tell(texts[place], labels[place], texts[near], labels[near])
        for place, near in zip(places, find_nearest(columns, places), strict=True)
    ]
    return pd.Series(told, index=listed.to_numpy(), dtype="str")


def find_nearest(columns: csr_matrix | np.ndarray, places: np.ndarray) -> Iterator[np.ndarray]:
    """The places of the rows whose cosine to each of these is highest, and above zero."""
    squares = columns.multiply(columns) if isinstance(columns, csr_matrix) else columns**2
    length = np.sqrt(np.asarray(squares.sum(axis=1)).ravel()).clip(1e-12)
    for start in range(0, len(places), AT_ONCE):
        some = places[start : start + AT_ONCE]
        likeness = columns[some] @ columns.T
        likeness = (likeness.toarray() if isinstance(likeness, csr_matrix) else likeness) / length
        likeness[np.arange(len(some)), some] = 0
        for one in likeness.round(6):
            least = np.partition(one, -NEAREST)[-NEAREST:].min() if len(one) > NEAREST else 0
            near = np.flatnonzero((one >= least) & (one > 0))
            yield near[np.argsort(-one[near], kind="stable")][:NEAREST]


def tell(text: str, label: str, texts: np.ndarray, labels: np.ndarray) -> str:
    """What the nearest rows say, the most frequent label first, and what sets one of them apart."""
    if not len(labels):
        return "No other row is like it."
    (first, many), *more = Counter(labels).most_common()
    rows = "row says" if len(labels) == 1 else "rows say"
    told = f"{SPELT[many].capitalize()} of its {SPELT[len(labels)]} nearest {rows} {first}"
    told += "".join(f", {SPELT[count]} {name}" for name, count in more)
    for other, name in zip(texts, labels, strict=True):
        if name != label and (difference := tell_difference(text, other)):
            return f"{told}; {difference} says {name}."
    return f"{told}."


def tell_difference(text: str, other: str) -> str:
    """What the other text has in place of a few words of this one; empty if that is not all."""
    mine, theirs = text.split(), other.split()
    steps = SequenceMatcher(None, mine, theirs, autojunk=False).get_opcodes()
    parts = [step for step in steps if step[0] != "equal"]
    if not parts:
        return "the same text"
    _, start, end, begun, ended = parts[0]
    if len(parts) > 1 or max(end - start, ended - begun) > FEW or len(mine) - end + start < ENOUGH:
        return ""
    removed, added = " ".join(mine[start:end]), " ".join(theirs[begun:ended])
    if not added:
        return f"the same text without “{removed}”"
    return f"the same text with “{added}”" + (f" for “{removed}”" if removed else "")
