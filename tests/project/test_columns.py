"""Nobody has to name the columns that a file plainly has."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reprotune.core.errors import InputError
from reprotune.project import candidates
from reprotune.project.candidates import take_rows
from reprotune.project.columns import guess_columns
from reprotune.project.dialects import Dialect, Sought
from reprotune.project.freezing import freeze
from reprotune.project.init import describe_reading, list_files
from reprotune.project.wanted import Wanted
from tests.project.test_kinds_of_files import EXPECTED, describe

TEXTS = [f"a {word} day with some more words {n}" for n in range(20) for word in ("good", "bad")]
LABELS = ["up", "down"] * 20
ALONE = {
    name: known
    for name, known in EXPECTED.items()
    if "class_of" not in known and known.get("guessed", True)
}


def guess(wanted: Wanted, work: Path) -> tuple[str | None, str | None]:
    found = freeze(wanted, work)
    files, entries = list_files(found)
    if entries[0].label is not None:  # a folder a class
        return found.text, found.label
    return guess_columns(files[0], describe_reading(entries, None), found)


@pytest.mark.parametrize("name", ALONE)
def test_the_columns_of_every_kind_of_file_are_found(name: str, tmp_path: Path) -> None:
    said = describe(name, ALONE[name])
    told: dict[str, Any] = {"test": said.test, "validation": said.validation, "query": said.query}
    if said.label and Path(said.label).is_file():
        told["label"] = said.label
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    found = freeze(said, tmp_path / "a")
    assert guess(Wanted(said.files, **told), tmp_path / "b") == (found.text, found.label)


def save(folder: Path, **columns: list[Any]) -> Wanted:
    pd.DataFrame(columns).to_csv(folder / "own.csv", index=False)
    return Wanted([folder / "own.csv"])


def test_what_is_in_a_column_counts_more_than_its_name(tmp_path: Path) -> None:
    assert guess(save(tmp_path, label=TEXTS, text=LABELS), tmp_path) == ("label", "text")


def test_a_name_that_says_more_is_usual_too(tmp_path: Path) -> None:
    numbers = [n % 2 for n in range(40)]
    found = guess(save(tmp_path, text=TEXTS, label=numbers, label_text=LABELS), tmp_path)
    assert found == ("text", "label_text")
    found = guess(save(tmp_path, lang=LABELS, text=TEXTS, label_id=numbers), tmp_path)
    assert found == ("text", "label_id")


def test_a_header_may_be_repeated_and_data_may_begin_without_one(tmp_path: Path) -> None:
    rows = pd.DataFrame({"text": TEXTS, "label": LABELS})
    twice = pd.concat([rows, pd.DataFrame([{"text": "text", "label": "label"}] * 2)])
    twice.to_csv(tmp_path / "own.csv", index=False)
    assert guess(Wanted([tmp_path / "own.csv"]), tmp_path) == ("text", "label")
    rows.assign(again=LABELS[::-1]).to_csv(tmp_path / "own.csv", index=False, header=False)
    with pytest.raises(
        InputError, match=r"with one of 1 \(2 values\), 2 \(2 values\)\. It has: 0 \(a "
    ):
        guess(Wanted([tmp_path / "own.csv"]), tmp_path)


def test_without_usual_names_the_longest_texts_and_the_only_few_values_are_meant(
    tmp_path: Path,
) -> None:
    numbers = [n / 7 for n in range(40)]
    days = [f"2024-01-{1 + n % 28:02}" for n in range(40)]
    found = guess(
        save(tmp_path, key=list(range(40)), day=days, a=TEXTS, b=numbers, c=LABELS), tmp_path
    )
    assert found == ("a", "c")


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        (
            {"text": TEXTS}
            | {str(n): list(range(n, n + 40)) for n in range(30)}
            | {"x": LABELS, "y": [*"abcd"] * 10},
            r"own\.csv: say --label with one of x \(2 values\), y \(4 values\)\. It has: text \(",
        ),
        ({"a": TEXTS, "b": TEXTS[::-1], "label": LABELS}, r"--text with one or more of a \(40"),
        ({"text": TEXTS}, "no column has a few values that come again and again: say --label"),
        (
            {"a": list(range(40)), "part": ["train", "test"] * 20},
            "no column has texts of several words: say --text; no column has a few",
        ),
    ],
)
def test_what_may_be_meant_otherwise_is_asked(
    tmp_path: Path, columns: dict[str, list[Any]], told: str
) -> None:
    with pytest.raises(InputError, match=told):
        guess(save(tmp_path, **columns), tmp_path)


def test_a_delimiter_and_an_encoding_that_are_said_are_taken(tmp_path: Path) -> None:
    table = pd.DataFrame({"é": TEXTS, "ü": LABELS})
    table.to_csv(tmp_path / "own.csv", index=False, sep="\t", encoding="utf-16-le")
    for name in ("tab", "\\t"):
        said = Wanted([tmp_path / "own.csv"], delimiter=name, encoding="utf-16-le")
        assert guess(said, tmp_path) == ("é", "ü")
    with pytest.raises(InputError, match="is not one to 16 characters"):
        guess(replace(said, delimiter=";" * 17), tmp_path)


def test_an_empty_file_has_no_columns_to_choose_from(tmp_path: Path) -> None:
    (tmp_path / "own.csv").touch()
    with pytest.raises(InputError, match=r"own\.csv: has a line or none, and so no rows"):
        guess(Wanted([tmp_path / "own.csv"]), tmp_path)


@pytest.mark.parametrize("form", ["records", "index", "columns", "split", "table"])
def test_json_as_pandas_writes_it_has_rows(tmp_path: Path, form: Any) -> None:
    frame = pd.DataFrame({"text": TEXTS, "label": LABELS})
    (tmp_path / "own.json").write_text(json.dumps(json.loads(frame.to_json(orient=form))))
    assert guess(Wanted([tmp_path / "own.json"]), tmp_path) == ("text", "label")


@pytest.mark.parametrize("data", [5, [5], "rows", None, {"a": 1}])
def test_json_that_only_looks_so_is_refused_in_a_sentence(tmp_path: Path, data: Any) -> None:
    (tmp_path / "own.json").write_text(json.dumps({"columns": ["text", "label"], "data": data}))
    with pytest.raises(InputError, match=r"own\.json"):
        guess(Wanted([tmp_path / "own.json"]), tmp_path)


def test_a_file_that_is_sorted_by_its_labels_shows_two_of_them(tmp_path: Path) -> None:
    texts = [f"{text} {n}" for n in range(150) for text in TEXTS]
    assert guess(save(tmp_path, what=texts, kind=sorted(LABELS * 150)), tmp_path) == (
        "what",
        "kind",
    )


def test_times_in_words_are_no_texts_and_a_premise_is_not_all_of_one(tmp_path: Path) -> None:
    times = [f"Mon Apr 06 22:19:{n:02} PDT 2009" for n in range(40)]
    assert guess(save(tmp_path, at=times, said=TEXTS, kind=LABELS), tmp_path) == ("said", "kind")
    longer = [text * 3 for text in TEXTS]
    with pytest.raises(InputError, match=r"say --text with one or more of hypothesis .*, premise"):
        guess(save(tmp_path, premise=longer, hypothesis=TEXTS, label=LABELS), tmp_path)


def test_of_many_columns_few_rows_are_looked_at_and_few_columns_hold_delimiters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide = pd.DataFrame(np.zeros((5000, 2000)))
    assert [len(take_rows(wide.iloc[:, :count])) for count in (1, 20, 50, 2000)] == [
        5000, 5000, 2000, 100,
    ]  # fmt: skip
    judged: list[Dialect] = []

    def judge(sought: Sought, dialect: Dialect) -> None:
        judged.append(dialect)

    monkeypatch.setattr(candidates, "judge", judge)
    numbers = [f"x{n}" for n in range(400)]
    ones = ",".join("1" * 400)
    rows = [f"{text},{label},{ones}" for text, label in zip(TEXTS, LABELS, strict=True)]
    rows[3:9] = [row.replace(" day", ", or day") for row in rows[3:9]]
    (tmp_path / "own.csv").write_text("\n".join([",".join(["text", "label", *numbers]), *rows]))
    assert guess(Wanted([tmp_path / "own.csv"]), tmp_path) == ("text", "label")
    assert {way.sink for way in judged} == {"text", "label", *numbers[:48], 0, 1}
