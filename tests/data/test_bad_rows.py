"""Rows that cannot be used are set aside, each with a reason, up to a share of all rows."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest

from reprotune.core.errors import InputError
from reprotune.core.params import Download, Params
from reprotune.data.reading import bad_rows
from reprotune.data.reading.charset import guess_encoding
from reprotune.data.reading.files import Reading, read_files

GOOD = [f"text number {n},{'positive' if n % 2 else 'negative'}" for n in range(150)]


@pytest.fixture
def read(tmp_path: Path, params: Params) -> Any:
    """``read("a.csv", lines, **settings)``: the lines as a file, read with these settings."""

    def read(name: str, lines: list[str], encoding: str = "utf-8", **settings: Any) -> Reading:
        content = "\n".join(lines) + "\n"
        (tmp_path / name).write_bytes(content.encode(encoding, "surrogateescape"))
        known = {
            "kind": "file",
            "files": [{"location": name, "sha256": None, "label": None, "split": None}],
            "labels": {"negative": "negative", "positive": "positive"},
        }
        return read_files(
            Download.model_validate(params.download.model_dump() | known | settings), tmp_path
        )

    return read


def test_a_share_allows_so_many_rows_and_none_more() -> None:
    for percent in range(100):
        assert bad_rows.count_allowed(100, percent / 100) == percent
    assert bad_rows.count_allowed(3, 0.01) == 1, "a share above 0 allows one"


def csv_with(*lines: str) -> list[str]:
    """A header, ten good rows, these lines, and the other good rows."""
    return ["text,label", *GOOD[:10], *lines, *GOOD[10:]]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (" ,positive", "empty text: line 12"),
        ("\u200b,positive", "empty text"),
        ("a text,", "empty label: line 12"),
        ("a\0text,positive", "NUL character: line 12, in the text"),
        ("a\x08text,positive", "control character: line 12, U+0008 in the text"),
        ("a text,pos\x1bitive", "control character: line 12, U+001B in the label"),
        ("a \udce9 text,positive", "broken character: line 12, byte 0xe9 in the text is no letter"),
        ("a text", "broken line: line 12 has 1 column, the first has 2"),
        ("a text,positive,more", "broken line: line 12 has 3 columns, the first has 2"),
        ('"a" text,positive', "broken line: line 12 has a stray quotation mark"),
        ('"a text,positive', "broken line: line 12 has a stray quotation mark"),
    ],
)
def test_a_bad_row_is_set_aside_with_its_reason_and_takes_no_other_along(
    read: Any, line: str, reason: str
) -> None:
    found = read("a.csv", csv_with(line))
    assert [f"{text},{name}" for text, name in zip(found.rows["text"], found.rows["label"],
                                                   strict=True)] == GOOD  # fmt: skip
    assert found.rows.index.tolist() == [*range(10), *range(11, 151)]
    (bad,) = found.bad
    assert (bad.row, bad.reason[: len(reason)]) == (11, reason)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"text": "a", ', "broken line: line 11, column 15: Expecting property name"),
        ('["a", "positive"]', "broken line: line 11 is no object such as"),
        ("[" * 100_000, "broken line: line 11 is nested too deep"),
        ('{"text": "a"}{"text": ', "broken line: line 11, column 23: Expecting value"),
        ('{"text": "a"} 1', "broken line: line 11 is no object such as"),
        ('{"text": ' + "1" * 5_000 + "}", "broken line: line 11 is not readable: Exceeds"),
        ('{"text": "\\ud83d", "label": "positive"}', "lone surrogate: U+D83D in the text"),
        ('{"text": {"body": "a"}, "label": "positive"}', "object as text: it has the fields body"),
        ('{"text": "a", "label": ["positive", "b"]}', "list as label"),
        ('{"label": "positive"}', "empty text"),
        ('{"text": "a", "label": null}', "empty label"),
    ],
)
def test_a_bad_line_of_json_is_set_aside(read: Any, line: str, reason: str) -> None:
    pairs = [row.split(",") for row in GOOD]
    lines = [json.dumps({"text": text, "label": name}) for text, name in pairs]
    found = read("a.jsonl", [*lines[:10], line, *lines[10:]])
    assert len(found.rows) == len(GOOD)
    assert [(bad.row, bad.reason[: len(reason)]) for bad in found.bad] == [(11, reason)]


def test_more_bad_rows_than_the_share_are_one_error_with_the_first_ten(read: Any) -> None:
    lines = csv_with(*[f" ,positive{'' if n else ',more'}" for n in range(12)])
    assert len(read("a.csv", lines, bad_rows=0.08).bad) == 12
    with pytest.raises(InputError) as error:
        read("a.csv", lines, bad_rows=0.05)
    said = str(error.value)
    assert "12 of 162 rows cannot be used (empty text: 11, broken line: 1), and " in said
    assert "download.bad_rows allows 0.05 of them" in said
    assert re.findall(r"^  row (\d+): ", said, re.MULTILINE) == [str(n) for n in range(11, 21)]


@pytest.mark.parametrize(("line", "is_told"), [(" ,positive", True), ("a text", False)])
def test_a_column_that_most_left_empty_is_read_and_most_lines_broken_are_not(
    read: Any, line: str, is_told: bool
) -> None:
    with pytest.raises(InputError) as error:
        read("a.csv", csv_with(*[line] * 300))
    assert ("(reprotune init --bad-rows 0.67)" in str(error.value)) == is_told


def test_a_share_above_zero_allows_one_row_and_zero_none(read: Any) -> None:
    lines = ["text,label", *GOOD[:4], ",positive"]
    assert len(read("a.csv", lines, bad_rows=0.01).rows) == 4
    with pytest.raises(InputError, match="1 of 5 rows cannot be used"):
        read("a.csv", lines, bad_rows=0.0)


def test_the_text_of_a_row_that_is_left_out_may_be_anything(read: Any) -> None:
    labels = {"negative": "negative", "positive": "positive", "": None, "skip": None}
    found = read("a.csv", csv_with(",skip", "a text,", " , "), labels=labels, bad_rows=0.0)
    assert found.bad == [] and found.rows["label"].isna().sum() == 3


def test_a_cell_that_nobody_asked_for_may_be_damaged(read: Any) -> None:
    lines = ["text,label,other", *(f"{row},a" for row in GOOD), "a text,positive,\udce9\0"]
    assert read("a.csv", lines, bad_rows=0.0001).bad == []


def test_the_file_of_bad_rows_holds_no_damage_itself(tmp_path: Path) -> None:
    row = bad_rows.BadRow("a.csv", 3, "broken line: x", 'a\0\udce9"\r\n' + "long " * 1000)
    bad_rows.write(
        [row, row._replace(content="=1+1"), row._replace(file="@a.csv")], tmp_path / "bad.csv", True
    )
    with (tmp_path / "bad.csv").open(encoding="utf-8", newline="") as file:
        found, formula, named = csv.DictReader(file)
    assert formula["content"] == "'=1+1" and named["file"] == "'@a.csv"
    assert found["file"] == "a.csv" and found["row"] == "3"
    assert found["content"].startswith('a\\x00\\udce9"\\r\\nlong') and len(found["content"]) < 1100


def test_one_wrong_byte_does_not_make_a_file_in_utf_8_another() -> None:
    german = "Die Größe der Lieferung war für Müller ärgerlich.\n".encode() * 20
    assert guess_encoding(german + b"caf\xe9\n") == "utf-8"
    assert guess_encoding(german.decode().encode("latin-1")) == "latin-1"
