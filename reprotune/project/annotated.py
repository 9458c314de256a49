"""What people skipped or refused in a tool for labelling: its export has a label for these, too."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reprotune.data.reading.formats import list_objects
from reprotune.data.reading.kinds import OBJECTS, tell_kind
from reprotune.project.wanted import Wanted, exchange
from reprotune.project.written import decode, read_kind, write_rows

HASH = "_task_hash"  # of Prodigy
MARKS = HASH.encode(), b"was_cancelled"  # of Prodigy and of Label Studio
ANSWER, SKIPPED, REFUSED = "answer", "ignore", "reject"  # of Prodigy
Fields = Mapping[str, Any]
BLANK = ("label", "accept", ANSWER)  # what a row lacks then


def drop_refused(wanted: Wanted, folder: Path) -> Wanted:
    """The same with files in which what was skipped or refused has no label."""
    is_asked = wanted.label == ANSWER
    return exchange(wanted, lambda file: take_file(file, folder, is_asked))


def take_file(file: Path, folder: Path, is_asked: bool) -> Path:
    """A file in ``folder``, or the same if nothing was skipped or refused in it.

    ``is_asked``: whether the answers themselves are the labels.
    """
    raw = read_kind(file, (".json", *OBJECTS))
    if not any(mark in raw for mark in MARKS):
        return file
    rows = list_objects(decode(raw), tell_kind(file.name)[0])
    objects = [row for row in rows if isinstance(row, dict)]
    if len(objects) < len(rows):  # of which its reader says more
        return file
    taken = [drop_cancelled(row) for row in blank_refused(objects, is_asked)]
    return file if taken == objects else write_rows(folder / f"{file.stem}.jsonl", taken)


def blank_refused(rows: Sequence[Fields], is_asked: bool) -> list[Fields]:
    """Prodigy's rows: the label of which was not accepted is none.

    Where all rows have one label, the answers say yes or no to it.
    """
    labels = {str(row.get("label")) for row in rows}
    is_choice = len(labels) > 1 or any("accept" in row for row in rows)
    return [blank(row, is_asked or not is_choice) for row in rows]


def take_row(row: Fields, label: str) -> Fields:
    """A row whose label is in this column, if people said so."""
    return drop_cancelled(blank(row, label == ANSWER))


def blank(row: Fields, is_asked: bool) -> Fields:
    """A row of Prodigy without what was not accepted; other rows as they are.

    ``is_asked``: a refusal is an answer, too.
    """
    refused = {SKIPPED} if is_asked else {SKIPPED, REFUSED}
    if HASH not in row or row.get(ANSWER) not in refused:
        return row
    return {**row, **{name: None for name in BLANK if name in row}}


def drop_cancelled(row: Fields) -> Fields:
    """A task of Label Studio without what people skipped."""
    said = row.get("annotations")
    if not isinstance(said, list):
        return row
    kept = [one for one in said if not (isinstance(one, dict) and one.get("was_cancelled"))]
    return {**row, "annotations": kept}
