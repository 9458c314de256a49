"""Rows for Label Studio and decisions from it, in its JSON."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from reprotune.core.errors import InputError
from reprotune.data.decisions import Entry, read_date, write_date
from reprotune.review.queue import Filter, choose
from reprotune.review.session import LABEL, Session, tidy

NAME, TEXT, ID = "label", "text", "row"  # of the choice, the text and the id in a task
VERSION = "audit"


def write_config(session: Session) -> str:
    """The labelling interface that fits the tasks."""
    choices = "".join(f"<Choice value={quoteattr(name)}/>" for name in session.classes)
    return (
        f'<View><Text name="{TEXT}" value="${TEXT}"/><Choices name="{NAME}" toName="{TEXT}" '
        f'choice="single" showInLine="true">{choices}</Choices></View>'
    )


def write_tasks(session: Session) -> list[dict[str, object]]:
    """The open rows, the most doubtful first, each with its suggestion if there is one."""
    places = choose(session.queue, session.marks, session.file.opinions, Filter())
    rows = [session.queue.row(int(place)) for place in places]
    return [
        {
            "data": {TEXT: row.text, ID: row.id, "its_label": row.label, "issue": row.issue},
            "predictions": [{"model_version": VERSION, "result": [choice(row.suggested)]}]
            if row.suggested
            else [],
        }
        for row in rows
    ]


def choice(label: str) -> dict[str, object]:
    return {
        "from_name": NAME,
        "to_name": TEXT,
        "type": "choices",
        "value": {"choices": [label]},
    }


def read_entries(tasks: Any, session: Session, where: Path) -> list[Entry]:
    """What Label Studio's people have said, but for what the decisions say already.

    Raises:
        InputError: it is no export of these tasks as JSON (not JSON-MIN, which has no ids).
    """
    entries = []
    for number, task in enumerate(tasks if isinstance(tasks, list) else [None]):
        try:
            row = task["data"][ID]
            made = [read_entry(row, one, session) for one in task["annotations"]]
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise InputError(
                f"{where}: task {number + 1} is none of `reprotune review --export`, exported as "
                f"JSON: {type(error).__name__} {error}"
            ) from None
        entries += [entry for entry in made if entry and is_new(entry, session)]
    return entries


def read_entry(row: str, annotation: dict[str, Any], session: Session) -> Entry | None:
    """The decision that an annotation is; None if it was skipped or is empty."""
    chosen = [one for one in annotation["result"] if one["type"] == "choices"]
    if annotation.get("was_cancelled") or not chosen:
        return None
    (label,) = chosen[-1]["value"]["choices"]
    if label not in session.classes:
        raise ValueError(f"no class is called {label!r}")
    by = annotation.get("completed_by")
    name = by.get("email") or by.get("id") if isinstance(by, dict) else by
    moment = annotation.get("updated_at") or annotation.get("created_at")
    date = datetime.fromisoformat(moment) if moment else datetime.now(UTC)
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    if not (written := read_date(write_date(date))):
        raise ValueError(f"date value out of range: {moment}")
    if row not in session.queue.place:
        raise ValueError(f"the data has no row {row}")
    entry = session.write(row, LABEL + label, "")
    reviewer = session.reviewer if name is None else tidy(f"label-studio {name}")
    return entry._replace(reviewer=reviewer, date=written)


def is_new(entry: Entry, session: Session) -> bool:
    """Whether the decisions lack it: an export may be taken up twice."""
    opinions = session.file.opinions
    said = opinions.of_reviewer.get(opinions.spell(entry.reviewer), [])
    return (entry.id, entry.date) not in {(one.id, one.date) for one in said}
