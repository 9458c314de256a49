"""What `reprotune predict` takes and what it leaves, from files of every format and fault."""

import gzip
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reprotune import cli
from reprotune.builtin import headlines
from reprotune.core.errors import InputError
from reprotune.project import incoming, labelling
from reprotune.project.predict import names_file
from tests import tiny

ROOT = Path(__file__).resolve().parents[2]
CLASSES = list(headlines.CLASSES)
DIRTY = {
    "a.csv": (
        b'key,text\n1,"Net sales rose."\n2,\n3,"Great" news\n4\n5,"a ""b"", c\nd",,\n6,"open one\n'
        b"7,bad \xff byte\n8,\xc3\xa9t\xc3\xa9 \xc3\xa8\n9,a\x00b\n"
    ),
    "a.jsonl": (
        b'{"key": 1, "text": "a"}\n\n{"key": 2}\nnonsense\n[1]\n{"text": ["a"]}\n'
        b'{"key": "x", "text": "\\ud800"}\n{"text": 3, "more": {"a": [1]}}\n'
        b'{"text": "two"}{"text": "in a line"}\n'
    ),
    "a.txt": b"Sales rose.\n\n  \nCosts, too",
}
PROBLEMS = {
    "a.csv": [
        "",
        "empty text",
        "",
        "broken line: line 5 has 1 column, the first has 2",
        "",
        "",
        "broken character: byte 0xff",
        "",
        "NUL",
    ],
    "a.jsonl": [
        "",
        "empty text",
        "line 4, column 1: Expecting value",
        "is no object",
        "list as text",
        "lone surrogate",
        "",
        "",
        "",
    ],
    "a.txt": ["", "empty text", "empty text", ""],
}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.export(tmp_path_factory.mktemp("merged"))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def predict(exported: Path, *arguments: str) -> None:
    cli.main(["predict", "--model", str(exported), *arguments])


def read(name: str) -> pd.DataFrame:
    if name.endswith(".parquet"):
        return pd.read_parquet(name)
    if name.endswith(".jsonl"):
        return pd.DataFrame(map(json.loads, Path(name).read_text().splitlines()))
    return pd.read_csv(name, keep_default_na=False)


@pytest.mark.parametrize("kind", ["csv", "tsv", "TSV", "jsonl", "parquet", "PARQUET"])
def test_every_row_of_a_file_is_labelled_and_keeps_its_columns(exported: Path, kind: str) -> None:
    table = pd.DataFrame({"key": [7, 8, 9], "title": ["Net sales rose.", "", 'a "b", c\nd']})
    if kind == "csv":
        table.to_csv(f"in.{kind}", index=False)
    elif kind.lower() == "tsv":
        table.to_csv(f"in.{kind}", index=False, sep="\t")
    elif kind == "jsonl":
        table.to_json(f"in.{kind}", orient="records", lines=True)
    else:
        table.to_parquet(f"in.{kind}")
    predict(exported, f"in.{kind}", "--text-column", "title", "--output", "out.csv")
    labelled = read("out.csv")
    assert list(labelled) == ["key", "title", "predicted", *CLASSES, "problem"]
    assert list(labelled["key"]) == [7, 8, 9]
    assert list(labelled["title"]) == list(table["title"])
    assert list(labelled["problem"]) == ["", "empty text", ""]
    assert list(labelled["predicted"] == "") == [False, True, False]


