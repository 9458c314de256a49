"""Files of many shapes give the same table; what is wrong is named with file and row."""

import hashlib
import re
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from reprotune.core.errors import InputError
from reprotune.core.params import Download, Params, SourceFile
from reprotune.data.reading.files import Reading, read_files
from reprotune.data.reading.workbooks import check_extent, parse_sheets

ROWS = [["Profit rose, again", "positive"], ["“Flat” at 5 €", "neutral"]]
BY_POSITION = {"header": False, "text_column": 0, "label_column": 1}
AT_SIGN = {"delimiter": "@"} | BY_POSITION
ONE_CLASS_A_FILE = {"delimiter": "\t", "header": False, "text_column": 0, "label_column": None}


class Source:
    """A source folder and the settings that read it."""

    def __init__(self, folder: Path, download: Download) -> None:
        self.folder, self.download = folder, download
        self.files: list[SourceFile] = []

    def add(self, name: str, content: str | bytes, **known: str | None) -> None:
        raw = content.encode() if isinstance(content, str) else content
        (self.folder / name).write_bytes(raw)
        self.list(name, **known)

    def list(self, name: str, **known: str | None) -> None:
        entry = {"location": name, "sha256": None, "label": None, "split": None} | known
        self.files.append(SourceFile.model_validate(entry))

    def read(self, **settings: Any) -> pd.DataFrame:
        return self.sort(**settings).rows

    def sort(self, **settings: Any) -> Reading:
        values = self.download.model_dump() | {"kind": "file", "files": self.files} | settings
        return read_files(Download.model_validate(values), self.folder)


@pytest.fixture
def source(tmp_path: Path, params: Params) -> Source:
    folder = tmp_path / "source"
    folder.mkdir()
    settings = {
        "encoding": "utf-8",
        "delimiter": ",",
        "header": True,
        "text_column": "text",
        "label_column": "label",
        "bad_rows": 0.0,
        "labels": {"negative": "negative", "neutral": "neutral", "positive": "positive"},
    }
    return Source(folder, params.download.model_copy(update=settings))


CSV = 'label,text,other\npositive,"Profit rose, again",1\nneutral,“Flat” at 5 €,2\n'


@pytest.mark.parametrize(
    ("name", "content", "settings"),
    [
        ("a.csv", CSV, {}),
        ("A.CSV", CSV.replace("\n", "\r\n"), {}),
        ("a.csv", CSV.replace("\n", "\n\n"), {}),
        ("a.csv", CSV.rstrip("\n"), {}),
        ("a.csv", CSV.encode("cp1252"), {"encoding": "cp1252"}),
        ("a.csv", CSV.encode("utf-16"), {"encoding": "utf-16"}),
        ("a.tsv", "\n".join("\t".join(r) for r in [["text", "label"], *ROWS]), {"delimiter": "\t"}),
        ("a.txt", "\n".join("@".join(row) for row in ROWS) + "\n", AT_SIGN),
        ("a.csv", 'positive,"Profit rose, again"\nneutral,“Flat” at 5 €\n', {
            "header": False, "text_column": 1, "label_column": 0
        }),
        ("a.jsonl", '{"text": "Profit rose, again", "label": "positive", "more": [1]}\n\n'
                    '{"label": "neutral", "text": "“Flat” at 5 €"}\n', {}),
    ],
    ids=["csv", "crlf", "blank lines", "no last newline", "cp1252", "utf-16", "tab", "at sign",
         "no header", "jsonl"],
)  # fmt: skip
def test_every_format_gives_the_same_table(
    source: Source, name: str, content: str | bytes, settings: dict[str, Any]
) -> None:
    source.add(name, content)
    table = source.read(**settings)
    assert table[["text", "label"]].to_numpy().tolist() == ROWS
    assert table["split"].isna().all()


def test_a_parquet_file_with_numbers_for_labels_is_read(source: Source) -> None:
    table = pd.DataFrame({"label": [2, 1], "text": [text for text, _ in ROWS]})
    source.add("a.parquet", table.to_parquet())
    labels = {"0": "negative", "1": "neutral", "2": "positive"}
    assert source.read(labels=labels)[["text", "label"]].to_numpy().tolist() == ROWS


