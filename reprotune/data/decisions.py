"""The decisions file: what people said of rows, line after line, and what of it stands.

Nothing in it is ever taken out: who changes his mind says so in a further line, and ``undo`` takes
back the line before it. So two branches' lines, which git puts together in any order, mean what
they meant apart.
"""

import csv
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from textwrap import shorten
from typing import NamedTuple

import pandas as pd

from reprotune.core.errors import InputError
from reprotune.core.printing import count_of
from reprotune.tables import cells, schemas

COLUMNS = ["id", "action", "label", "reviewer", "note", "date"]
HEADER = ",".join(COLUMNS)
OPTIONAL = "date"  # which older files lack
NO_ANSWER = "unsure"
UNDO = "undo"
LAST_YEAR = 9998  # so that there is a moment after every date
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", re.ASCII)
CONFLICT = re.compile(r"(<{7}|\|{7}|={7}|>{7})( .*)?$")  # between which git leaves both sides
OF_A_SPREADSHEET = re.compile(r"(?![0-9a-f]{16}$)(\d+([.,]\d+)?E\+?\d+|\d{1,15})", re.IGNORECASE)


class Entry(NamedTuple):
    """One line of the file; ``date`` is in UTC, and empty in lines that were written by hand."""

    id: str
    action: str
    label: str
    reviewer: str
    note: str
    date: str
    row: int = 0  # of the file, from 2 on

    @property
    def opinion(self) -> tuple[str, str]:
        """What is said of the row: two entries agree if this is equal."""
        return self.action, self.label if self.action == "relabel" else ""


class Opinions:
    """What every reviewer says of every row: the last that was not undone.

    Lines of one reviewer without a date have no order: if they differ, they all stand. A line that
    is there twice, as git may leave it, was said once. Ann and ann are one reviewer: nobody has two
    votes, or disagrees with himself, for another spelling of his name.
    """

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.of_row: dict[str, dict[str, list[Entry]]] = {}  # id: reviewer: entries
        self.of_reviewer: dict[str, list[Entry]] = {}
        self.spelt: dict[str, str] = {}  # a reviewer's name as it was written first
        once: dict[Entry, Entry] = {}
        for entry in entries:
            once.setdefault(entry._replace(row=0), entry)
        for entry in sorted(once.values(), key=lambda one: one.date):
            self.add(entry)

    def add(self, entry: Entry) -> None:
        """One entry more, later than all before it."""
        name = self.spelt.setdefault(fold(entry.reviewer), entry.reviewer)
        entry = entry._replace(reviewer=name)
        said = self.of_row.setdefault(entry.id, {}).setdefault(entry.reviewer, [])
        mine = self.of_reviewer.setdefault(entry.reviewer, [])
        if entry.action != UNDO:
            said.append(entry)
            mine.append(entry)
        elif said:
            mine.remove(said.pop())

    def spell(self, reviewer: str) -> str:
        """A reviewer's name as it is known here."""
        return self.spelt.get(fold(reviewer), reviewer)

    def find(self, row: str, reviewer: str) -> Entry | None:
        """What a reviewer says of a row, if anything."""
        said = self.of_row.get(row, {}).get(self.spell(reviewer))
        return said[-1] if said else None

    def gather(self, row: str) -> list[Entry]:
        """What stands about a row, of all reviewers, answers or not."""
        return [
            entry
            for said in self.of_row.get(row, {}).values()
            for entry in (said[-1:] if said and said[-1].date else said)
        ]

    def settle(self, row: str) -> list[Entry]:
        """The entries that count: those that agree, or those of the most reviewers.

        If several opinions have equally many reviewers, one entry of each: a dispute.
        """
        answers = [entry for entry in self.gather(row) if entry.action != NO_ANSWER]
        if len({entry.opinion for entry in answers}) < 2:
            return answers[:1]
        voters = Counter(opinion for opinion, _ in {(e.opinion, e.reviewer) for e in answers})
        most = max(voters.values())
        first = {entry.opinion: entry for entry in reversed(answers)}
        return [entry for opinion, entry in first.items() if voters[opinion] == most]


def fold(name: str) -> str:
    """A name that is the same for every way to write it: case, spaces, composed letters."""
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())


