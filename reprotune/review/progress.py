"""What reviewing has brought, what it may still bring, and how well reviewers agree."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import combinations, pairwise
from typing import NamedTuple

from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import cohen_kappa_score

from reprotune.data.decisions import NO_ANSWER, Entry, Opinions
from reprotune.review.queue import Marks, Queue, is_error

PAUSE = 120.0  # seconds after which a reviewer was away, and no longer at work
RECENT = 500  # entries that tell how fast it goes
LEAST = 10  # rows from which anything is estimated


class Agreement(NamedTuple):
    """Of two reviewers on the rows that both decided; kappa is None if there is one answer only."""

    reviewers: tuple[str, str]
    rows: int
    same: int
    kappa: float | None


def measure_rate(entries: Sequence[Entry], labels: dict[str, str]) -> float | None:
    """Wrong labels that a reviewer finds in an hour of work; None before that can be told."""
    dated = [entry for entry in entries[-RECENT:] if entry.date]
    dates = [datetime.fromisoformat(entry.date) for entry in dated]
    seconds = sum(min((after - before).total_seconds(), PAUSE) for before, after in pairwise(dates))
    if len(dated) < LEAST or seconds <= 0:
        return None
    found = sum(is_error(entry, labels[entry.id]) for entry in dated if entry.id in labels)
    return 3600 * found / seconds


def estimate_left(queue: Queue, marks: Marks) -> float | None:
    """At most about how many of the doubted labels that nobody has decided on are wrong.

    The share of wrong ones by the log-odds of the audit's score is learnt from the decided rows,
    which come first: held back so that no single answer moves it much, it falls rather too late.
    None before ten of these were right: nothing tells till then how soon the wrong ones end.
    """
    doubted, settled = queue.has["label"], marks.settled
    decided, undecided = doubted & settled, doubted & ~settled
    wrong = marks.wrong[decided]
    if not undecided.any():
        return 0.0
    if (~wrong).sum() < LEAST:
        return None
    if not wrong.any():
        return 0.0
    # the usual solver starts threads for two weights: 60 ms in place of 1
    curve = LogisticRegression(C=0.1, solver="newton-cholesky").fit(queue.odds[decided], wrong)
    return float(expit(curve.decision_function(queue.odds[undecided])).sum())


def compare_reviewers(opinions: Opinions, labels: dict[str, str]) -> list[Agreement]:
    """Every two reviewers with a row in common."""
    answers = {
        reviewer: dict(answer(entry, labels) for entry in entries if entry.action != NO_ANSWER)
        for reviewer, entries in sorted(opinions.of_reviewer.items())
    }
    return [
        compare_two((one, other), answers[one], answers[other], shared)
        for one, other in combinations(answers, 2)
        if (shared := sorted(answers[one].keys() & answers[other].keys()))
    ]


def answer(entry: Entry, labels: dict[str, str]) -> tuple[str, str]:
    """The row, and what became of it: a class, or that it left."""
    if entry.action == "quarantine":
        return entry.id, "\0left"
    return entry.id, entry.label if entry.action == "relabel" else labels.get(entry.id, "\0kept")


def compare_two(
    names: tuple[str, str], one: dict[str, str], other: dict[str, str], shared: Iterable[str]
) -> Agreement:
    said = [(one[row], other[row]) for row in shared]
    kinds = {answer for pair in said for answer in pair}
    kappa = float(cohen_kappa_score(*zip(*said, strict=True))) if len(kinds) > 1 else None
    return Agreement(names, len(said), sum(a == b for a, b in said), kappa)
