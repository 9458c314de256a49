"""The decisions file as the page writes it: a line is on the disk before anything else happens."""

import csv
import fcntl
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import IO

from reprotune.core.errors import InputError
from reprotune.core.io import whole_file
from reprotune.core.space import telling
from reprotune.data.decisions import COLUMNS, Entry, Opinions, read_date, read_log, write_date
from reprotune.tables import cells

AT_WORK = timedelta(minutes=10)  # after an answer
HEADER = (",".join(COLUMNS) + "\n").encode()


class DecisionFile:
    """Opinions that are in a file, others' too: it is read again as soon as it is another."""

    def __init__(self, path: Path, guarded: bool = True) -> None:
        self.path, self.guarded = path, guarded
        self.opinions, self.seen, self.version = Opinions(), (0, 0, 0), 0
        self.latest: dict[str, str] = {}  # date of each reviewer
        with saying(path):
            if not path.exists():
                with whole_file(path) as file:
                    file.write_bytes(HEADER)
        self.refresh()

    def refresh(self) -> None:
        """Read the file if somebody else has written it.

        Raises:
            InputError: it is no decisions file any more, or gone.
        """
        try:
            now = identify(self.path.stat())
        except FileNotFoundError:
            now = None
        if now != self.seen:
            log = read_log(self.path)
            self.opinions = Opinions(log)
            for entry in log:
                self.note(entry)
            self.seen, self.version = now or self.seen, self.version + 1

    def append(self, entries: Sequence[Entry]) -> None:
        """Have further lines on the disk: all of them, or none.

        Raises:
            InputError: it cannot be written (a full disk), or it is no decisions file any more.
        """
        with saying(self.path), telling(self.path), self.locked() as file:
            end = file.seek(0, os.SEEK_END)
            try:
                write(file, write_lines(entries, self.guarded))
                os.fsync(file.fileno())
            except BaseException:
                file.truncate(end)
                raise
            self.seen = identify(os.fstat(file.fileno()))
        for entry in entries:
            self.opinions.add(entry)
            self.note(entry)

    @contextmanager
    def locked(self) -> Iterator[IO[bytes]]:
        """The file as `append` writes it, which nobody else does meanwhile."""
        while True:
            self.refresh()
            with self.path.open("rb+", buffering=0) as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                if identify(os.fstat(file.fileno())) != self.seen:
                    continue  # another was quicker
                if file.readline() == HEADER and ends_with_line(file):
                    yield file
                    return
                self.rewrite()

    def rewrite(self) -> None:
        """Write what a spreadsheet or an older version left in the form that is appended to."""
        log = read_log(self.path)
        with whole_file(self.path) as file:
            file.write_bytes(HEADER + write_lines(log, self.guarded))

    def note(self, entry: Entry) -> None:
        name = self.opinions.spell(entry.reviewer)
        self.latest[name] = max(self.latest.get(name, ""), entry.date)

    def list_at_work(self) -> list[str]:
        """Who has written a line just now."""
        since = write_date(datetime.now(UTC) - AT_WORK)
        return [self.opinions.spell(one) for one, date in self.latest.items() if date >= since]

    def next_date(self, reviewer: str) -> str:
        """Now, or just after the last line of a reviewer, if the clock was set back.

        Others' clocks may be ahead: their lines may be of a later date.

        Raises:
            InputError: there is no later date that the file may have.
        """
        date, reviewer = write_date(datetime.now(UTC)), self.opinions.spell(reviewer)
        last = self.latest.get(reviewer, "")
        if date <= last:
            date = write_date(datetime.fromisoformat(last) + timedelta(milliseconds=1))
        if not read_date(date):
            raise InputError(f"{self.path}: a line is dated {last}; write when it was said")
        self.latest[reviewer] = date
        return date


@contextmanager
def saying(path: Path) -> Iterator[None]:
    """Say in one message what the system refuses: a folder that nobody may write to."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None


def identify(stat: os.stat_result) -> tuple[int, int, int]:
    """What changes when a file is written or replaced."""
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def ends_with_line(file: IO[bytes]) -> bool:
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"


def write(file: IO[bytes], raw: bytes) -> None:
    """Write every byte: a nearly full disk takes only some of them at once."""
    while raw:
        raw = raw[file.write(raw) :]


def write_lines(entries: Iterable[Entry], guarded: bool) -> bytes:
    """Entries as lines of CSV."""
    text = io.StringIO(newline="")
    rows = [[cells.guard(cell, guarded) for cell in entry[: len(COLUMNS)]] for entry in entries]
    quoting = cells.choose_quoting(chain.from_iterable(rows))
    csv.writer(text, lineterminator="\n", quoting=quoting).writerows(rows)
    return text.getvalue().encode()
