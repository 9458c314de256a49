"""The front door, as a person uses it: real commands in a folder of their own."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from reprotune.builtin import headlines
from reprotune.export.merging import save_classifier, save_merged
from reprotune.models.prompts import PromptEncoder
from reprotune.models.tokenizer import load_tokenizer
from tests import tiny

ROOT = Path(__file__).resolve().parents[1]
CLASSES = list(headlines.CLASSES)


def reprotune(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "reprotune.cli", *arguments],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "profiles/builtin.yaml", tmp_path / "params.yaml")
    shutil.copy(ROOT / "pins.yaml", tmp_path)
    shutil.copytree(ROOT / "profiles", tmp_path / "profiles")
    return tmp_path


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tiny.save(tmp_path_factory.mktemp("base"))
    target = tmp_path_factory.mktemp("merged")
    encoder = PromptEncoder(
        tiny.tokenizer(), "{text}\nSentiment:", {c: f" {c}" for c in CLASSES}, 64
    )
    save_merged(tiny.model(), load_tokenizer(base), "float32", target)
    save_classifier(encoder, target)
    return target


def test_check_accepts_the_builtin_parameters(folder: Path) -> None:
    assert reprotune(folder, "check").returncode == 0


def test_check_names_a_misspelt_parameter_without_a_traceback(folder: Path) -> None:
    file = folder / "params.yaml"
    file.write_text(file.read_text().replace("epochs:", "epoch:"))
    result = reprotune(folder, "check")
    assert result.returncode == 1
    assert "train.epochs is missing" in result.stderr
    assert "train.epoch is no parameter" in result.stderr
    assert "Traceback" not in result.stderr


def test_check_names_a_package_that_is_not_the_pinned_one(folder: Path) -> None:
    pins = folder / "pins.yaml"
    pins.write_text(re.sub('trl: ".*"', 'trl: "0.1"', pins.read_text()))
    result = reprotune(folder, "check")
    assert result.returncode == 1
    assert re.search(r"trl \S+ \(pinned 0\.1\); run make", result.stderr)


def test_use_builtin_gives_its_file_back(folder: Path) -> None:
    before = (folder / "params.yaml").read_text()
    assert reprotune(folder, "use", "financial-phrasebank").returncode == 0
    assert (folder / "params.yaml").read_text() != before
    assert reprotune(folder, "use", "builtin").returncode == 0
    assert (folder / "params.yaml").read_text() == before


def test_an_unknown_profile_is_refused_and_the_parameters_stay(folder: Path) -> None:
    before = (folder / "params.yaml").read_bytes()
    result = reprotune(folder, "use", "nonsense")
    assert result.returncode == 1
    assert "no profile 'nonsense'; there are builtin, financial-phrasebank" in result.stderr
    (folder / "profiles/bad.yaml").write_text("train: {learning_rat: 1}")
    assert "learning_rat is no parameter" in reprotune(folder, "use", "bad").stderr
    (folder / "profiles/bad.yaml").write_text("train: {learning_rate: -1}")
    assert "train.learning_rate is -1" in reprotune(folder, "use", "bad").stderr
    assert (folder / "params.yaml").read_bytes() == before


def test_predict_gives_a_label_and_a_probability_for_each_class(
    exported: Path, tmp_path: Path
) -> None:
    result = reprotune(tmp_path, "predict", "--model", str(exported), "Acme Corp announces new CEO")
    assert result.returncode == 0, result.stderr
    header, row = (line.split() for line in result.stdout.strip().splitlines())
    assert header == ["text", "predicted", *CLASSES]
    assert abs(sum(map(float, row[-3:])) - 1) < 0.002
    assert row[-4] in CLASSES


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_predict_labels_every_row_of_a_file_and_keeps_its_columns(
    exported: Path, tmp_path: Path, kind: str
) -> None:
    table = pd.DataFrame({"key": [7, 8, 9], "title": ["Net sales rose.", "", 'a "b", c\nd']})
    file = tmp_path / f"in.{kind}"
    if kind == "csv":
        table.to_csv(file, index=False)
    elif kind == "jsonl":
        table.to_json(file, orient="records", lines=True)
    else:
        table.to_parquet(file)
    arguments = ["--model", str(exported), "--text-column", "title", "--output", "out.csv"]
    result = reprotune(tmp_path, "predict", str(file), *arguments)
    assert result.returncode == 0, result.stderr
    labelled = pd.read_csv(tmp_path / "out.csv", keep_default_na=False)
    assert list(labelled) == ["key", "title", "predicted", *CLASSES]
    assert list(labelled["key"]) == [7, 8, 9]
    assert list(labelled["title"]) == list(table["title"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent.csv"], "absent.csv: no such file"),
        (["in.csv"], "it has ['title']"),
        (["a text", "--model", "absent"], "absent: no exported model here"),
    ],
)
def test_predict_says_what_is_wrong(
    exported: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    (tmp_path / "in.csv").write_text("title\nx\n")
    result = reprotune(tmp_path, "predict", "--model", str(exported), *arguments)
    assert result.returncode == 1
    assert message in result.stderr
    assert "Traceback" not in result.stderr
