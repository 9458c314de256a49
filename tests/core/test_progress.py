"""What takes long says how far it is: nothing at once, then a bar, or in a log a line."""

import io
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from time import sleep
from typing import Any

import pytest
from transformers import TrainerControl, TrainerState

from reprotune.core import progress
from reprotune.core.progress import show_progress
from reprotune.training.callbacks import Progress

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


def test_a_training_that_goes_on_counts_its_own_steps_and_shows_the_loss(said: Said) -> None:
    progress, control = Progress(), TrainerControl()
    state = TrainerState(global_step=2, max_steps=4)
    arguments: Any = None
    with closing(progress):
        progress.on_train_begin(arguments, state, control)
        progress.bar.start_t -= 60
        progress.on_log(arguments, state, control, {"loss": 0.51234})
        state.global_step = 3
        progress.on_step_end(arguments, state, control)
        progress.bar.refresh()
    assert said()[0] == "train: 75 % of 4 steps, 01:00 gone, about 01:00 left, loss=0.512"


def test_libraries_draw_no_bars_into_a_log_and_ours_are_shown() -> None:
    code = """if True:
        from reprotune.core.libraries import prepare_libraries
        prepare_libraries()
        from reprotune.core import progress
        from tqdm import tqdm
        progress.SOON = 0
        list(tqdm([1, 2], desc="theirs"))
        with progress.show_progress("ours", 1, "step") as bar:
            bar.update()
    """
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "theirs" not in ran.stderr and "ours: 100 %" in ran.stderr


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


def test_two_at_once_move_no_cursor_of_a_log(said: Said) -> None:
    with show_progress("other", 1, "step"):
        work(0.1)
    lines = said()
    assert {line.partition(":")[0] for line in lines} == {"other", "long"}


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
