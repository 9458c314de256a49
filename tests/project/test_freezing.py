"""Folders, databases and archives become files of rows, or are refused with what to do."""

import json
import shlex
import sqlite3
import tarfile
import zipfile
from collections.abc import Sequence
from io import BytesIO
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


def test_the_only_table_is_read_whole_whatever_else_the_database_holds(
    database: Path, folder: Path
) -> None:
    with sqlite3.connect(database) as base:
        base.execute("CREATE TRIGGER t AFTER INSERT ON reviews BEGIN SELECT 1; END")
        base.execute("CREATE INDEX i ON reviews (stars)")
    assert len(freeze(Wanted([database]), folder).files[0].read_text().splitlines()) == 2
    with sqlite3.connect(database) as base:
        base.execute('ALTER TABLE reviews RENAME TO "a ""b"')
        base.execute("CREATE TABLE sqlitex (x)")
    with pytest.raises(InputError, match='a "b, sqlitex') as error:
        freeze(Wanted([database]), folder)
    (query,) = shlex.split(str(error.value).partition("--query ")[2])
    assert len(base.execute(query).fetchall()) == 2


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT absent FROM reviews", "reviews.db says no such column: absent"),
        ("DELETE FROM reviews", "reviews.db says attempt to write a readonly database"),
        ("SELECT 1; DROP TABLE reviews", "You can only execute one statement"),
        ("SELECT body, stars AS body FROM reviews", "two columns of the answer are called body"),
    ],
)
def test_a_query_that_is_none_is_refused_and_changes_nothing(
    database: Path, folder: Path, query: str, message: str
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
    assert (found.text, found.label, found.test) == ("text", "label", [])
    rows = pd.read_json(found.files[0], lines=True)
    assert rows["label"].tolist() == ["bad", "good"]


def test_a_validation_part_without_a_test_part_is_the_test_part(folder: Path) -> None:
    for part in ("train", "dev"):
        Path("own", part, "good").mkdir(parents=True)
        Path("own", part, "good", "1.txt").write_text("text")
    found = freeze(Wanted([Path("own")]), folder)
    assert found.files[0].name == "own-train.jsonl"
    assert (found.test, found.validation) == ([folder / "own-validation.jsonl"], [])


def pack(names: Sequence[str], file: Path) -> Wanted:
    if file.suffix == ".zip":
        with zipfile.ZipFile(file, "w") as archive:
            for name in names:
                archive.writestr(name, "text")
    else:
        with tarfile.open(file, "w:gz") as archive:
            for name in names:
                member = tarfile.TarInfo(name)
                member.size = 4
                archive.addfile(member, BytesIO(b"text"))
    return Wanted([file])


@pytest.mark.parametrize("archive", ["a.zip", "a.tar.gz"])
@pytest.mark.parametrize(
    ("members", "train", "test", "validation"),
    [
        (
            "test.csv valid_data.csv train.csv sample.csv",
            ["train.csv"],
            "test.csv",
            "valid_data.csv",
        ),
        ("r/README.md r/code/a.py r/data/a.csv r/readme.txt __MACOSX/a", ["a.csv"], "", ""),
        (
            "data/train-0.parquet data/test-0.parquet data/test-1.parquet data/train-1.parquet",
            ["train-0.parquet", "train-1.parquet"],
            "test-0.parquet test-1.parquet",
            "",
        ),
        ("d/train/0.parquet d/test/1.parquet", ["0.parquet"], "1.parquet", ""),
        (
            "db/notes.txt db/train/pos/1.txt db/train/neg/1.txt db/test/pos/1 db/test/neg/1",
            ["db-train.jsonl"],
            "db-test.jsonl",
            "",
        ),
    ],
)
def test_the_parts_are_found_in_an_archive(
    folder: Path,
    archive: str,
    members: str,
    train: list[str],
    test: str,
    validation: str,
) -> None:
    found = freeze(pack(members.split(), Path(archive)), folder)
    assert [file.name for file in found.files] == train
    held = [[file.name for file in part] for part in (found.test, found.validation)]
    assert held == [test.split(), validation.split()]
    assert all(file.is_file() for file in (*found.files, *found.test))


@pytest.mark.parametrize("archive", ["a.zip", "a.tar.gz"])
@pytest.mark.parametrize(
    ("members", "message"),
    [
        ("a.csv b.csv", "has the files a.csv, b.csv, and it is not clear which are meant"),
        ("../a.csv b.csv", "names that lead out of it"),
        ("test.csv dev.csv", r"has \['test', 'validation'\] and no train"),
    ],
)
def test_an_archive_without_clear_parts_is_refused(
    folder: Path, archive: str, members: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        freeze(pack(members.split(), Path(archive)), folder)


def test_a_file_of_json_may_have_the_parts(folder: Path) -> None:
    parts = {"train": [["up", 5]], "val": [{"text": "down", "label": 1}], "Test": []}
    Path("a.json").write_text(json.dumps(parts))
    found = freeze(Wanted([Path("a.json")]), folder)
    files = (*found.files, *found.validation, *found.test)
    assert [file.read_text() for file in files] == [
        '{"column 0": "up", "column 1": 5}\n', '{"text": "down", "label": 1}\n', "",
    ]  # fmt: skip
    Path("a.json").write_text(json.dumps(parts | {"dev": [{"text": "so", "label": 1}]}))
    both = freeze(Wanted([Path("a.json")]), folder).validation
    assert [file.name for file in both] == ["a-val.jsonl", "a-dev.jsonl"], "none is lost"
    Path("a.json").write_text(json.dumps(parts | {"oos_test": []}))
    with pytest.raises(InputError, match="part 'oos_test' is none of"):
        freeze(Wanted([Path("a.json")]), folder)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (Wanted([Path("*.parquet")]), r"\*.parquet: no file has such a name"),
        (Wanted([Path("empty")]), "holds no file of rows, no folders of texts"),
        (Wanted([Path("empty"), Path("a.csv")]), "empty goes alone"),
        (Wanted([Path("a.csv")], query="SELECT 1"), "a.csv is no SQLite file"),
        (Wanted([Path("a.duckdb")]), "is a DuckDB file; write the rows into a file first"),
        (Wanted([Path("broken.zip")]), "not readable as a zip archive"),
        (Wanted([Path("a.csv")], label="b.txt"), "a.csv has 1 line, and b.txt has 2"),
        (Wanted([Path("saved")]), "not readable as a folder of datasets"),
        (Wanted([Path("twice")]), "twice: dev and val are both the part validation"),
    ],
)
def test_what_cannot_become_a_file_of_rows_is_said(
    folder: Path, wanted: Wanted, message: str
) -> None:
    Path("empty").mkdir()
    Path("saved").mkdir()
    for part in ("train", "dev", "val"):
        Path("twice", part, "up").mkdir(parents=True)
        Path("twice", part, "up", "1.txt").write_text("text")
    Path("saved/state.json").write_text("{}")
    Path("a.csv").write_text("text")
    Path("b.txt").write_text("1\n2\n")
    Path("a.duckdb").write_bytes(bytes(8) + b"DUCK" + bytes(20))
    Path("broken.zip").write_bytes(b"PK")
    with pytest.raises(InputError, match=message):
        freeze(wanted, folder)
