"""Texts that are made of several columns: a template such as ``{title}: {description}``."""

import ast
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress

import numpy as np

from reprotune.core.io import parse_json
from reprotune.core.params.fields import FIELD, list_fields
from reprotune.data.reading.bad_rows import find_fault
from reprotune.data.reading.cleaning import clean

EMPTY = "empty text"  # as find_fault calls it


def take_text(column: str, cells: Mapping[str, object]) -> object:
    """The cell of the text in a row, or what a template makes of several."""
    fields = list_fields(column)
    if fields and column not in cells:
        return fill(column, [find_cell(name, cells) for name in fields])
    return find_cell(column, cells)


def lacks_part(column: str, cells: Mapping[str, object]) -> bool:
    """Whether a template says the text of a row, and only some of its columns have anything."""
    fields = [] if column in cells else list_fields(column)
    return is_partial([find_cell(name, cells) for name in fields])


def is_partial(parts: Sequence[object]) -> bool:
    empty = [find_fault(part, "text") == EMPTY for part in parts]
    return any(empty) and not all(empty)


def find_cell(name: str, cells: Mapping[str, object]) -> object:
    """A cell or, by ``review.body``, the field ``body`` of the object in ``review``."""
    head, *fields = name.split(".")
    return cells[name] if name in cells else descend(cells.get(head), fields)


def descend(value: object, fields: Sequence[str]) -> object:
    for field in fields:
        value = as_object(value).get(field)
    return value


def as_object(value: object) -> Mapping[str, object]:
    """The fields of an object of JSON, which may be written out in a cell; of others none.

    Those of a list are its places, from 0 on and, from its end, from -1 on.
    """
    if isinstance(value, str) and value.lstrip().startswith(("{", "[")):
        value = read_object(value)
    if isinstance(value, list | np.ndarray):
        return {str(place): value[place] for place in range(-len(value), len(value))}
    return value if isinstance(value, Mapping) else {}


def read_object(cell: str) -> object:
    """What JSON, or Python's own way to write it, says in a cell; None if it is neither."""
    for read in (parse_json, ast.literal_eval):
        with suppress(ValueError, SyntaxError, MemoryError, RecursionError):
            return read(cell)
    return None


def fill(template: str, cells: Sequence[object]) -> object:
    """The text that a template makes of the cells of its columns; None if all are empty.

    An empty cell leaves out what stands before it, and no text begins with what parts two cells. A
    cell that is no text is handed back, for others to say so.
    """
    literals = FIELD.split(template)[::2]
    text, begun = "", False
    for place, (literal, cell) in enumerate(zip(literals, cells, strict=False)):
        fault = find_fault(cell, "text")
        if fault == EMPTY:
            continue
        if fault and not isinstance(cell, str):
            return cell
        text += re.sub(r"^\W+", "", literal) if place and not begun else literal
        text, begun = text + clean(cell), True
    return text + literals[-1] if begun else None
