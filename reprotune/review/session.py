"""One reviewer at work: what is asked next, what was answered, and what is said about it."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from reprotune.core.errors import InputError
from reprotune.core.printing import count_of, plain
from reprotune.data.decisions import NO_ANSWER, UNDO, Entry
from reprotune.review.log import DecisionFile
from reprotune.review.neighbours import Neighbours
from reprotune.review.progress import Agreement, compare_reviewers, estimate_left, measure_rate
from reprotune.review.queue import Filter, Marks, Queue, Row, choose, take_turn
from reprotune.review.similar import Similar, explain
from reprotune.review.sources import Sources
from reprotune.review.wording import AUDIT, Wording, complete, put_first

LONGEST = 2_000  # characters of a note or a name: readers of CSV refuse long cells
SIMILAR = 8  # rows beside the one that is asked about
LABEL, TYPED, SKIP = "label:", "typed:", "skip"  # answers of the page that are no actions
KEYS = "1234567890" + "abcehijlopqrtvwxyz"  # of the classes; the other letters are commands


class Figures(NamedTuple):
    """What the page tells of the work."""

    decided: int
    wrong: int
    total: int
    rate: float | None
    left: float | None


@dataclass
class View:
    """Everything that a page shows."""

    asked: Filter
    message: str
    row: Row | None = None
    number: int = 0
    waiting: int = 0
    seen: str = ""
    said: str = ""
    opinions: list[str] = field(default_factory=list)
    reason: str = ""
    similar: list[Similar] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)


class Form(NamedTuple):
    """What a page hands in."""

    id: str
    answer: str
    seen: str
    note: str
    similar: tuple[str, ...]


class Session:
    """All that a reviewer does, one step after another, whatever pages are open."""

    def __init__(
        self,
        queue: Queue,
        file: DecisionFile,
        reviewer: str,
        classes: Sequence[str],
        sources: Sequence[Path] = (),
        wording: Wording = AUDIT,
    ) -> None:
        self.queue, self.file, self.is_blind = queue, file, queue.is_blind
        self.reviewer, self.wording = tidy(reviewer), wording
        self.classes = list(classes)
        self.keys = dict(zip(self.classes, KEYS, strict=False))
        self.marks = Marks(queue, self.reviewer, self.classes)
        self.neighbours = None if self.is_blind else Neighbours(queue.texts)
        self.label_of = dict(zip(queue.table["id"], queue.labels, strict=True))
        self.sources = Sources(sources, classes)
        self.message, self.version = "", -1
        self.skipped = ""  # the row, if the last thing done was to skip it
        self.lock = threading.RLock()
        self.follow()

    def follow(self) -> None:
        """Take up what others have written to the file."""
        self.file.refresh()
        if self.version != self.file.version:
            self.reviewer = self.marks.reviewer = self.file.opinions.spell(self.reviewer)
            self.marks.follow(self.file.opinions)
            self.version = self.file.version

    def say(self, message: str) -> None:
        """What the next page tells."""
        self.message = message

    def view(self, asked: Filter, wanted: str = "", after: str = "") -> View:
        """The row that is asked for, or the next of a filter: after another one, if it is named."""
        with self.lock:
            self.follow()
            message, self.message = self.message, ""
            places = choose(self.queue, self.marks, self.file.opinions, asked)
            shown = View(asked, message, waiting=len(places))
            place = self.queue.place.get(wanted)
            if place is None and len(places):
                if asked.show == "open":
                    names = sorted({*self.file.list_at_work(), self.reviewer})
                    place = take_turn(self.queue, self.marks, places, names)
                else:
                    last = self.queue.place.get(after, -1)
                    later = np.searchsorted(places, last, side="right")
                    place = int(places[later % len(places)])
            if place is not None:
                self.fill(shown, self.queue.row(place), places)
            return shown

    def fill(self, shown: View, row: Row, places: np.ndarray) -> None:
        """Put a row and what is known of it on a page."""
        opinions = self.file.opinions
        mine = opinions.find(row.id, self.reviewer)
        shown.row = row
        shown.number = int(np.flatnonzero(places == row.place)[0]) + 1 if row.place in places else 0
        shown.seen = mine.date if mine else ""
        shown.said = self.tell(mine) if mine else ""
        others = [entry for entry in opinions.gather(row.id) if entry.reviewer != self.reviewer]
        if self.marks.disputed[row.place] and not self.is_blind:
            shown.opinions = [f"{entry.reviewer or '?'}: {self.tell(entry)}" for entry in others]
        if self.neighbours:
            found = self.neighbours.find(row.place, SIMILAR)
            shown.similar = [self.describe(place, value) for place, value in found]
            shown.reason = explain(row, shown.similar)
        likely = [row.label, row.suggested, *(one.row.label for one in shown.similar)]
        is_long = len(self.classes) > len(self.keys) and not self.is_blind
        shown.classes = put_first(likely, self.classes) if is_long else self.classes

    def describe(self, place: int, similarity: float) -> Similar:
        row = self.queue.row(place)
        mine = self.file.opinions.find(row.id, self.reviewer)
        return Similar(row, similarity, self.is_open(place), self.tell(mine) if mine else "")

    def tell(self, entry: Entry) -> str:
        """What an entry says, in words."""
        told = {
            "keep": "its label is right",
            "relabel": f"it is {entry.label}",
            "quarantine": "no class fits" if self.is_blind else "drop it",
            NO_ANSWER: "unsure",
        }[entry.action]
        return f"{told} ({entry.note})" if entry.note else told

    def decide(self, form: Form) -> str:
        """Write an answer down; returns the row that is to be shown again, or nothing.

        Raises:
            InputError: it could not be written; or it is no answer.
        """
        with self.lock:
            self.follow()
            if form.id not in self.queue.place:
                raise InputError("this row is not in the data that the review was started with")
            if form.answer == SKIP:
                self.marks.skipped[self.queue.place[form.id]] = True
                self.skipped = form.id
                self.say("Skipped: undo brings it back, or the next start of the review.")
                return ""
            entry = self.write(form.id, form.answer, form.note)
            before = self.file.opinions.find(form.id, self.reviewer)
            if before and before.date != form.seen:
                if before.opinion == entry.opinion:
                    self.say("That was written already.")
                    return ""
                self.say(
                    f"Not written: another page said “{self.tell(before)}” of this row since this "
                    "one was shown. Answer again to change it."
                )
                return form.id
            more = [
                self.write(row, form.answer, form.note)
                for row in dict.fromkeys(form.similar)
                if (at := self.queue.place.get(row)) is not None
                and self.is_open(at)
                and row != form.id
            ]
            self.put([entry, *more])
            self.skipped = ""
            if entry.action == "keep" and form.answer != "keep":  # similar rows take the class
                entry = entry._replace(action="relabel", label=self.label_of[form.id])
            also = f", for {count_of(len(more), 'similar row')} too" if more else ""
            self.say(f"Written: {self.tell(entry)}{also}.")
            return ""

    def is_open(self, place: int) -> bool:
        """Whether nobody has decided on a row, and the reviewer is not unsure of it."""
        of = self.marks
        return not (of.mine[place] or of.others[place] or of.hesitant[place])

    def write(self, row: str, answer: str, note: str) -> Entry:
        """The entry that an answer comes down to; a class that the row has already keeps it."""
        if answer.startswith(TYPED):
            answer = LABEL + complete(answer.removeprefix(TYPED), self.classes)
        action, label = answer, ""
        if answer.startswith(LABEL):
            label = answer.removeprefix(LABEL)
            if label not in self.classes:
                raise InputError(f"no class is called {label!r}; reload the page")
            kept = label == self.label_of[row] and not self.is_blind
            action, label = ("keep", "") if kept else ("relabel", label)
        elif action not in ("keep", "quarantine", NO_ANSWER) or (
            self.is_blind and action == "keep"
        ):
            raise InputError("no answer was chosen; nothing was written")
        return Entry(row, action, label, self.reviewer, tidy(note), "")

    def put(self, entries: Sequence[Entry]) -> None:
        """Write entries, all with one date, and mark their rows."""
        date = self.file.next_date(self.reviewer)
        self.take([entry._replace(date=date) for entry in entries])

    def take(self, entries: Sequence[Entry]) -> None:
        """Write entries as they are, and mark their rows."""
        self.file.append(entries)
        for entry in entries:
            self.marks.update(self.file.opinions, entry.id)
        self.follow()  # another may have written at the same time

    def undo(self) -> str:
        """Take back what the reviewer said last; returns its row, or nothing if there is none."""
        with self.lock:
            self.follow()
            if skipped := self.skipped:
                self.skipped = ""
                self.marks.skipped[self.queue.place[skipped]] = False
                self.say("Not skipped any more.")
                return skipped
            said = self.file.opinions.of_reviewer.get(self.reviewer, [])
            if not said:
                self.say("Nothing is left to undo.")
                return ""
            last = said[-1]
            together = [one for one in said if one.date == last.date] if last.date else [last]
            self.put([one._replace(action=UNDO, label="", note="") for one in reversed(together)])
            more = count_of(len(together) - 1, "similar row")
            also = f" and {more}" if len(together) > 1 else ""
            self.say(f"Taken back: “{self.tell(together[0])}” on this row{also}.")
            return together[0].id

    def figures(self) -> Figures:
        """What the work has brought."""
        with self.lock:
            doubted = self.queue.select("any" if self.is_blind else "", "", "")
            mine = self.file.opinions.of_reviewer.get(self.reviewer, [])
            return Figures(
                int((doubted & self.marks.settled).sum()),
                int((doubted & self.marks.settled & self.marks.wrong).sum()),
                int(doubted.sum()),
                None if self.is_blind else measure_rate(mine, self.label_of),
                None if self.is_blind else estimate_left(self.queue, self.marks),
            )

    def agreements(self) -> list[Agreement]:
        with self.lock:
            return compare_reviewers(self.file.opinions, self.label_of)


def tidy(text: str) -> str:
    """A text that fits into one line of the file, without control characters."""
    return plain(" ".join(text.split()))[:LONGEST]