@pytest.mark.parametrize("name", DIRTY)
@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_a_row_that_cannot_be_read_is_kept_with_the_reason(
    exported: Path, name: str, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(name).write_bytes(DIRTY[name])
    predict(exported, name, "--output", f"out.{form}")
    labelled = read(f"out.{form}").astype("object").fillna("")
    for found, expected in zip(labelled["problem"], PROBLEMS[name], strict=True):
        assert expected in found and bool(expected) == bool(found)
    assert list(labelled["predicted"] == "") == list(labelled["problem"] != "")
    bad = sum(map(bool, PROBLEMS[name]))
    assert f"{bad} of {len(labelled)} rows without an answer: row 2: " in capsys.readouterr().err


def test_stray_quotes_are_part_of_the_text_and_swallow_no_row() -> None:
    Path("a.csv").write_bytes(DIRTY["a.csv"])
    rows = [row.values["text"] for row in incoming.look_through(Path("a.csv"), ["text"]).read()]
    assert rows[2] == '"Great" news'
    assert rows[4] == 'a "b", c\nd'
    assert rows[5:7] == ['"open one', "bad \udcff byte"]


def test_words_of_a_text_are_no_columns_and_no_header() -> None:
    rows = [f"the text of number {number}, so it is;{number}" for number in range(50)]
    Path("a.csv").write_text("\n".join(["text;key", *rows]))
    found = incoming.look_through(Path("a.csv"), ["text"])
    assert (found.columns, found.count) == (["text", "key"], 50)


FORMATS = ["list.json", "lines.json", "lines.jsonl.zst", "table.csv.gz", "table.CSV", "sheet.xlsx",
           "table.arrow", "table.feather", "table.parquet.gz", "quoted.csv"]  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_of_any_format_gives_the_same_rows(name: str) -> None:
    table = pa.table({"text": ["Sales, so; rose", "“Flat” at 5 €"], "key": ["a", "b"]})
    rows = table.to_pylist()
    Path("table.csv").write_text(pd.DataFrame(rows).to_csv(index=False))
    Path("table.CSV").write_bytes(Path("table.csv").read_bytes())
    Path("table.csv.gz").write_bytes(gzip.compress(Path("table.csv").read_bytes()))
    Path("list.json").write_text(json.dumps({"data": rows}, indent=1))
    Path("lines.json").write_text("".join(json.dumps(row) + "\n" for row in rows))
    packed = pa.compress(Path("lines.json").read_bytes(), codec="zstd", asbytes=True)
    Path("lines.jsonl.zst").write_bytes(packed)
    shutil.copy(ROOT / "tests/files/sheet.xlsx", "sheet.xlsx")
    Path("quoted.csv").write_text("'text';'key'\n'Sales, so; rose';'a'\n'“Flat” at 5 €';'b'\n")
    for file, new in (("table.arrow", pa.ipc.new_stream), ("table.feather", pa.ipc.new_file)):
        with new(file, table.schema) as sink:
            sink.write_table(table)
    pq.write_table(table, "table.parquet")
    Path("table.parquet.gz").write_bytes(gzip.compress(Path("table.parquet").read_bytes()))
    found = incoming.look_through(Path(name), ["text"])
    if name == "sheet.xlsx":  # calamine only reads
        assert found.columns == ["text", "stars"] and found.count == 61
        assert [row.values["stars"] for row in found.read()][:2] == ["5", "1"]
        return
    assert [row.values for row in found.read()] == rows and found.count == 2
    assert found.columns == ["text", "key"] and not any(row.problem for row in found.read())


def test_many_broken_rows_are_read_one_after_the_other() -> None:
    good, broken = ['"a, b",1'] * 30_000, ['"Great" news,2', '"open one,3'] * 10_000
    Path("a.csv").write_text("\n".join(["text,key", *good, *broken, *good]))
    assert incoming.look_through(Path("a.csv"), ["text"]).count == 80_000


def test_values_of_json_and_parquet_keep_their_types(exported: Path) -> None:
    Path("a.jsonl").write_text(
        '{"text": "a", "n": 1, "x": 1, "y": {"z": [1]}}\n{"text": "b", "x": 1.5, "b": true}\n'
    )
    predict(exported, "a.jsonl", "--output", "a.parquet")
    table = read("a.parquet")
    assert table["n"].tolist()[0] == 1 and table["x"].tolist() == [1.0, 1.5]
    assert table["y"][0] == '{"z": [1]}' and table["b"][1] is True
    Path("new.parquet").write_bytes(Path("a.parquet").read_bytes())
    table.drop(columns=["predicted", *CLASSES, "problem"]).to_parquet("again.parquet")
    predict(exported, "again.parquet", "--output", "b.parquet")
    pd.testing.assert_frame_equal(read("b.parquet"), table)
    predict(exported, "a.jsonl", "--output", "a.out.jsonl")
    assert json.loads(Path("a.out.jsonl").read_text().splitlines()[0])["y"] == {"z": [1]}


def test_a_schema_with_categories_and_names_of_classes_is_kept(exported: Path) -> None:
    table = pa.table(
        {"text": ["a", "b"], "kind": pa.array(["x", None]).dictionary_encode(), "n": [1, None]}
    )
    kept = {"huggingface": "{}", "own": "x"}
    pq.write_table(table.replace_schema_metadata(kept), "in.parquet")
    predict(exported, "in.parquet", "--output", "out.parquet")
    found = pq.read_table("out.parquet")
    assert found.schema.metadata == {b"own": b"x"}, "Hugging Face's would name other columns"
    assert found["kind"].type == table["kind"].type
    assert found.select(table.column_names).to_pylist() == table.to_pylist()


@pytest.mark.parametrize(
    ("head", "column"), [("key;text", "text"), ("key\ttext", "text"), ("7|a, b", "1"), ("0;a", "1")]
)
def test_delimiter_and_header_are_found(exported: Path, head: str, column: str) -> None:
    mark = next(mark for mark in ";\t|" if mark in head)
    rows = [f"{number}{mark}Sales, and costs, rose by {number}" for number in range(3)]
    Path("a.csv").write_text("\n".join([head, *rows]))
    predict(exported, "a.csv", "--text-column", column, "--output", "b.csv")
    assert len(read("b.csv")) == (3 if column == "text" else 4)
    assert (read("b.csv")["predicted"] != "").all()


ODD = {  # column of the texts, of the labels
    "bare_commas_first.csv": ("text", "label"), "bare_commas_last.csv": ("text", "label"),
    "row_names.csv": ("text", "label"), "space_before_quotes.csv": ("text", "label"),
    "repeated_names.csv": ("Description", "Issue Type"), "utf16_no_bom.csv": ("text", "label"),
    "by_id.json": ("text", "label"), "tables_of_years.json": ("text", "label"),
    "index.parquet": ("text", "label"),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_files_that_init_reads_are_read_by_predict_and_score_too(name: str) -> None:
    text, label = ODD[name]
    for asked in (None, label):
        found = incoming.look_through(ROOT / "tests/files" / name, [text], asked)
        rows = list(found.read())
        assert found.count == 60 and not any(row.problem for row in rows)
        assert all("The " in str(row.values[text]) for row in rows)
        values = [{str(row.values[column]) for row in rows} for column in (text, label)]
        assert list(map(len, values)) == [60, 2]


def test_json_by_lines_is_read_a_line_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incoming, "parse_list", lambda text: pytest.fail("read as a whole"))
    file = tmp_path / "a.json"
    file.write_text('\n{"text": "a"}\n\n{"text": "b"}\n{"text": \n', "utf-8")
    rows = list(incoming.look_through(file, ["text"]).read())
    assert [bool(row.problem) for row in rows] == [False, False, True]


def test_sheets_of_a_workbook_that_are_not_read_are_known() -> None:
    found = incoming.look_through(ROOT / "tests/files/sheets_of_years.xlsx", ["text"])
    assert (found.count, found.unread) == (60, ["'2023' (21 rows)"])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_the_encoding_is_found(exported: Path, encoding: str) -> None:
    text = "L\u2019\u00e9t\u00e9 \u00e0 la mer fut tr\u00e8s gai, dit-il"
    Path("a.csv").write_bytes(f'text\n"{text}"\n'.encode(encoding))
    predict(exported, "a.csv", "--output", "b.csv")
    assert read("b.csv")["text"].tolist() == [text]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent.csv"], "absent.csv: no such file"),
        (["absent.TSV"], "absent.TSV: no such file"),
        (["in.csv"], "it has ['title']; see --text-column"),
        (["in.xlsx"], "in.xlsx: not readable as .xlsx"),
        (["https://example.org/in.csv"], "is not on this machine: fetch the file first"),
        (["notes.docx"], "cannot read a .docx file; a document has no rows"),
        (["absent.csv.gz"], "absent.csv.gz: no such file"),
        (["absent.neg"], "absent.neg: no such file"),
        (["."], ".: is a folder: name one file in it"),
        (["in.csv", "a text"], "in.csv is a file: pass one file"),
        (["a text", "--model", "absent"], "absent: no exported model here"),
        (["empty.csv"], "empty.csv: it has no rows"),
        (["head.csv"], "head.csv: it has no rows"),
        (["twice.csv"], "it has ['text (1)', 'text (2)']; see --text-column"),
        (["named.csv"], "begins as gzip does, and is no .csv file: let its name end in .csv.gz"),
        (["taken.csv"], "already has the columns ['predicted']"),
        (["broken.parquet"], "not readable as .parquet"),
        (
            ["head.csv", "--output", "out.xlsx"],
            "--output out.xlsx: cannot write that; allowed: csv",
        ),
        (["head.csv", "--output", "."], "cannot write that"),
        (["head.csv", "--output", ".", "--format", "csv"], "is a folder"),
        (["head.csv", "--format", "parquet"], "needs a file: --output FILE"),
        (["-", "--text-column", "x"], "say it with --input-format"),
    ],
)
def test_what_cannot_be_done_is_said_and_leaves_nothing(
    exported: Path, folder: Path, arguments: list[str], message: str
) -> None:
    Path("in.csv").write_text("title\nx\n")
    Path("in.xlsx").write_bytes(b"PK\x03\x04\xff\x00")
    Path("notes.docx").touch()
    Path("empty.csv").touch()
    Path("head.csv").write_text("text\n")
    Path("twice.csv").write_text("text,text\nx,1\n")
    Path("named.csv").write_bytes(gzip.compress(b"text\nx\n"))
    Path("taken.csv").write_text("text,predicted\nx,1\n")
    Path("broken.parquet").write_bytes(b"PAR1")
    before = sorted(folder.iterdir())
    with pytest.raises(SystemExit) as error:
        predict(exported, *arguments)
    assert message in str(error.value)
    assert sorted(folder.iterdir()) == before


