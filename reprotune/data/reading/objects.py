"""From the lines of JSON to objects, one at a time; a line that is broken stops no other."""

import json
from collections.abc import Iterable, Iterator

from reprotune.core.io import parse_json
from reprotune.data.reading.bad_rows import Broken


def parse_objects(lines: Iterable[str]) -> Iterator[tuple[int, dict[str, object] | Broken]]:
    """The lines of JSONL that are not empty, each with its number."""
    for number, line in enumerate(lines, start=1):
        bare = line.rstrip("\r\n")
        if bare.strip():
            try:
                yield number, parse_object(bare)
            except ValueError as error:
                yield number, Broken(f"broken line: line {number}{error}", bare)


def parse_object(line: str) -> dict[str, object]:
    try:
        row = parse_json(line)
    except json.JSONDecodeError as error:
        raise ValueError(f", column {error.colno}: {error.msg}") from None
    except ValueError as error:
        raise ValueError(f" is {error}") from None
    if not isinstance(row, dict):
        raise ValueError(' is no object such as {"text": ..., "label": ...}')
    return row
