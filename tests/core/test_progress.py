"""What takes long says how far it is: nothing at once, then a bar, or in a log a line."""

import io
import re
import sys
from collections.abc import Callable
from time import sleep

import pytest

from reprotune.core import progress
from reprotune.core.progress import show_progress

Said = Callable[[], list[str]]
STATE = re.compile(r"long: (\d+) % of 4 steps, (\d\d):(\d\d) gone, about (\?|\d\d:\d\d) left")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Said:
    """The lines of standard error, and clocks that run fast."""
    monkeypatch.setattr(progress, "SOON", 0.1)
    monkeypatch.setattr(progress, "OFTEN", 0.1)
    monkeypatch.setattr(progress, "RARELY", 0.3)

    def read() -> list[str]:
        return capsys.readouterr().err.splitlines()

    return read


def work(seconds: float, title: str = "long") -> None:
    with show_progress(title, 4, "step") as bar:
        for _ in range(4):
            sleep(seconds)
            bar.update()


def test_a_log_has_a_line_now_and_then_while_nothing_is_done_and_at_the_end(
    said: Said,
) -> None:
    work(0.2)
    lines = said()
    shares = [int(found[1]) for line in lines if (found := STATE.fullmatch(line))]
    assert len(shares) == len(lines) and 3 <= len(lines) <= 5, lines
    assert shares == sorted(shares) and (shares[0], shares[-1]) == (0, 100)


def test_the_time_left_is_that_of_the_rate_until_now(said: Said) -> None:
    with show_progress("long", 4, "step") as bar:
        bar.start_t -= 60
        bar.update(3)
        bar.refresh()
    assert said()[0] == "long: 75 % of 4 steps, 01:00 gone, about 00:20 left"


def test_what_is_short_and_what_has_no_title_says_nothing(said: Said) -> None:
    work(0.0)
    work(0.1, title="")
    assert said() == []


def test_a_terminal_has_one_bar_that_is_drawn_over(
    said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    work(0.1)
    drawn = terminal.getvalue()
    assert drawn.count("\n") == 1 and drawn.count("\r") >= 3 and "100%" in drawn
