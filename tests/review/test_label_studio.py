"""The queue goes to Label Studio and decisions come from it, in its own JSON."""

import json
from pathlib import Path
from typing import Any

import pytest

from reprotune.core.errors import InputError
from reprotune.data.decisions import read_log
from reprotune.review.command import take_annotations, write_tasks
from reprotune.review.session import Session
from tests.review.conftest import IDS, Start


def annotated(task: dict[str, Any], label: str, **more: Any) -> dict[str, Any]:
    """A task as Label Studio exports it, with one annotation."""
    value = {"choices": [label]}
    result = {"id": "x", "type": "choices", "from_name": "label", "to_name": "text", "value": value}
    made = {
        "id": 7,
        "completed_by": 3,
        "result": [result],
        "was_cancelled": False,
        "created_at": "2026-11-28T10:00:00.123456Z",
        "updated_at": "2026-11-28T11:00:00.5Z",
    }
    return {"id": 1, **task, "annotations": [made | more], "file_upload": "tasks.json"}


def export(session: Session, file: Path) -> list[dict[str, Any]]:
    write_tasks(session, file)
    tasks: list[dict[str, Any]] = json.loads(file.read_text("utf-8"))
    return tasks


def test_the_open_rows_go_out_with_their_suggestions_and_come_back_as_decisions(
    start: Start, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session = start()
    exchanged = tmp_path / "tasks.json"
    tasks = export(session, exchanged)
    assert '<Choice value="bad"/><Choice value="good"/></Choices></View>' in capsys.readouterr().out
    assert [task["data"]["row"] for task in tasks] == [IDS[n] for n in (0, 1, 2, 5)]
    assert tasks[2]["predictions"][0]["result"][0]["value"] == {"choices": ["good"]}
    assert tasks[0]["predictions"] == []
    back = [
        annotated(tasks[0], "good"),
        annotated(tasks[1], "good", completed_by={"id": 3, "email": "zoe@example.org"}),
        annotated(tasks[2], "good", was_cancelled=True),
        annotated(tasks[3], "good", result=[]),
    ]
    exchanged.write_text(json.dumps(back))
    for _ in range(2):  # twice is once
        take_annotations(start(), exchanged)
        found = [(one.id, one.action, one.label, one.reviewer, one.date) for one in read_log(file)]
        assert found == [
            (IDS[0], "keep", "", "label-studio 3", "2026-11-28T11:00:00.500Z"),
            (IDS[1], "relabel", "good", "label-studio zoe@example.org", "2026-11-28T11:00:00.500Z"),
        ]
    assert len(export(start(), exchanged)) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "no JSON"),
        ("{}", "task 1 is none of"),
        ('[{"row": "x", "label": "good"}]', "task 1 is none of"),
        ('[{"data": {"row": "x"}, "annotations": [{"result": 3}]}]', "task 1 is none of"),
        *(
            (
                json.dumps([annotated({"data": {"row": IDS[0]}}, "good", updated_at=date)]),
                "date value out of range",
            )
            for date in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z")
        ),
    ],
)
def test_what_is_no_such_export_is_refused_and_nothing_is_written(
    start: Start, file: Path, tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(InputError, match=said):
        take_annotations(start(), tmp_path / "x.json")
    assert read_log(file) == []


def test_a_long_name_leaves_a_file_that_can_be_read(start: Start, file: Path) -> None:
    name = "x" * 200_000  # csv reads no longer cells than 131,072
    task = annotated({"data": {"row": IDS[0]}}, "good", completed_by=name)
    source = file.with_name("x.json")
    source.write_text(json.dumps([task]))
    take_annotations(start(), source)
    assert len(read_log(file)) == 1
    for folder in (file.parent, file.parent / "none.json"):
        with pytest.raises(InputError, match=r"not readable|no such file"):
            take_annotations(start(), folder)
    with pytest.raises(InputError, match=r"a folder, where"):
        write_tasks(start(), file.parent)


def test_a_class_or_a_row_that_is_none_is_named(start: Start, tmp_path: Path) -> None:
    tasks = export(start(), tmp_path / "x.json")
    for task in (annotated(tasks[0], "poor"), annotated({"data": {"row": "f" * 16}}, "good")):
        (tmp_path / "x.json").write_text(json.dumps([annotated(tasks[1], "good"), task]))
        with pytest.raises(InputError, match=r"task 2 .*(no class is called|no row f)"):
            take_annotations(start(), tmp_path / "x.json")
