"""Which row comes next: the audit's findings in their order, then all other rows."""

from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from typing import NamedTuple
from zlib import crc32

import numpy as np
import pandas as pd
from scipy.special import logit

from reprotune.data.decisions import NO_ANSWER, Entry, Opinions
from reprotune.data.ids import order_sample

RANK = ("conflict", "label", "near_duplicate", "duplicate", "")  # as `audit` ranks its queue
DOUBTED = ("conflict", "label")  # what the queue holds if nothing else is asked for
KEPT = 32  # filters whose rows are remembered

Arrange = Callable[[pd.DataFrame], np.ndarray]  # places of rows, in another order


class Filter(NamedTuple):
    """Which rows are asked for; empty is all but for ``issue``, where it is what is doubted."""

    show: str = "open"
    issue: str = ""
    label: str = ""
    reviewer: str = ""
    text: str = ""


class Row(NamedTuple):
    """A row of the queue; ``issue`` is the gravest, and empty for a row without a finding."""

    place: int
    id: str
    text: str
    label: str
    role: str
    issue: str
    score: float
    suggested: str
    reason: str


class Queue:
    """Rows by rank: the first of them is the one that a person should look at first."""

    def __init__(
        self, rows: pd.DataFrame, findings: pd.DataFrame, arrange: Arrange | None = None
    ) -> None:
        """``rows`` has id, text, label and role; ``findings`` id, issue, score and suggested.

        The audit's have reasons, too. ``arrange`` says in which order else the ranked rows come.
        """
        found = findings.assign(
            rank=findings["issue"].map(RANK.index).astype(int), reason=findings.get("reason", "")
        )
        gravest = found.sort_values(["rank", "score", "id"]).drop_duplicates("id")
        table = rows[["id", "text", "label", "role"]].merge(gravest, on="id", how="left")
        gaps = {"rank": len(RANK), "issue": "", "score": 1.0, "suggested": "", "reason": ""}
        table = table.fillna(gaps)
        judged = findings[findings["issue"] == "label"].set_index("id")["suggested"]
        missing = table["suggested"] == ""
        table.loc[missing, "suggested"] = (
            table.loc[missing, "id"].map(judged).astype(object).fillna("")
        )
        table = table.sort_values(["rank", "score", "id"], ignore_index=True)
        if arrange:
            table = table.iloc[arrange(table)].reset_index(drop=True)
        self.table = table
        self.columns = [table[name].tolist() for name in Row._fields[1:]]
        self.texts = table["text"].tolist()
        self.small = table["text"].str.casefold().tolist()
        self.labels = table["label"].to_numpy(dtype=object)
        self.place = {row: place for place, row in enumerate(table["id"])}
        self.has = {
            issue: table["id"].isin(findings.loc[findings["issue"] == issue, "id"]).to_numpy()
            for issue in RANK[:-1]
        }
        self.select = lru_cache(KEPT)(self._select)
        self.is_blind = False  # whether the labels are hidden

    @classmethod
    def of_sample(cls, rows: pd.DataFrame, count: int) -> "Queue":
        """So many rows in an order that chance decides, and nobody again; all of them are asked."""
        drawn = order_sample(rows["id"])[:count]
        return cls.of_ranked(rows.set_index("id").loc[drawn].reset_index())

    @classmethod
    def of_ranked(cls, rows: pd.DataFrame) -> "Queue":
        """These rows in their order, without their labels; all of them are asked."""
        score = np.arange(len(rows)) / max(len(rows), 1)
        asked = {"id": rows["id"], "issue": "label", "score": score, "suggested": ""}
        queue = cls(rows.assign(role="test"), pd.DataFrame(asked))
        queue.is_blind = True
        return queue

    def __len__(self) -> int:
        return len(self.texts)

    def row(self, place: int) -> Row:
        return Row(place, *(values[place] for values in self.columns))

    @cached_property
    def odds(self) -> np.ndarray:
        """The log-odds of the audit's scores, shape (rows, 1)."""
        odds: np.ndarray = logit(np.clip(self.table["score"].to_numpy(float), 1e-3, 1 - 1e-3))
        return odds[:, None]

    def _select(self, issue: str, label: str, text: str) -> np.ndarray:
        """Whether each row has the issue, the label and the words."""
        if issue == "any":
            chosen = np.ones(len(self), dtype=bool)
        else:
            chosen = np.any([self.has[one] for one in ([issue] if issue else DOUBTED)], axis=0)
        if label and not self.is_blind:
            chosen &= self.labels == label
        if text:
            wanted = text.casefold()
            for place in np.flatnonzero(chosen):
                chosen[place] = wanted in self.small[place]
        return chosen