def test_plain_texts_and_the_lines_of_a_file_are_written_alike(
    exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = ["Net sales rose, by 5 %", "", "Costs; too"]
    Path("in.txt").write_text("\n".join(texts) + "\n")
    for number, given in enumerate((["in.txt"], texts)):
        predict(exported, *given, "--output", f"{number}.csv", "--batch-size", "1")
    assert capsys.readouterr().out == ""
    assert Path("0.csv").read_bytes() == Path("1.csv").read_bytes()
    assert read("0.csv")["text"].tolist() == texts


def test_a_text_that_ends_in_a_word_of_any_use_is_no_file() -> None:
    assert names_file("absent.tab") and not names_file("Where do I find the .data")


def test_an_empty_text_on_the_command_line_has_no_answer(
    exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    predict(exported, "a text", "")
    header, first, second = capsys.readouterr().out.strip("\n").splitlines()
    assert header.split() == ["text", "predicted", *CLASSES, "problem"]
    assert first.split()[2] in CLASSES
    assert "empty text" in second and not set(second.split()) & set(CLASSES)


def test_texts_are_looked_for_where_the_parameters_say(
    exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = (ROOT / "profiles/builtin.yaml").read_text().replace(
        "text_column: text ", 'text_column: "{title}: {body}" '
    )  # fmt: skip
    Path("params.yaml").write_text(known)
    Path("own.csv").write_text("title,body\nSales,rose\n,fell\n,\n")
    predict(exported, "own.csv", "--output", "out.csv")
    said = capsys.readouterr().err
    assert "the texts are read from '{title}: {body}', as params.yaml says" in said
    assert "1 row with some of the text columns empty" in said
    Path("same.csv").write_text("text\nSales: rose\nfell\n")
    predict(exported, "same.csv", "--output", "same_out.csv")
    answers = [read(name)[CLASSES].head(2).astype(float) for name in ("out.csv", "same_out.csv")]
    assert answers[0].equals(answers[1])
    predict(exported, "own.csv", "--text-column", "title", "body", "--output", "out.csv")
    assert list(read("out.csv")["problem"]) == ["", "", "empty text"]


@pytest.mark.parametrize("name", ["a.json", "a.csv"])
def test_a_message_names_the_file_once(name: str) -> None:
    Path(name).write_text({"a.json": "[]", "a.csv": "key\n1\n"}[name])
    with pytest.raises(InputError) as error:
        incoming.look_through(Path(name), ["text"])
    assert str(error.value).count(name) == 1


def test_a_text_that_is_but_a_part_of_what_was_learnt_is_not_asked_alone(
    exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = (ROOT / "profiles/builtin.yaml").read_text().replace(
        "text_column: text ", 'text_column: "{title}: {text}" '
    )  # fmt: skip
    Path("params.yaml").write_text(known)
    Path("own.csv").write_text("title,text\nSales,rose\n")
    predict(exported, "own.csv", "--output", "out.csv")
    assert "the texts are read from '{title}: {text}'" in capsys.readouterr().err
    Path("whole.txt").write_text("Sales: rose\n")
    predict(exported, "whole.txt", "--output", "whole.csv")
    assert "text" in read("whole.csv")
    assert read("out.csv")[CLASSES].equals(read("whole.csv")[CLASSES])


def test_a_text_has_one_answer_whatever_its_line_breaks(exported: Path) -> None:
    cells = [f"Sales rose.{end}Costs fell." for end in ("\r\n", "\r", "\n")]
    Path("in.csv").write_bytes("\n".join(["text", *map('"{}"'.format, cells)]).encode())
    predict(exported, "in.csv", "--output", "out.csv")
    answers = read("out.csv")[CLASSES]
    assert len(answers) == 3 and len(answers.drop_duplicates()) == 1


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_standard_input_goes_to_standard_output(
    exported: Path, form: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = b"title\tkey\nSales rose\t1\n\t2\n"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(given)))
    asked = ("--text-column", "title", "--input-format", "tsv", "--format", form)
    predict(exported, "-", *asked)
    Path(f"out.{form}").write_text(capsys.readouterr().out)
    assert read(f"out.{form}")["title"].tolist() == ["Sales rose", ""]


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_a_run_that_was_stopped_is_gone_on_from_and_ends_in_the_same_bytes(
    exported: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labelling, "PART", 4)
    texts = [f"Sales rose by {number} %" if number % 3 else "" for number in range(18)]
    Path("in.csv").write_text("\n".join(["key,text", *(f"{n},{t}" for n, t in enumerate(texts))]))
    shutil.copy(ROOT / "profiles/builtin.yaml", "params.yaml")
    asked = ["in.csv", "--doubts", "doubts.csv", "--output"]
    predict(exported, *asked, f"whole.{form}")
    doubts = Path("doubts.csv").read_bytes()
    Path("doubts.csv").unlink()
    labelled, write = 0, labelling.Labeller.label

    def stop(self: labelling.Labeller, part: list[labelling.Text], *more: Any) -> bytes:
        nonlocal labelled
        labelled += 1
        if labelled == 3:
            raise KeyboardInterrupt
        return write(self, part, *more)

    monkeypatch.setattr(labelling.Labeller, "label", stop)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        predict(exported, *asked, f"out.{form}")
    assert not Path(f"out.{form}").exists() and not Path("doubts.csv").exists()
    predict(exported, *asked, f"out.{form}")
    assert labelled == 3 + 3, "two parts of five were there"
    assert Path(f"out.{form}").read_bytes() == Path(f"whole.{form}").read_bytes()
    assert read(f"out.{form}")["key"].astype(int).tolist() == list(range(18))
    assert Path("doubts.csv").read_bytes() == doubts and doubts.count(b"\n") == 1 + 12
    assert not list(Path().glob(".*"))


def test_parts_of_another_input_are_not_gone_on_from(exported: Path) -> None:
    Path("in.txt").write_text("Sales rose\n")
    parts = Path(".out.csv.parts")
    parts.mkdir()
    (parts / "00000000").write_text("other")
    (parts / "made_from.json").write_text("{}")
    predict(exported, "in.txt", "--output", "out.csv")
    assert read("out.csv")["text"].tolist() == ["Sales rose"]


@pytest.mark.slow  # two processes that import torch
def test_a_killed_process_is_gone_on_from_and_two_do_not_write_one_file(exported: Path) -> None:
    Path("in.txt").write_text("".join(f"Sales rose by {number} %\n" for number in range(8000)))
    command = [sys.executable, "-m", "reprotune", "predict", "in.txt", "--model", str(exported)]
    process = subprocess.Popen([*command, "--output", "out.csv"], env={**os.environ})
    first = Path(".out.csv.parts/00000000")
    while not first.exists():
        assert process.poll() is None
        time.sleep(0.01)
    with pytest.raises(SystemExit, match="another process is writing it"):
        predict(exported, "in.txt", "--output", "out.csv")
    process.send_signal(signal.SIGKILL)
    process.wait()
    written = first.stat().st_mtime_ns
    assert not Path("out.csv").exists()
    predict(exported, "in.txt", "--output", "whole.csv")
    assert first.stat().st_mtime_ns == written
    predict(exported, "in.txt", "--output", "out.csv")
    assert Path("out.csv").read_bytes() == Path("whole.csv").read_bytes()