def read_log(path: Path) -> list[Entry]:
    """Every line of the decisions file: CSV with the header ``id,action,label,reviewer,note,date``.

    Read as spreadsheets and git leave it: with ``;`` or tabs between the cells, empty cells at the
    end of a line, lines without the last cells, the header once more further down, and the marks
    of a conflict.

    Raises:
        InputError: it is no such file, or a line of it cannot be meant so.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; start one with {HEADER}") from None
    except OSError as error:
        raise InputError(f"{path}: not readable: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: not readable as UTF-8 CSV: {error}; in Excel, save it as 'CSV UTF-8'"
        ) from None
    table = tabulate(text, path)
    table.index += 2  # as a spreadsheet counts
    for row, name in list_cells(table, "id"):
        if OF_A_SPREADSHEET.fullmatch(name):
            raise InputError(
                f"{path}: row {row}: a spreadsheet has made the number {name} of an id; write "
                f"its 16 digits, or take the file back: git checkout {path}"
            )
    dates = {row: read_date(text) for row, text in list_cells(table, OPTIONAL)}
    if wrong := [row for row, date in dates.items() if not date]:
        raise InputError(
            f"{path}: row {wrong[0]}{tell_more(wrong)}: {table[OPTIONAL][wrong[0]]!r} is no date "
            "as 2026-01-31T12:00:00.000Z (in UTC, up to the year 9998), which spreadsheets "
            f"rewrite; write it so, leave it empty, or take the file back: git checkout {path}"
        )
    table[OPTIONAL] = pd.Series(dates, index=table.index, dtype="str")
    checked = schemas.check(table, schemas.Decisions, path)
    filled = cells.change(checked, cells.unguard).fillna("")  # notes and labels of review.csv
    rows = filled.to_numpy().tolist()
    return [
        Entry._make([*said, row]) for row, said in zip(filled.index.tolist(), rows, strict=True)
    ]


def list_cells(table: pd.DataFrame, name: str) -> list[tuple[int, str]]:
    """Row and text of every cell of a column that holds something, if there is this column."""
    column = table.get(name, pd.Series(dtype="str")).dropna()
    return list(zip(column.index.tolist(), column.tolist(), strict=True))


def tell_more(rows: Sequence[int]) -> str:
    return f" and {len(rows) - 1} more" if len(rows) > 1 else ""


def read_date(text: str) -> str:
    """A date of the file as the page writes it, so that it sorts as it is written; empty if none.

    What else is meant by a spreadsheet's date, or in which zone, nobody can tell.
    """
    try:
        date = datetime.fromisoformat(text) if MOMENT.fullmatch(text) else None
    except ValueError:  # as it looks, but of no calendar
        return ""
    return write_date(date) if date and date.year <= LAST_YEAR else ""


def write_date(moment: datetime) -> str:
    """A moment of any zone as the file has it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def tabulate(text: str, path: Path) -> pd.DataFrame:
    """The cells of a text below the names of its columns; the index counts the lines below it."""
    header = next((line for line in text.splitlines() if not CONFLICT.fullmatch(line)), "")
    delimiter = next((mark for mark in ";\t" if mark in header and "," not in header), ",")
    names, columns = list[str](), list[str]()
    table: dict[int, list[str]] = {}
    try:
        for number, row in enumerate(
            csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        ):
            if row and CONFLICT.match(row[0]):
                continue  # both sides' lines count, as where git merges by union
            if row[:2] == COLUMNS[:2] or (not names and any(row)):
                names = trim(row)
                columns = columns or order(names)
            elif any(row):
                said = pair(names, trim(row), number + 1)
                table[number - 1] = [said.get(name, "") for name in columns]
    except (csv.Error, ValueError) as error:
        raise InputError(f"{path}: not readable as UTF-8 CSV: {error}") from None
    if not names:
        raise InputError(f"{path}: not readable as UTF-8 CSV: it is empty")
    rows = list(table.values())
    found = pd.DataFrame(rows, index=list(table), columns=columns, dtype="str")
    return found.where(found != "")


def order(names: Sequence[str]) -> list[str]:
    """The columns in their usual order, whatever that of the header is."""
    found = [*names, OPTIONAL] if OPTIONAL not in names else [*names]
    if twice := [name for name, times in Counter(found).items() if times > 1]:
        raise ValueError(f"its header names {', '.join(map(repr, twice))} more than once")
    if set(found) != set(COLUMNS):
        raise ValueError(f"its first row is {shorten(','.join(names), 100)!r}, not {HEADER!r}")
    return COLUMNS


def trim(row: Sequence[str]) -> list[str]:
    """The cells up to the last that holds something."""
    last = max((place for place, cell in enumerate(row) if cell), default=-1)
    return list(row[: last + 1])


def pair(names: Sequence[str], row: Sequence[str], line: int) -> dict[str, str]:
    if len(row) > len(names):
        raise ValueError(
            f"line {line} has {count_of(len(row), 'cell')} below {count_of(len(names), 'name')} of "
            "columns"
        )
    return dict(zip(names, row, strict=False))


def read_decisions(path: Path) -> pd.DataFrame:
    """What counts of the decisions file, one line a row: id, action, label, reviewer, note, date.

    Of a reviewer's lines on a row the last counts; of several reviewers what most of them say, as
    the first of them says it.

    Raises:
        InputError: reviewers disagree, none of them in the majority; or the file is no such CSV.
    """
    log = read_log(path)
    opinions = Opinions(log)
    settled = [opinions.settle(row) for row in dict.fromkeys(entry.id for entry in log)]
    if disputes := [entries for entries in settled if len(entries) > 1]:
        shown = [entry for entries in disputes for entry in entries][: schemas.SHOWN]
        raise InputError(
            f"{path}: decisions on {count_of(len(disputes), 'row')} disagree; let a third reviewer "
            "decide (reprotune review shows them first), or keep one of each:\n  "
            + "\n  ".join(map(tell, shown))
        )
    rows = [entries[0][: len(COLUMNS)] for entries in settled if entries]
    table = pd.DataFrame(rows, columns=COLUMNS, dtype="str")
    return table.where(table != "")


def read_answers(path: Path, classes: Sequence[str]) -> dict[str, str]:
    """The true label of each row of a blind sample, empty where no class fits.

    Rows of which somebody was unsure, or reviewers disagree, have none.

    Raises:
        InputError: an answer keeps a label that was hidden, or names none of the classes; or the
            file is no decisions file.
    """
    log = read_log(path)
    opinions = Opinions(log)
    settled = [opinions.settle(row) for row in dict.fromkeys(entry.id for entry in log)]
    answers = [entries[0] for entries in settled if len(entries) == 1]
    for entry in answers:
        if entry.action == "keep" or (entry.action == "relabel" and entry.label not in classes):
            raise InputError(
                f"{path}: {tell(entry)}: the label was hidden, so an answer is relabel with one of "
                f"{list(classes)}, quarantine where none fits, or unsure"
            )
    return {entry.id: entry.label for entry in answers}


def tell(entry: Entry) -> str:
    """An entry for people."""
    said = " ".join([f"row {entry.row}: {entry.id}", *filter(None, entry.opinion)])
    return said + (f", by {entry.reviewer}" if entry.reviewer else "")
