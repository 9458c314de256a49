"""What messages call a file that was made of a person's own, and is gone when they are read."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reprotune.core.errors import InputError

MADE = r"/[^/\n:]*?(?:-(?P<part>train|validation|test)(?:-label)?|-label)\.jsonl"


def name_source(text: str, work: str, source: str) -> str:
    """The text with the source, and its part, in place of files in ``work``."""

    def name(made: re.Match[str]) -> str:
        return f"{source} ({made['part']})" if made["part"] else source

    return re.sub(re.escape(work) + MADE, name, text).replace(work, source)


@contextmanager
def naming_source(work: str, source: Path) -> Iterator[None]:
    """Name what a file was made of in messages about it."""
    try:
        yield
    except InputError as error:
        raise InputError(name_source(str(error), work, str(source))) from None