@pytest.mark.parametrize("encoding", ["utf-8", "UTF-8", "utf8", "utf_8"])
def test_a_byte_order_mark_is_no_part_of_the_first_column(source: Source, encoding: str) -> None:
    source.add("a.csv", ("\ufeff" + "text,label\nup,positive\n").encode())
    assert source.read(encoding=encoding)["text"].tolist() == ["up"]


def test_one_file_a_class_and_a_split_are_put_together_in_their_order(source: Source) -> None:
    source.add("b.neg", "bad, it is\nworse\n", label="negative", split="train")
    source.add("a.pos", "good\n", label="positive", split="test")
    assert source.read(**ONE_CLASS_A_FILE).to_numpy().tolist() == [
        ["bad, it is", "negative", "train"],
        ["worse", "negative", "train"],
        ["good", "positive", "test"],
    ]


def test_a_sentence_is_cut_at_its_last_at_sign_only(source: Source) -> None:
    source.add("a.txt", "mail ir@a.example , please .@neutral \n")
    assert source.read(**AT_SIGN)["text"].tolist() == ["mail ir@a.example , please ."]


@pytest.mark.parametrize("character", ["\n", "\r\n", "\u2028", "\x85", "\x0b"])
def test_a_quoted_cell_keeps_its_line_breaks_as_one_kind(source: Source, character: str) -> None:
    source.add("a.csv", f'text,label\n"a{character}b",neutral\nc,positive\n')
    kept = character.replace("\r\n", "\n")
    assert source.read()["text"].tolist() == [f"a{kept}b", "c"]


@pytest.mark.parametrize("character", ["\u2028", "\x85", "\x0b", "\x1c"])
@pytest.mark.parametrize(
    ("name", "form", "settings"),
    [
        ("a.csv", "text,label\n{},neutral\n", {}),
        ("a.txt", "{}@neutral\n", AT_SIGN),
        ("a.jsonl", '{{"text": "{}", "label": "neutral"}}\n', {}),
    ],
    ids=["csv", "at sign", "jsonl"],
)
def test_only_line_feeds_end_a_row(
    source: Source, name: str, form: str, settings: dict[str, Any], character: str
) -> None:
    if name == "a.jsonl" and character < " ":
        character = f"\\u{ord(character):04x}"  # JSON allows control characters as escapes only
    source.add(name, form.format(f"a{character}b"))
    assert len(source.read(**settings)) == 1


def test_latin_1_read_as_utf_8_names_byte_row_and_remedy(source: Source) -> None:
    source.add("a.csv", "text,label\nup,positive\ncafé,neutral\n".encode("latin-1"))
    with pytest.raises(
        InputError, match=r"a\.csv: byte 0xe9 at offset \d+, in line 3, is not utf-8; .*latin-1"
    ):
        source.read()