class Marks:
    """What people have said of each row of a queue, as far as the order of rows needs it."""

    def __init__(self, queue: Queue, reviewer: str, classes: list[str]) -> None:
        self.queue, self.reviewer, self.classes = queue, reviewer, set(classes)
        self.all = np.zeros((7, len(queue)), dtype=bool)
        self.mine, self.others, self.hesitant, self.unsure, self.disputed, *more = self.all
        self.outdated, self.wrong = more
        self.skipped = np.zeros(len(queue), dtype=bool)
        self.strangers: set[str] = set()

    def follow(self, opinions: Opinions) -> None:
        """Begin again with these opinions; what was skipped stays so."""
        self.all[:] = False
        self.strangers.clear()
        for row in opinions.of_row:
            self.update(opinions, row)

    def update(self, opinions: Opinions, row: str) -> None:
        """Take what stands about one row."""
        said = opinions.gather(row)
        place = self.queue.place.get(row)
        if place is None:
            if said:
                self.strangers.add(row)
            return
        answers = [entry for entry in said if entry.action != NO_ANSWER]
        self.mine[place] = any(entry.reviewer == self.reviewer for entry in answers)
        self.others[place] = any(entry.reviewer != self.reviewer for entry in answers)
        doubters = {entry.reviewer for entry in said if entry.action == NO_ANSWER}
        self.hesitant[place], self.unsure[place] = self.reviewer in doubters, bool(doubters)
        settled = opinions.settle(row)
        self.disputed[place] = len(settled) > 1
        self.wrong[place] = any(is_error(one, self.queue.labels[place]) for one in settled[:1])
        self.outdated[place] = any(
            entry.action == "relabel" and entry.label not in self.classes for entry in answers
        )

    @property
    def settled(self) -> np.ndarray:
        """Whether each row needs nothing more from the reviewer."""
        settled: np.ndarray = self.mine | (self.others & ~self.disputed)
        return settled

    def wait(self, show: str) -> np.ndarray:
        """Whether each row is one of these for the reviewer."""
        decided = self.mine | self.others
        answered = self.mine | self.hesitant
        return {
            "open": ~answered & (~self.others | self.disputed) & ~self.skipped,
            "second": self.others & ~answered & ~self.skipped,
            "disputed": self.disputed,
            "unsure": self.unsure & ~decided,
            "outdated": self.outdated,
            "decided": decided,
        }[show]


def is_error(entry: Entry, label: str) -> bool:
    """Whether a decision says that the row's label was wrong."""
    return entry.action == "quarantine" or (entry.action == "relabel" and entry.label != label)


def choose(queue: Queue, marks: Marks, opinions: Opinions, asked: Filter) -> np.ndarray:
    """The places of the rows that a filter asks for, in the order of the queue.

    Disputed rows that wait for a third come first, whether the audit doubts them or not.
    """
    chosen = queue.select(asked.issue, asked.label, asked.text)
    if asked.show != "open":
        everywhere = queue.select(asked.issue or "any", asked.label, asked.text)
        chosen = everywhere & marks.wait(asked.show)
    else:
        disputed = marks.disputed & ~marks.mine
        chosen = (chosen | disputed) & marks.wait("open")
    if asked.reviewer:
        theirs = np.zeros(len(queue), dtype=bool)
        said = opinions.of_reviewer.get(asked.reviewer, [])
        theirs[[queue.place[entry.id] for entry in said if entry.id in queue.place]] = True
        chosen = chosen & theirs
    places = np.flatnonzero(chosen)
    if asked.show != "open":
        return places
    first = marks.disputed[places]
    return np.concatenate([places[first], places[~first]])


def take_turn(queue: Queue, marks: Marks, places: np.ndarray, names: Sequence[str]) -> int:
    """The first open row; of several people at work each has others, as long as there are.

    Who would answer the row that another has before him would do so with every row after it.
    """
    if len(names) == 1 or marks.disputed[places[0]]:
        return int(places[0])
    ids, turn = queue.table["id"], names.index(marks.reviewer)
    mine = (place for place in places if crc32(str(ids.iat[place]).encode()) % len(names) == turn)
    return int(next(mine, places[0]))
