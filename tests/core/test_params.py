"""Wrong parameters are refused with the key, the value and what is allowed."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from reprotune.core.errors import InputError
from reprotune.core.params import Params
from reprotune.core.params_file import load_params
from reprotune.tables.classes import class_names
from tests.conftest import PARAMS

Changed = Callable[[dict[str, Any]], Params]
INFINITE = float("inf")
FILE = {"location": "a.csv", "sha256": None, "label": None, "split": None}
FIRST_LABEL = r"^  labels:.*\n    \S+:"


def load_edited(folder: Path, pattern: str, replacement: str) -> Params:
    text, edits = re.subn(pattern, replacement, PARAMS.read_text("utf-8"), count=1, flags=re.M)
    assert edits == 1
    path = folder / "params.yaml"
    path.write_text(text, "utf-8")
    return load_params(path)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("train.learning_rat", 1, "is no parameter; did you mean learning_rate?"),
        ("train.learning_rate", 0, "is 0; Input should be greater than 0, or 'auto'"),
        ("train.learning_rate", "fast", "is 'fast'; Input should be a valid number, or 'auto'"),
        ("train.learning_rate", INFINITE, "is inf; Input should be a finite number, or 'auto'"),
        (
            "train.micro_batch_size",
            0,
            "is 0; Input should be greater than or equal to 1, or 'auto'",
        ),
        ("train.weight_decay", INFINITE, "is inf; Input should be a finite number"),
        ("roles.near_duplicate_threshold", 1.5, "is 1.5; Input should be less than or equal to 1"),
        ("roles.test_per_class", 0, "is 0; Input should be greater than or equal to 1"),
        ("threads", 1.5, "is 1.5; Input should be a valid integer"),
        ("seed", None, "is None; Input should be a valid integer"),
        ("download.header", "maybe", "is 'maybe'; Input should be a valid boolean"),
        ("download.kind", "ftp", "is 'ftp'; Input should be 'builtin', 'file', 'url' or 'hub'"),
        (
            "download.delimiter",
            "=" * 17,
            f"is '{'=' * 17}'; String should have at most 16 characters",
        ),
        ("download.builtin.wrong_labels", 0.95, "is 0.95; "),  # only 0.8 can be swapped
        ("curate.duplicates", "drop", "is 'drop'; Input should be 'keep' or 'quarantine'"),
    ],
)
def test_a_wrong_value_is_refused_with_its_key_and_what_is_allowed(
    changed: Changed, key: str, value: object, said: str
) -> None:
    with pytest.raises(InputError, match=re.escape(f"{key} {said}")):
        changed({key: value})


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"download.kind": "file"}, "download.files"),
        ({"download.kind": "hub", "download.files": []}, "download.files"),
        ({"download.kind": "hub", "download.files": [FILE]}, "download.revision"),
        ({"download.kind": "url", "download.files": [FILE]}, "sha256"),
        ({"download.label_column": None, "download.files": [FILE]}, "label of its own"),
        ({"download.header": False}, "text_column"),
        ({"download.header": False, "download.text_column": 0}, "label_column"),
        ({"download.labels": {"a": "same", "b": "same"}}, "at least two classes"),
        ({"model.kind": "hub"}, "model.revision"),
        ({"model.location": "elsewhere"}, "models/source/builtin"),
        ({"roles.test_per_class": None, "roles.train_per_class": None}, "roles"),
        ({"prompt.template": "no place for it"}, "{text} exactly once"),
        ({"prompt.verbalizers": {"negative": " a", "positive": " b"}}, "'neutral'"),
        (
            {"prompt.verbalizers": {"negative": " a", "neutral": " a", "positive": " b"}},
            "differ from one another",
        ),
        (
            {"train.learning_rate": "auto", "train.processes": 2, "train.accelerate": "a.yaml"},
            "learning_rate auto puts the weights back",
        ),
    ],
)
def test_values_that_do_not_go_together_are_refused(
    changed: Changed, values: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=re.escape(said)):
        changed(values)


def test_all_violations_are_listed_at_once(changed: Changed) -> None:
    wrong = {"threads": 0, "train.learning_rate": -1, "audit.folds": "many", "curate.dupes": 1}
    with pytest.raises(InputError) as error:
        changed(wrong)
    assert "changed.yaml: 4 parameters are wrong:" in str(error.value)
    assert all(f"\n  {key} is " in str(error.value) for key in wrong)


def test_violations_between_values_are_listed_at_once_too(changed: Changed) -> None:
    with pytest.raises(InputError) as error:
        changed({"download.kind": "hub", "download.header": False, "prompt.template": "none"})
    for said in ("download.files", "download.repository", "text_column", "{text} exactly once"):
        assert said in str(error.value)


def test_a_missing_key_is_named_for_no_default_lives_in_code(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="threads is missing"):
        load_edited(tmp_path, r"^threads:.*\n", "")


def test_an_exponent_without_a_point_is_a_number(tmp_path: Path) -> None:
    params = load_edited(tmp_path, r"^  learning_rate: 1e-3", "  learning_rate: 1e-4")
    assert params.train.learning_rate == 0.0001


@pytest.mark.parametrize("word", ["no", "off", "y"])
def test_words_that_yaml_1_1_takes_for_booleans_are_text(tmp_path: Path, word: str) -> None:
    params = load_edited(tmp_path, FIRST_LABEL, f"  labels:\n    {word}:")
    assert next(iter(params.download.labels)) == word


def test_a_label_key_that_is_a_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"download\.labels\.0.* is 0; .*string"):
        load_edited(tmp_path, FIRST_LABEL, "  labels:\n    0:")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "(the whole file) is None"),
        ("seed: 1\nseed: 2\n", 'found duplicate key "seed"'),
        ("seed: [1\n", "not readable as YAML 1.2"),
    ],
)
def test_a_file_that_is_no_mapping_is_refused_by_its_name(
    tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=re.escape(said)) as error:
        load_params(path)
    assert str(path) in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.yaml: no such file"):
        load_params(tmp_path / "absent.yaml")


def test_parameters_cannot_be_changed_in_a_run(params: Params) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        params.train.seed = 2


def test_raw_values_may_share_a_class_and_keep_the_class_order() -> None:
    assert class_names({"-1": "bad", "1": "good", "-2": "bad", "0": "none"}) == [
        "bad",
        "good",
        "none",
    ]