def test_a_byte_order_mark_does_not_shift_the_byte_that_is_named(source: Source) -> None:
    source.add("a.csv", b"\xef\xbb\xbf" + "text,label\né,neutral\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"byte 0xe9 at offset \d+, in line 2, is not utf-8"):
        source.read()


@pytest.mark.parametrize(
    ("name", "content", "settings", "said"),
    [
        ("a.csv", CSV, {"text_column": "body"}, "no column 'body' (download.text_column); it has "
         "['label', 'text', 'other']"),
        ("a.csv", CSV, {"label_column": "class"}, "no column 'class' (download.label_column)"),
        ("a.csv", CSV, BY_POSITION | {"text_column": 7}, "no column 7 (download.text_column); "
         "it has [0, 1, 2]"),
        ("a.csv", CSV, {"labels": {"1": "x", "positive": "y"}}, "label 'neutral' (1 row, "
         "first in line 3) is not "
         "in download.labels; allowed are ['1', 'positive']"),
        ("a.csv", "text,label\na,\n", {}, "row 1: empty label: line 2: "),
        ("a.csv", "text,label\na,neutral\nb\n", {}, "line 3 has 1 column, the first has 2"),
        ("a.csv", 'text,label\n"a,neutral\n', {}, "unexpected end of data"),
        ("a.csv", "text,text,label\na,b,neutral\n", {}, "'text'"),
        ("a.csv", "", {}, "it is empty"),
        ("a.csv", CSV, {"encoding": "utf-9"}, "download.encoding: 'utf-9' is no encoding"),
        ("a.jsonl", '{"text": "a", "label": "neutral"}\n{"text": \n', {}, "line 2"),
        ("a.jsonl", '{"text": "a", "label": null}\n', {}, "row 1: empty label: "),
        ("a.jsonl", '{"text": "\\ud83d", "label": "neutral"}\n', {}, "lone surrogate: U+D83D"),
        ("a.parquet", "no parquet", {}, "holds text, and is no .parquet file"),
        ("a.docx", "x", {}, "cannot read a .docx file; a document has no rows"),
        ("a.xlsx", b"\x80", {}, "not readable as .xlsx"),
        ("a.csv.gz", "x", {}, "not readable as gzip"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_named_with_what_is_wrong(
    source: Source, name: str, content: str | bytes, settings: dict[str, Any], said: str
) -> None:
    source.add(name, content)
    with pytest.raises(InputError) as error:
        source.read(**settings)
    assert said in str(error.value)
    assert name in str(error.value) or "encoding" in said


def test_a_missing_file_is_named_with_those_that_are_there(source: Source) -> None:
    source.add("here.csv", CSV)
    source.list("gone.csv")
    with pytest.raises(
        InputError, match=r"gone\.csv: no such file \(download\.files\); .* holds \['here\.csv'\]"
    ):
        source.read()


@pytest.mark.parametrize("location", ["../a.csv", "sub/../../a.csv", "link.csv"])
def test_a_file_outside_the_tracked_folder_is_refused(source: Source, location: str) -> None:
    outside = source.folder.parent / "a.csv"
    outside.write_text(CSV)
    (source.folder / "link.csv").symlink_to(outside)
    source.list(location)
    with pytest.raises(InputError, match=rf"{re.escape(location)}: must lie under .*source"):
        source.read()


def test_a_location_may_include_the_tracked_folder(source: Source) -> None:
    source.add("a.csv", CSV)
    source.files[:] = []
    source.list(str(source.folder / "a.csv"))
    assert len(source.read()) == 2


def test_a_file_that_is_not_the_pinned_one_is_refused(source: Source) -> None:
    source.add("a.csv", CSV, sha256=hashlib.sha256(CSV.encode()).hexdigest())
    assert len(source.read()) == 2
    source.files[:] = []
    source.list("a.csv", sha256="0" * 64)
    with pytest.raises(InputError, match=r"a\.csv.*sha256"):
        source.read()


@pytest.mark.parametrize("marks", [{"quote": ","}, {"escape": ","}, {"escape": '"'}])
def test_delimiter_quote_and_escape_are_different(source: Source, marks: dict[str, str]) -> None:
    source.add("a.csv", CSV)
    with pytest.raises(ValueError, match="are three different characters"):
        source.read(**marks)


@pytest.mark.parametrize(("last", "is_read"), [("XFD1048576", False), ("C1048576", True)])
def test_a_lost_cell_far_from_a_table_does_not_fill_the_memory(last: str, is_read: bool) -> None:
    sheet = '<row r="1"><c r="A1" t="inlineStr"><is><t>text</t></is></c></row>' + (
        f'<row r="1048576"><c r="{last}" s="1"><v>1</v></c><c r="XFD1048576" s="1"/></row>'
    )
    main, office = (
        f"http://schemas.openxmlformats.org/{name}"
        for name in ("spreadsheetml/2006/main", "officeDocument/2006/relationships")
    )
    parts = {
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
        '<sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/'
        'package/2006/relationships"><Relationship Id="r1" Type="'
        f'{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{sheet}</sheetData>'
        "</worksheet>",
    }
    raw = BytesIO()
    with zipfile.ZipFile(raw, "w") as book:
        for name, text in parts.items():
            book.writestr(name, text)
    if is_read:
        check_extent(raw.getvalue())
    else:
        with pytest.raises(
            ValueError, match="a cell in row 1048576, and one in column XFD: delete"
        ):
            parse_sheets(raw.getvalue())
