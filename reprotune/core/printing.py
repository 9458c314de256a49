"""The one place that writes to a terminal: nothing from data, files or git can give it orders."""

import os
import re
import signal
import sys
from typing import IO, NoReturn

from reprotune.core import memory
from reprotune.core.errors import InputError
from reprotune.core.space import explain_anywhere, explain_denied, is_denied, is_full

OF_ONE = {"are": "is", "were": "was", "have": "has", "do": "does"}
INTERRUPTED = 128 + signal.SIGINT  # the exit code of what Ctrl-C ended

# C0 but tab and line feed, DEL, C1, and what turns the direction of letters; the marks in texts
# from right to left (U+061C, U+200E, U+200F) turn none.
ORDERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def plain(text: object) -> str:
    r"""A text whose control characters are spelled out, as JSON does: ``\u001b`` for escape."""
    return ORDERS.sub(lambda found: f"\\u{ord(found[0]):04x}", str(text))


def count_of(count: float, name: str, verb: str = "") -> str:
    """So many of something, in words, and what they do: 1 row, 2 classes, 1 row is, 2 rows are."""
    number = f"{count:g}" if isinstance(count, float) else f"{count}"
    end = "" if count == 1 else "es" if name.endswith("ss") else "s"
    return " ".join([number, name + end, *([agree(count, verb)] if verb else [])])


def agree(count: float, verb: str) -> str:
    """The verb, as it is said of so many."""
    return verb if count != 1 else OF_ONE.get(verb, f"{verb}s")


def say(text: object, file: IO[str] | None = None) -> None:
    """Print a text as a line, at once: what goes to a full disk fails here."""
    print(plain(text), file=file, flush=True)


def pour(text: str) -> None:
    """Print the text of a file: as it is, but on a terminal without orders."""
    sys.stdout.write(plain(text) if sys.stdout.isatty() else text)
    sys.stdout.flush()


def fail(message: object) -> NoReturn:
    """End the program with a message and exit code 1."""
    try:
        sys.stdout.flush()
    except OSError:  # the disk that it goes to is full: at its end Python would try once more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(plain(message))


def end(name: str, error: BaseException) -> NoReturn:
    """End with one message if somebody wants it, the input is wrong, or the machine cannot do it.

    The disk or the memory is full, or a path may not be written.

    All else is raised as it came.
    """
    if isinstance(error, KeyboardInterrupt):
        say(f"{name}: interrupted", sys.stderr)
        sys.exit(INTERRUPTED)
    if is_full(error):
        error = explain_anywhere(error)
    if is_denied(error):
        error = explain_denied(error)
    if memory.lacks_memory(error):
        error = memory.explain(error)
    if isinstance(error, InputError):
        fail(f"{name}: {error}")
    raise error
