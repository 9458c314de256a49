"""Texts of several columns are written into the parameters and read so everywhere."""

import contextlib
import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.params import Download
from reprotune.core.params.fields import join_columns, list_fields
from reprotune.core.params_file import load_params
from reprotune.data.reading.columns import fill
from reprotune.project.asking import Scored
from reprotune.project.incoming import look_through
from reprotune.project.init import init
from reprotune.project.labelling import Report, divide
from reprotune.project.options import repeat_options
from reprotune.project.predict import look_for_texts
from reprotune.project.score import read_rows
from reprotune.project.telling import report
from reprotune.project.wanted import Wanted
from reprotune.tables import metrics
from stages import download

ROOT = Path(__file__).resolve().parents[2]
TWO = "{title}\n{body}"


@pytest.mark.parametrize(
    ("template", "cells", "expected"),
    [
        (TWO, ("Up", "Sales rose."), "Up\nSales rose."),
        (TWO, ("Up", ""), "Up"),
        (TWO, (None, "Sales rose."), "Sales rose."),
        (TWO, (float("nan"), "  "), None),
        ("{title}: {body}", ("", "Sales rose."), "Sales rose."),
        ("{title}: {body}", ("Up", None), "Up"),
        ("T: {title}, B: {body}.", ("", "b"), "B: b."),
        ("<{title}> {body}", ("a", "b"), "<a> b"),
        ("{title} {body}", ("{body}", "\\1 {title}"), "{body} \\1 {title}"),
        ("{title} {body}", (5.0, 7), "5 7"),
        (TWO, ("Up", ["a", "b"]), ["a", "b"]),
    ],
)
def test_empty_cells_leave_no_trace_and_no_cell_is_a_template(
    template: str, cells: tuple[Any, Any], expected: object
) -> None:
    assert fill(template, cells) == expected


def test_columns_that_are_named_one_by_one_are_a_line_each() -> None:
    assert join_columns([]) is None
    assert join_columns(["review"]) == "review"
    assert join_columns(["title", "body"]) == TWO
    assert join_columns(["0", "2"]) == "{0}\n{2}"
    assert join_columns(["{title}: {body}"]) == "{title}: {body}"


def test_a_file_after_the_columns_is_no_column(tmp_path: Path) -> None:
    (tmp_path / "own").touch()
    for file in (str(tmp_path / "own"), "missing.csv"):
        given = ["init", "--text", "title", "review.body", file, "b.csv", "--label", "l"]
        rest = [file, "b.csv", "--label", "l"]
        assert repeat_options(given) == ["init", "--text", "{title}\n{review.body}", *rest]


def test_columns_that_are_said_one_after_another_are_one_template() -> None:
    given = ["init", "a.csv", "--text", "title", "--label", "l", "--text", "body"]
    assert repeat_options(given) == ["init", "a.csv", "--text", TWO, "--label", "l"]
    assert repeat_options(["predict", "--text-column"]) == ["predict", "--text-column"]


def make_rows(count: int) -> pd.DataFrame:
    rows = [(f"Title {n}", f"Body {n} of it", "up" if n % 2 else "down") for n in range(count)]
    table = pd.DataFrame(rows, columns=["title", "body", "label"])
    table.loc[3, "title"] = ""
    table.loc[[5, 6], "body"] = ""
    table.loc[7, ["title", "body"]] = ""
    return table


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for folder in ("profiles", "models/source/builtin"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    (tmp_path / paths.SOURCE_DATA).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "header", "columns"),
    [
        ("a.csv", True, ["title", "body"]), ("b.csv", False, ["0", "1"]),
        ("c.jsonl", True, ["title", "body"]), ("d.parquet", True, ["{title}: {body}"]),
    ],
)  # fmt: skip
def test_the_texts_of_a_model_are_those_that_predict_and_score_read(
    project: Path, name: str, header: bool, columns: list[str]
) -> None:
    table = make_rows(120)
    if name.endswith("csv"):
        table.to_csv(name, index=False, header=header)
    elif name.endswith("jsonl"):
        Path(name).write_text("\n".join(map(json.dumps, table.to_dict("records"))))
    else:
        table.to_parquet(name)
    label = "label" if header else "2"
    found = init(Wanted([Path(name)], text=join_columns(columns), label=label))
    told = " ".join(str(cell) for cell in report(*found).columns[1].cells)
    assert "some of them empty in 3 rows" in told and "empty text: 1" in told
    params = load_params()
    template = str(params.download.text_column)
    assert template == join_columns(columns)
    download.run(params)
    taught = pd.read_parquet(paths.RAW)["text"].tolist()
    mark = ": " if ":" in template else "\n"
    assert taught[:4] == [f"Title {n}{mark}Body {n} of it" for n in range(3)] + ["Body 3 of it"]
    known = metrics.read(paths.DOWNLOAD_METRICS, metrics.Download)
    assert (known.partial, known.bad_rows) == (3, {"empty text": 1})
    heard = Report()
    given = look_through(Path(name), list_fields(template))
    asked = [one for part in divide(given, template, heard) for one in part]
    assert [one.text for one in asked if not one.problem] == taught
    assert (heard.count, heard.partial) == (1, 3)
    assert heard.sentence.endswith("3 rows with some of the text columns empty")
    scored, _ = read_rows(Scored(Path(name), label_column=label), params)
    assert scored["text"].tolist() == taught


def test_the_name_of_a_column_may_have_braces(project: Path) -> None:
    make_rows(60).rename(columns={"body": "text {en}"}).to_csv("a.csv", index=False)
    init(Wanted([Path("a.csv")], text="text {en}", label="label", bad_rows=0.1))
    download.run(load_params())
    taught = pd.read_parquet(paths.RAW)["text"].tolist()
    given, column = look_for_texts(Path("a.csv"), "text {en}")
    asked = [one for part in divide(given, column, Report()) for one in part]
    assert [one.text for one in asked if not one.problem] == taught and taught[0] == "Body 0 of it"


def test_a_position_of_columns_without_a_header_is_a_number(project: Path) -> None:
    known = load_params(paths.PROFILES / "builtin.yaml").download.model_dump()
    for text, works in (("{0} {2}", True), ("{0} {a}", False), ("0", False), (0, True)):
        values = known | {"header": False, "text_column": text, "label_column": 1}
        with contextlib.nullcontext() if works else pytest.raises(ValueError, match="positions"):
            Download.model_validate(values)


def test_a_column_of_a_template_that_is_not_there_is_named(project: Path) -> None:
    make_rows(60).to_csv("a.csv", index=False)
    with pytest.raises(InputError, match=r"no column 'head'.*it has \['title', 'body', 'label'\]"):
        init(Wanted([Path("a.csv")], text="{head}\n{body}", label="label"))
    with pytest.raises(InputError, match="no column 'head'"):
        look_through(Path("a.csv"), ["head", "body"])


def test_fields_of_objects_are_columns_too(project: Path) -> None:
    rows = [{"review": {"title": f"T{n}", "body": "b" * (n % 3)}} for n in range(4)]
    Path("a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    for template, expected in {
        "{review.title}\n{review.body}": ["T0", "T1\nb", "T2\nbb", "T3"],
        "review.title": ["T0", "T1", "T2", "T3"],
    }.items():
        given = look_through(Path("a.jsonl"), list_fields(template) or [template])
        assert [one.text for part in divide(given, template, Report()) for one in part] == expected
