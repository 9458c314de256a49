"""Labels of a running project: another spelling is the class it was, a new class is an error."""

import random
import shutil
from pathlib import Path

import pandas as pd
import pytest
from dvc.utils.hydra import apply_overrides

from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.params import Download, Params
from reprotune.core.params_file import load_params
from reprotune.data.reading.files import Reading, read_files
from reprotune.project.init import init
from reprotune.project.wanted import Wanted
from stages import audit, curate, download, roles, split
from tests.projects import ROOT

MARKS = [
    *"\"'`#:,;|@&*!%?<>{}[]()=~^$\\/-_+.",
    *("${", "{{", "]]>", " - ", ": ", " #", "\t", "é", "e\u0301", "ß", "中", "ا", "😀", "\u2028"),
    *("null", "true", "1e3", "---", "???", "<<", "<b>", "**", "\\n", "0x1F", "%s", "|"),
]


def read(
    folder: Path, params: Params, frame: pd.DataFrame, labels: dict[str, str | None]
) -> Reading:
    frame.to_parquet(folder / "a.parquet")
    entry = {"location": "a.parquet", "sha256": None, "label": None, "split": None}
    known = {"kind": "file", "files": [entry], "labels": labels}
    return read_files(Download.model_validate(params.download.model_dump() | known), folder)


@pytest.mark.parametrize(
    ("known", "spelling"),
    [
        ("up", "UP"),
        ("up", "\u00a0Up \u200b"),
        ("café", "cafe\u0301"),
        ("café", "\ufeffCAFÉ"),
        ("card arrival", "card  arrival"),
        ("1", "1.0"),
        ("0.0", "0"),
        ("True", "true"),
        ("straße", "STRASSE"),
    ],
)
def test_another_spelling_of_a_known_label_is_that_label_and_counted(
    tmp_path: Path, params: Params, known: str, spelling: str
) -> None:
    frame = pd.DataFrame({"text": ["a", "b", "c"], "label": [known, spelling, "down"]})
    found = read(tmp_path, params, frame, {known: "first", "down": "down"})
    assert found.rows["label"].tolist() == ["first", "first", "down"]
    assert found.respelt == {spelling.strip(): 1} and found.bad == []


@pytest.mark.parametrize("label", ["sideways", "up!", "1.5", "uр"])
def test_a_label_that_is_truly_new_is_one_error(tmp_path: Path, params: Params, label: str) -> None:
    frame = pd.DataFrame({"text": ["a", "b", "c"], "label": ["up", label, "down"]})
    with pytest.raises(InputError, match=r"label .* \(1 row, first in row 2\) is not in download"):
        read(tmp_path, params, frame, {"up": "up", "down": "down", "1": None})


def test_spellings_that_a_person_tells_apart_stay_apart(tmp_path: Path, params: Params) -> None:
    frame = pd.DataFrame({"text": ["a", "b"], "label": ["US", "us"]})
    labels: dict[str, str | None] = {"US": "country", "us": "pronoun"}
    assert read(tmp_path, params, frame, labels).rows["label"].tolist() == ["country", "pronoun"]
    with pytest.raises(InputError, match="'Us'"):
        read(tmp_path, params, frame.replace("us", "Us"), labels)


def test_integers_stay_integers_when_the_next_row_has_none(tmp_path: Path, params: Params) -> None:
    frame = pd.DataFrame({"text": ["a", "b", "c"], "label": [0, 1, None]})  # floats, in pandas
    found = read(tmp_path, params, frame, {"0": "no", "1": "yes"})
    assert found.rows["label"].tolist() == ["no", "yes"] and found.respelt == {}
    assert [row.reason for row in found.bad] == ["empty label"]


def random_names(seed: int, count: int) -> list[str]:
    """Names of marks that YAML, DVC, Markdown and CSV know, no two of them spellings of one."""
    draw = random.Random(seed)
    names = {f"{''.join(draw.choices(MARKS, k=draw.randint(1, 6)))} {n}" for n in range(count)}
    return sorted({*names, "${seed}", "${oc.env:HOME}", "???", "null", "label", "~"})


@pytest.mark.parametrize("seed", range(2))
def test_labels_of_any_characters_come_through_to_the_split_and_an_override(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    names = random_names(seed, 14)
    shutil.copytree(ROOT / "profiles", tmp_path / "profiles")
    shutil.copytree(ROOT / "models/source/builtin", tmp_path / "models/source/builtin")
    (tmp_path / paths.SOURCE_DATA).mkdir(parents=True)
    shutil.copy(ROOT / "data/decisions.csv", tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    draw = random.Random(seed)
    words = "delivery late broken kind price door lamp garden train chair quick warm".split()
    rows = [(" ".join(draw.choices(words, k=7)) + f" {n}", name) for name in names
            for n in range(20)]  # fmt: skip
    pd.DataFrame(rows, columns=["text", "label"]).to_csv("own.csv", index=False)
    _, _, params, _ = init(Wanted([Path("own.csv")], text="text", label="label"))
    assert list(params.download.labels) == sorted(name.strip() for name in names)
    assert len(params.download.classes) == len(names)
    for stage in (download, roles, audit, curate, split):
        stage.run(params)
    parts = pd.concat([pd.read_parquet(file) for file in (paths.TRAIN, paths.TEST)])
    assert set(parts["label"]) == params.download.classes
    apply_overrides(paths.PARAMS, ["train.epochs=1"])  # what `dvc exp run -S` does to the file
    again = load_params(paths.PARAMS)
    assert (again.download, again.prompt) == (params.download, params.prompt)


@pytest.mark.parametrize("name", ["${seed}", "a ${x}", "???"])
def test_a_class_that_an_override_would_resolve_is_refused(params: Params, name: str) -> None:
    values = params.download.model_dump() | {"labels": {"a": name, "b": "b"}}
    with pytest.raises(ValueError, match="would be a reference"):
        Download.model_validate(values)
