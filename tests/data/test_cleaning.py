"""A text is the same to a model whichever way it comes: from training, predict, score or Python."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from reprotune.core.params import Download, Params, SourceFile
from reprotune.data.reading.cleaning import clean
from reprotune.data.reading.files import read_files
from reprotune.models.prompts import PromptEncoder
from reprotune.project.incoming import look_through
from reprotune.project.labelling import find_text
from tests import tiny

TEXTS: list[Any] = [
    "Sales rose.\r\nCosts fell.", "one\rtwo\n\n three ", " both ends\t",
    "cafe\u0301 \u200b caf\xe9",
    "\ufeffmark", "a\x0bb\x0cc", "\u65e5\u672c\u8a9e\u3002", "x\u2028y\u2029z\x85",
]  # fmt: skip
NUMBERS = [5.0, None, 2.5, 7.0]


@pytest.fixture(scope="module")
def encoder() -> PromptEncoder:
    return PromptEncoder(tiny.tokenizer(), "{text}\nIt is", {"up": " up", "down": " down"}, 64)


def write(values: list[Any], kind: str) -> None:
    table = pd.DataFrame({"text": values, "label": "up"})
    if kind == "csv":
        table.to_csv("own.csv", index=False)
    elif kind == "jsonl":
        table.to_json("own.jsonl", orient="records", lines=True)
    else:
        table.to_parquet("own.parquet")


def read_for_training(params: Params, kind: str) -> list[str]:
    file = SourceFile(location=f"own.{kind}", sha256=None, label=None, split=None)
    labels = {"up": "up", "down": "down"}
    read = {"kind": "file", "files": [file], "labels": labels, "bad_rows": 0.5}
    return (
        read_files(Download.model_validate(params.download.model_dump() | read), Path())
        .rows["text"]
        .tolist()
    )


def read_for_prediction(kind: str) -> list[str]:
    rows = look_through(Path(f"own.{kind}"), ["text"]).read()
    return [one.text for one in (find_text(row, "text") for row in rows) if not one.problem]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_text_has_the_same_input_ids_in_training_and_in_predictions(
    params: Params, encoder: PromptEncoder, tmp_path: Path, monkeypatch: Any, kind: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write(TEXTS, kind)
    taught, asked = read_for_training(params, kind), read_for_prediction(kind)
    ids = [[encoder.prompt(text) for text in texts] for texts in (taught, asked)]
    assert len(taught) == len(TEXTS) and ids[0] == ids[1]
    if kind != "csv":
        assert [encoder.prompt(clean(text)) for text in TEXTS] == ids[0]


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_numbers_as_texts_are_the_same_whether_one_is_missing_or_not(
    params: Params, tmp_path: Path, monkeypatch: Any, kind: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write(NUMBERS, kind)
    assert read_for_training(params, kind) == read_for_prediction(kind) == ["5", "2.5", "7"]


def test_line_breaks_of_every_kind_are_one() -> None:
    assert {clean(text) for text in ("a\r\nb", "a\rb", "a\nb")} == {"a\nb"}
