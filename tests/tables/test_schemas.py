"""Tables that break their contract are refused with file, row and column."""

from pathlib import Path

import pandas as pd
import pytest

from reprotune.core.errors import InputError
from reprotune.tables import schemas

ID = "0123456789abcdef"
CURATED = pd.DataFrame(
    {"id": [ID, ID[::-1]], "text": ["up", "down"], "label": ["good", "bad"], "reference_label": ""}
).astype("str")


def test_all_violations_are_listed_at_once_with_file_row_and_column() -> None:
    broken = CURATED.assign(id=["0" * 16, "x"], text=["up", "  "], label=[None, "bad"])
    with pytest.raises(InputError) as error:
        schemas.check(broken, schemas.Curated, "curated.parquet")
    message = str(error.value)
    assert message.startswith("curated.parquet: 3 violations of Curated:")
    for said in ("column id, row 1: 'x'", "column text, row 1: '  '", "column label, row 0: "):
        assert f"\n  {said}" in message


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (CURATED.drop(columns="label"), "'label' breaks column_in_dataframe"),
        (CURATED.assign(extra=1), "'extra' breaks column_in_schema"),
        (CURATED.assign(id=ID), "column id, row 1: '0123456789abcdef' breaks field_uniqueness"),
        (CURATED.assign(text=1.5), "column text, row 1: 1.5 breaks dtype"),
    ],
)
def test_missing_unknown_repeated_and_mistyped_columns_are_named(
    table: pd.DataFrame, said: str
) -> None:
    with pytest.raises(InputError) as error:
        schemas.check(table, schemas.Curated, "a")
    assert said in str(error.value)


def test_a_long_list_of_violations_is_cut_and_counted() -> None:
    rows = pd.DataFrame({"id": [f"{n:016x}" for n in range(25)], "group": "g", "role": "tset"})
    with pytest.raises(InputError, match=r"25 violations(?s:.*)row 9: 'tset'.*\n.*and 15 more$"):
        schemas.check(rows.assign(rank=1).astype({"group": "str"}), schemas.Roles, "roles")


def test_a_refused_table_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "curated.parquet"
    schemas.write(CURATED, path, schemas.Curated)
    with pytest.raises(InputError, match=r"curated\.parquet"):
        schemas.write(CURATED.assign(text=""), path, schemas.Curated)
    assert schemas.read(path, schemas.Curated).equals(CURATED)


def test_missing_values_and_the_words_for_them_stay_apart_in_a_file(tmp_path: Path) -> None:
    table = CURATED.assign(text=["NA", "a\nb\u2028c"], reference_label=[None, "None"])
    schemas.write(table, tmp_path / "a.parquet", schemas.Curated)
    again = schemas.read(tmp_path / "a.parquet", schemas.Curated)
    assert again["text"].tolist() == ["NA", "a\nb\u2028c"]
    assert again["reference_label"].isna().tolist() == [True, False]


def test_a_missing_file_names_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.parquet: no such file; `dvc repro` makes it"):
        schemas.read(tmp_path / "gone.parquet", schemas.Raw)


def test_unknown_labels_are_counted_and_the_classes_named() -> None:
    labels = pd.Series(["good", "god", "god"])
    with pytest.raises(InputError, match=r"here: .*'god' \(2 rows\); allowed are \['good', 'bad'"):
        schemas.check_labels(labels, ["good", "bad"], "here")


def test_a_missing_label_is_shown_as_such() -> None:
    with pytest.raises(InputError, match=r"unknown labels .*\(1 row\)"):
        schemas.check_labels(pd.Series(["good", None]), ["good", "bad"], "here")


@pytest.mark.parametrize("kept", [0, 4, 200, -1])
def test_a_damaged_file_is_one_message(tmp_path: Path, kept: int) -> None:
    file = tmp_path / "train.parquet"
    schemas.write(CURATED, file, schemas.Curated)
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(InputError, match=r"train\.parquet: damaged, or no Parquet.*dvc checkout"):
        schemas.read(file, schemas.Curated)
