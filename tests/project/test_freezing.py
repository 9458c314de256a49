"""Folders, databases and archives become files of rows, or are refused with what to do."""

import json
import sqlite3
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from reprotune.core.errors import InputError
from reprotune.project.freezing import freeze
from reprotune.project.wanted import Wanted


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "frozen").mkdir()
    return tmp_path / "frozen"


@pytest.fixture
def database() -> Path:
    with sqlite3.connect("reviews.db") as base:
        base.execute("CREATE TABLE reviews (body BLOB, stars INTEGER)")
        base.executemany("INSERT INTO reviews VALUES (?, ?)", [("up", 5), (b"caf\xe9", None)])
    return Path("reviews.db")


def test_a_query_keeps_integers_and_bytes_that_are_no_letter(database: Path, folder: Path) -> None:
    found = freeze(Wanted([database], query="SELECT body AS text, stars FROM reviews"), folder)
    rows = [json.loads(line) for line in found.files[0].read_text().splitlines()]
    assert rows == [{"text": "up", "stars": 5}, {"text": "caf\udce9", "stars": None}]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (None, r"is a database with \['reviews'\]; say which rows: --query"),
        ("SELECT absent FROM reviews", "reviews.db says no such column: absent"),
        ("DELETE FROM reviews", "reviews.db says attempt to write a readonly database"),
        ("SELECT 1; DROP TABLE reviews", "You can only execute one statement"),
    ],
)
def test_a_query_that_is_none_is_refused_and_changes_nothing(
    database: Path, folder: Path, query: str | None, message: str
) -> None:
    before = database.read_bytes()
    with pytest.raises(InputError, match=message):
        freeze(Wanted([database], query=query), folder)
    assert database.read_bytes() == before and not list(folder.iterdir())


def test_a_folder_a_class_may_hold_damaged_texts_and_hidden_files(folder: Path) -> None:
    for name, raw in {
        "good/1": b"caf\xe9",
        "good/.x": b"no",
        "bad/1.txt": "Größe\nzwei".encode(),
    }.items():
        Path("own", name).parent.mkdir(parents=True, exist_ok=True)
        Path("own", name).write_bytes(raw * 3)
    found = freeze(Wanted([Path("own")]), folder)
    assert (found.text, found.label, found.test) == ("text", "label", None)
    rows = pd.read_json(found.files[0], lines=True)
    assert rows["label"].tolist() == ["bad", "good"]


def test_a_validation_part_without_a_test_part_is_the_test_part(folder: Path) -> None:
    for part in ("train", "dev"):
        Path("own", part, "good").mkdir(parents=True)
        Path("own", part, "good", "1.txt").write_text("text")
    found = freeze(Wanted([Path("own")]), folder)
    assert found.files[0].name == "own-train.jsonl"
    assert found.test == folder / "own-validation.jsonl" and found.validation is None


def test_an_archive_of_several_files_names_them(folder: Path) -> None:
    with zipfile.ZipFile("a.zip", "w") as archive:
        for name in ("train.csv", "test.csv.gz", "readme.md", "README.txt", "__MACOSX/train.csv"):
            archive.writestr(name, "text,label\n")
    with pytest.raises(InputError, match=r"has the files \['train.csv', 'test.csv.gz'\]; unpack"):
        freeze(Wanted([Path("a.zip")]), folder)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (Wanted([Path("*.parquet")]), r"\*.parquet: no file has such a name"),
        (Wanted([Path("empty")]), "is a folder without folders of texts"),
        (Wanted([Path("empty"), Path("a.csv")]), "empty goes alone"),
        (Wanted([Path("a.csv")], query="SELECT 1"), "a.csv is no SQLite file"),
        (Wanted([Path("a.duckdb")]), "is a DuckDB file; write the rows into a file first"),
        (Wanted([Path("broken.zip")]), "not readable as a zip archive"),
        (Wanted([Path("a.csv")], label="b.txt"), "a.csv has 1 lines, and b.txt has 2"),
        (Wanted([Path("saved")]), "not readable as a folder of datasets"),
    ],
)
def test_what_cannot_become_a_file_of_rows_is_said(
    folder: Path, wanted: Wanted, message: str
) -> None:
    Path("empty").mkdir()
    Path("saved").mkdir()
    Path("saved/state.json").write_text("{}")
    Path("a.csv").write_text("text")
    Path("b.txt").write_text("1\n2\n")
    Path("a.duckdb").write_bytes(bytes(8) + b"DUCK" + bytes(20))
    Path("broken.zip").write_bytes(b"PK")
    with pytest.raises(InputError, match=message):
        freeze(wanted, folder)
