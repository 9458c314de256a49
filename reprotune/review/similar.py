"""What the rows beside a row say of it."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from reprotune.review.queue import Row

ALIKE = 0.5  # from which a similar row may take the same answer


class Similar(NamedTuple):
    row: Row
    similarity: float
    is_open: bool
    said: str

    @property
    def is_alike(self) -> bool:
        """Whether it takes the same answer if one is given for the similar rows, too."""
        return self.is_open and self.similarity >= ALIKE


def explain(row: Row, similar: Sequence[Similar]) -> str:
    """Why a row is in the queue, for someone who does not program."""
    same = [one for one in similar if one.similarity > 0.999]
    other = Counter(one.row.label for one in same if one.row.label != row.label)
    likely = f"{100 * row.score:.0f} %" if row.score >= 0.01 else "less than 1 %"
    told = {
        "conflict": "The same text has other labels elsewhere",
        "label": f"To a model that has not seen this row, {row.label} is {likely} likely; it would "
        f"say {row.suggested}",
        "near_duplicate": "Nearly the same text is there again",
        "duplicate": "The same text with the same label is there before",
        "": "Nothing speaks against its label",
    }[row.issue]
    if row.issue == "conflict" and other:
        told += ": " + ", ".join(f"{label} ({count})" for label, count in other.most_common())
    if row.reason:
        return f"{told}. {row.reason}"
    if similar:
        counts = Counter(one.row.label for one in similar).most_common()
        told += ". The most similar rows: " + ", ".join(f"{n} {label}" for label, n in counts)
    return f"{told}."
