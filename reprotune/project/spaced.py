"""Tables as R's ``write.table`` makes them: quoted cells with a space between."""

import io
import re
from dataclasses import replace
from pathlib import Path

from reprotune.data.reading.formats import fill_columns
from reprotune.data.reading.kinds import DELIMITED
from reprotune.data.reading.parsing import Dialect, parse_rows
from reprotune.project.wanted import Wanted
from reprotune.project.written import decode, read_kind, write_frame

SPACED = Dialect(delimiter=" ", escape="\\")
HEADER = re.compile(r'"[^"]*"( "[^"]*")+\s*')
LONGEST = 10_000  # bytes of a header


def is_spaced(file: Path) -> bool:
    """Whether the first line is names in quotation marks with a space between."""
    first, _, _ = read_kind(file, DELIMITED, LONGEST).partition(b"\n")
    return HEADER.fullmatch(first.decode(errors="replace")) is not None


def freeze_spaced(wanted: Wanted, folder: Path) -> Wanted:
    """The same with a file of JSON; rows that are broken are counted there as bad."""
    (source,) = wanted.files
    lines = io.StringIO(decode(read_kind(source, DELIMITED)), newline="")
    frame, broken, _ = fill_columns(parse_rows(lines, SPACED), SPACED)
    path = folder / f"{source.stem}.jsonl"
    return replace(wanted, files=[write_frame(path, frame, broken.values())])
