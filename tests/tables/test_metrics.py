"""Files of figures: read and written through their type."""

import json
from pathlib import Path

import pytest

from reprotune.comparison.records import RECORDS
from reprotune.core import dvc
from reprotune.core.errors import InputError
from reprotune.core.yaml_file import read_yaml
from reprotune.tables import metrics
from reprotune.tables.figures import Forgetting, Generated
from reprotune.tables.metrics import Predictions

ROOT = Path(__file__).resolve().parents[2]


def test_figures_have_at_most_six_decimals_at_any_depth(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    said = Generated(rows=7, accuracy=1 / 3, unreadable=0.1 + 0.2)
    metrics.write(path, Predictions(texts_cut=0, generated=said))
    assert json.loads(path.read_text("utf-8")) == {
        "texts_cut": 0,
        "generated": {"rows": 7, "accuracy": 0.333333, "unreadable": 0.3},
    }, "and what is not known is left out"


def test_a_class_name_of_any_script_is_written_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    metrics.write(path, metrics.Audit(findings={"é": 1}))
    assert '"é": 1' in path.read_text("utf-8")


def test_every_file_of_figures_has_a_type() -> None:
    stages = read_yaml(ROOT / dvc.FILE)["stages"].values()
    made = {path for stage in stages for path in dvc.entries(stage, "metrics", "plots")}
    written = {path for path in made if path.startswith("metrics/")}
    assert {path.as_posix() for path in RECORDS} == written, "add it in comparison/records.py"


@pytest.mark.parametrize("path", RECORDS, ids=str)
def test_the_type_of_a_file_holds_every_figure_in_it(path: Path, tmp_path: Path) -> None:
    file = ROOT / path
    metrics.write(tmp_path / "again.json", metrics.read(file, RECORDS[path]))
    assert (tmp_path / "again.json").read_bytes() == file.read_bytes()


@pytest.mark.parametrize("text", ["", "[]", '{"texts_cut": "many"}', '{"texts_cut": 0, '])
def test_a_damaged_file_is_one_message(text: str, tmp_path: Path) -> None:
    file = tmp_path / "predictions.json"
    file.write_text(text)
    with pytest.raises(InputError, match=r"predictions\.json: not the figures .* run dvc repro"):
        metrics.read(file, Predictions)


def test_bytes_that_are_no_text_are_one_message(tmp_path: Path) -> None:
    file = tmp_path / "train.json"
    file.write_bytes(b'{"rows": \xff}')
    with pytest.raises(InputError, match=r"train\.json: not the figures that this version writes"):
        metrics.read(file, metrics.Train)


def test_figures_of_another_version_are_read_as_far_as_they_are_known() -> None:
    text = '{"texts_cut": 0, "forgetting": {"before": 1.0, "after": 2.0}, "new": 1}'
    assert metrics.parse(text, Predictions, "here").forgetting == Forgetting(before=1, after=2)
