"""What people decided or answered at a revision, by the rules of the stages that read it."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from reprotune.comparison.revision import Revision
from reprotune.core.errors import InputError
from reprotune.data.decisions import NO_ANSWER, Entry, Opinions, read_log

DECISIONS, SAMPLE = "curate.decisions", "evaluate.sample"  # parameters that name a file

Read = TypeVar("Read")


def read_said(side: Revision, parameter: str, read: Callable[[Path], Read]) -> Read | None:
    """What ``read`` makes of a file; None if git has none, or it is one that stops the stage."""
    where = side.params.get(parameter)
    found = side.read_bytes(Path(where)) if isinstance(where, str) else None
    if found is None:
        return None
    with TemporaryDirectory() as folder:
        path = Path(folder) / "said.csv"
        path.write_bytes(found)
        try:
            return read(path)
        except InputError:
            return None


def read_opinions(side: Revision) -> Opinions:
    """What stands of the decisions file."""
    return Opinions(read_said(side, DECISIONS, read_log) or [])


def read_reviewers(side: Revision) -> dict[str, str]:
    """Who decided on each row, by its id: of several who agree, the first."""
    opinions = read_opinions(side)
    settled = {row: opinions.settle(row) for row in opinions.of_row}
    return {row: said[0].reviewer or "nobody named" for row, said in settled.items() if said}


def list_decisions(side: Revision) -> dict[tuple[str, ...], Entry]:
    """Each reviewer's decision on each row that stands, by what it says."""
    opinions = read_opinions(side)
    return {
        (entry.id, entry.reviewer, *entry.opinion): entry
        for row in opinions.of_row
        for entry in opinions.gather(row)
        if entry.action != NO_ANSWER
    }
