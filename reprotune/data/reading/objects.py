"""From the lines of JSON to objects, one at a time; a line that is broken stops no other."""

import json
import re
from collections.abc import Iterable, Iterator

from reprotune.data.reading.bad_rows import Broken

DECODER = json.JSONDecoder()
VALUE = re.compile(r"[^ \t\r\n]")  # where the next begins


def parse_objects(lines: Iterable[str]) -> Iterator[tuple[int, dict[str, object] | Broken]]:
    """The objects of JSONL, each with the number of its line, which may hold several or none."""
    for number, line in enumerate(lines, start=1):
        bare = line.rstrip("\r\n")
        if not bare.strip():
            continue
        try:
            rows = parse_line(bare)
        except ValueError as error:
            yield number, Broken(f"broken line: line {number}{error}", bare)
        else:
            yield from ((number, row) for row in rows)


def parse_line(line: str) -> list[dict[str, object]]:
    """The objects of a line: queues that hand on what they got put no break between (``{}{}``).

    Raises:
        ValueError: it holds anything else; then none of them is taken.
    """
    rows: list[dict[str, object]] = []
    found = VALUE.search(line)
    while found:
        try:
            row, end = DECODER.raw_decode(line, found.start())
        except json.JSONDecodeError as error:
            raise ValueError(f", column {error.colno}: {error.msg}") from None
        except RecursionError:
            raise ValueError(" is nested too deep") from None
        except ValueError as error:  # a number of thousands of digits
            raise ValueError(f" is not readable: {error}") from None
        if not isinstance(row, dict):
            raise ValueError(' is no object such as {"text": ..., "label": ...}')
        rows.append(row)
        found = VALUE.search(line, end)
    return rows
