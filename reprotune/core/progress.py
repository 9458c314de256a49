"""How far a long work is, on standard error: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from time import time
from typing import NoReturn, TextIO

from tqdm import tqdm

SOON = 2.0  # seconds; what takes less says nothing
OFTEN, RARELY = 1.0, 30.0  # seconds between two states on a terminal, and in a log
MANY = 10_000  # which are shown as 10.0k
LINE = (
    "{desc}: {percentage:.0f} % of {total_fmt} {unit}s, "
    "{elapsed} gone, about {remaining} left{postfix}"
)


class Lines:
    """A log in which each state is a line: nothing is drawn over."""

    def __init__(self, file: TextIO) -> None:
        self.file = file

    def write(self, text: str) -> None:
        if said := text.strip():
            self.file.write(f"{said}\n")

    def flush(self) -> None:
        self.file.flush()


@contextmanager
def show_progress(title: str, total: float, unit: str) -> Iterator[tqdm[NoReturn]]:
    """A bar of how much of ``total`` is done and how long the rest takes, at the rate until now.

    The time goes on while one step takes long. Without a title nothing is shown.
    """
    if not title:
        yield tqdm(disable=True)
        return
    ended, drawn = Event(), sys.stderr.isatty()
    bar = tqdm(
        desc=title,
        total=total,
        unit=unit,
        unit_scale=total >= MANY,
        smoothing=0,
        delay=SOON,
        mininterval=OFTEN if drawn else RARELY,
        miniters=0,
        disable=False,  # whatever `prepare_libraries` says of others
        dynamic_ncols=drawn,
        position=None if drawn else 0,  # else several at once would move the cursor of a log
        bar_format=None if drawn else LINE,
        file=sys.stderr if drawn else Lines(sys.stderr),
    )
    clock = Thread(target=refresh, args=(bar, ended, OFTEN if drawn else RARELY), daemon=True)
    clock.start()
    try:
        yield bar
    finally:
        ended.set()
        clock.join()
        bar.close()


def refresh(bar: tqdm[NoReturn], ended: Event, pause: float) -> None:
    """Show the state anew, though nothing more may be done; until it ended."""
    wait = SOON
    while not ended.wait(wait):
        bar.refresh()
        bar.last_print_t = time()  # so that its end is shown, too
        wait = pause
