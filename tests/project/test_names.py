"""Classes that come as numbers get their names: said, from a file, or from the data's schema."""

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reprotune.core.errors import InputError
from reprotune.project.init import describe_reading, list_files, name_columns
from reprotune.project.names import find_names, rename
from reprotune.project.sniff import look, name_classes
from reprotune.project.telling import describe_numbers
from reprotune.project.wanted import Wanted

FEATURES = {
    "label": {"names": ["bad", "good"], "_type": "ClassLabel"},
    "text": {"dtype": "string", "_type": "Value"},
}


def write(file: Path, labels: list[int], features: object = FEATURES) -> Path:
    """A Parquet file as Hugging Face's datasets writes it."""
    texts = [f"text number {n} of many" for n in range(len(labels))]
    table = pa.table({"text": texts, "label": pa.array(labels, pa.int64())})
    kept = {"huggingface": json.dumps({"info": {"features": features}})}
    pq.write_table(table.replace_schema_metadata(kept), file)
    return file


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (["0=negative", "1=very = good"], {"0": "negative", "1": "very = good"}),
        (["0 = negative"], {"0": "negative"}),
        (["names.txt"], {"0": "no", "1": "yes"}),
        (["0\tno, or not\n1\tyes"], {"0": "no, or not", "1": "yes"}),
        (["id,name\n0,no\n1,yes\n2,of no row"], {"0": "no", "1": "yes"}),
        (["no: 0\nyes: 1"], {"0": "no", "1": "yes"}),
        (['{"0": "no", "1": "yes", "2": "of no row"}'], {"0": "no", "1": "yes"}),
        (['{"no": 0, "yes": 1}'], {"0": "no", "1": "yes"}),
        (['["no", "yes"]'], {"0": "no", "1": "yes"}),
        ([], {"0": "0", "1": "1"}),
    ],
)
def test_names_are_said_or_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: list[str], expected: dict[str, str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("names.txt").write_text("\ufeffno\n\n yes \n", encoding="utf-8")
    if (asked and asked[0][0] in "[{") or "\n" in "".join(asked):  # what is in the file
        Path("names.txt").write_text(asked[0])
        asked = ["names.txt"]
    names = find_names(asked, [], "label")
    assert rename({"0": "0", "1": "1"}, names) == {"0": "0", "1": "1", **expected}


def test_numbers_begin_with_0_or_with_1_and_minus_1_is_no_class() -> None:
    assert rename({"1": "1", "2": "2"}, ["a", "b"]) == {"1": "a", "2": "b"}
    assert rename({"-1": "-1", "1": "1"}, ["a", "b"]) == {"-1": None, "1": "b"}


def test_integers_that_come_as_floats_are_named_as_integers() -> None:
    labels = name_classes(pd.Series(["1.0", "2.0"] * 9), "stars")
    assert labels == {"1.0": "1", "2.0": "2"}
    assert rename(labels, {"2": "good"}) == {"1.0": "1", "2.0": "good"}
    assert rename(labels, ["bad", "good"]) == {"1.0": "bad", "2.0": "good"}
    assert name_classes(pd.Series(["1.0", "1.5"] * 9), "stars") == {"1.0": "1.0", "1.5": "1.5"}


def test_whether_numbers_begin_with_0_or_with_1_is_not_guessed(tmp_path: Path) -> None:
    labels = {"1": "1", "2": "2"}
    with pytest.raises(InputError, match=r"neither 0 nor 3, so the first name may be"):
        rename(labels, ["a", "b", "c"])
    known = {"label": FEATURES["label"] | {"names": ["a", "b", "c"]}}
    names = find_names([], [write(tmp_path / "a.parquet", [1, 2], known)], "label")
    assert rename(labels | {"-1": "-1"}, names) == {"1": "b", "2": "c", "-1": None}


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (["nothing.txt"], "nothing.txt: no such file, and no RAW=NAME such as 0=negative"),
        (["0=a", "b"], "--names b: not RAW=NAME"),
        (["=a", "1=b"], "not RAW=NAME"),
        (["7=a", "1=b"], "--names 7=a: no row has this label; there are ['0', '1', '2']"),
        (["names.txt"], "2 names given, from 'no' to 'yes', and none for the label '2'"),
    ],
)
def test_wrong_names_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("names.txt").write_text("no\nyes\n")
    with pytest.raises(InputError) as error:
        rename({"0": "0", "1": "1", "2": "2"}, find_names(asked, [], "label"))
    assert message in str(error.value)


def test_the_names_of_a_parquet_file_are_taken_and_shown(tmp_path: Path) -> None:
    file = write(tmp_path / "a.parquet", [0, 1] * 20 + [-1])
    wanted = Wanted([file], text="text", label="label")
    way = name_columns(describe_reading(list_files(wanted)[1], None), "text", "label")
    names = find_names(wanted.names, [file], way.label_column)
    seen = look(way, [file], names)
    assert dict(seen.classes) == {"bad": 20, "good": 20}
    assert seen.named == {"0": "bad", "1": "good"}
    assert seen.left_out == {"-1": 1}
    assert not describe_numbers(seen)
    bare = look(way, [write(tmp_path / "b.parquet", [10, 2] * 20, None)], ())
    assert "--names 2=NAME 10=NAME ..." in describe_numbers(bare)


@pytest.mark.parametrize(
    "features",
    [None, [], "x", {"label": {}}, {"label": {"names": 3, "_type": "ClassLabel"}}, {"label": None},
     {"label": {"names": ["a", 1], "_type": "ClassLabel"}}],
)  # fmt: skip
def test_a_schema_that_holds_something_else_gives_no_names(
    tmp_path: Path, features: object
) -> None:
    file = write(tmp_path / "a.parquet", [0, 1], features)
    assert not find_names([], [file], "label")
