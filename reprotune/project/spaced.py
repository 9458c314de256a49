"""Tables as R's ``write.table`` makes them: quoted cells with a space between."""

import io
import re
from dataclasses import replace
from pathlib import Path

from reprotune.core.errors import InputError
from reprotune.data.reading.formats import fill_columns
from reprotune.data.reading.kinds import DELIMITED, tell_kind
from reprotune.data.reading.parsing import Dialect, parse_rows
from reprotune.project.wanted import Wanted
from reprotune.project.written import decode, write_frame

SPACED = Dialect(delimiter=" ", escape="\\")
HEADER = re.compile(r'"[^"]*"( "[^"]*")+\s*')
LONGEST = 10_000  # bytes of a header


def is_spaced(file: Path) -> bool:
    """Whether the first line is names in quotation marks with a space between."""
    try:
        if tell_kind(file.name)[0] not in DELIMITED or not file.is_file():
            return False
    except InputError:
        return False
    with file.open("rb") as opened:
        return HEADER.fullmatch(opened.readline(LONGEST).decode(errors="replace")) is not None


def freeze_spaced(wanted: Wanted, folder: Path) -> Wanted:
    """The same with a file of JSON; rows that are broken are counted there as bad."""
    (source,) = wanted.files
    lines = io.StringIO(decode(source.read_bytes()), newline="")
    frame, broken, _ = fill_columns(parse_rows(lines, SPACED), SPACED)
    path = folder / f"{source.stem}.jsonl"
    return replace(wanted, files=[write_frame(path, frame, broken.values())])
