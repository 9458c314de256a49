"""What people skipped or refused in a tool for labelling is no label."""

from typing import Any

import pytest

from reprotune.project.annotated import blank_refused, drop_cancelled


def task(label: str, answer: str) -> dict[str, Any]:
    return {"text": "a", "label": label, "answer": answer, "_task_hash": 1}


def test_a_refused_label_is_none_where_there_are_several() -> None:
    rows = [task("x", "accept"), task("y", "reject"), task("y", "ignore")]
    assert [row["label"] for row in blank_refused(rows, is_asked=False)] == ["x", None, None]


@pytest.mark.parametrize(("labels", "is_asked"), [("xx", False), ("xy", True)])
def test_where_the_answers_are_the_labels_a_refusal_is_one_of_them(
    labels: str, is_asked: bool
) -> None:
    first, other = labels
    rows = [task(first, "accept"), task(other, "reject"), task(other, "ignore")]
    assert [row["answer"] for row in blank_refused(rows, is_asked)] == ["accept", "reject", None]


def test_an_answer_of_other_data_stays() -> None:
    rows = [{"label": "x", "answer": "reject"}, {"label": "y", "answer": "accept"}]
    assert blank_refused(rows, is_asked=False) == rows


def test_of_several_annotations_those_that_were_not_cancelled_stay() -> None:
    row = {"annotations": [{"id": 1, "was_cancelled": True}, {"id": 2, "was_cancelled": False}]}
    assert [one["id"] for one in drop_cancelled(row)["annotations"]] == [2]
