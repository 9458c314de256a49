"""The table at the end of a run says what every stage found, and when a model learnt nothing."""

import io
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from reprotune.core import dvc, paths
from reprotune.core.errors import InputError
from reprotune.core.yaml_file import read_yaml
from reprotune.project.summary import (
    OPENED,
    WIDE,
    describe_accuracy,
    describe_predictions,
    summarize,
)
from reprotune.tables import metrics
from reprotune.tables.figures import Forgetting, Generated
from reprotune.tables.reviewed import Powered, Reviewed

ROOT = Path(__file__).resolve().parents[2]
FIGURES = ROOT / "metrics"
GENERATED = Generated(rows=50, accuracy=0.9, unreadable=0.02)


def show(folder: Path, width: int = 200) -> str:
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(summarize(folder, folder / "run.json", width=width))
    return console.export_text()


@pytest.mark.parametrize(("low", "told"), [(-0.02, True), (0.0, True), (0.01, False)])
def test_a_model_that_is_not_above_a_baseline_is_told_apart(low: float, told: bool) -> None:
    figures = metrics.read(ROOT / paths.EVALUATE_METRICS, metrics.Evaluation)
    gain = figures.gain_over["tfidf"].model_copy(update={"accuracy": 0.05, "interval": (low, 0.1)})
    figures = figures.model_copy(update={"gain_over": {"tfidf": gain}})
    said = f"not shown to be above the baseline tfidf (+0.050, {low:+.3f} to +0.100). What may help"
    assert (said in describe_accuracy(figures)) == told


def test_what_a_blind_sample_says_stands_beside_the_accuracy() -> None:
    figures = metrics.read(ROOT / paths.EVALUATE_METRICS, metrics.Evaluation)
    tuned = Powered(accuracy=0.95, interval=(0.9, 0.98), power=0.8, sample=0.96,
                    sample_interval=(0.9, 0.98), sample_by_label=0.91)  # fmt: skip
    reviewed = Reviewed(
        rows=97, missing=3, label_error=0.06, interval=(0.03, 0.125), predictors={"tuned": tuned}
    )
    told = describe_accuracy(figures.model_copy(update={"reviewed": reviewed}))
    assert (
        "; by 97 rows labelled blind (3 rows more without an answer) 0.950 "
        "(0.900 to 0.980) are right and "
        "6.0% of the labels wrong (3.0% to 12.5%)"
    ) in told
    assert "blind" not in describe_accuracy(figures)


def test_every_stage_has_a_row_in_the_order_of_the_pipeline(tmp_path: Path) -> None:
    stages = list(read_yaml(ROOT / dvc.FILE)["stages"])
    assert list(OPENED) == stages, "OPENED in project/summary.py is not every stage of dvc.yaml"
    shutil.copytree(FIGURES, tmp_path, dirs_exist_ok=True)
    (tmp_path / "run.json").write_text('{"train": {"seconds": 12.34, "peak_mib": 800}}')
    shown = show(tmp_path)
    assert "not run yet" not in shown and "of another version" not in shown
    assert "loss on general text" in shown and "12.3" in shown
    (tmp_path / "train.json").write_text('{"rows": 900}')
    (tmp_path / "export.json").unlink()
    shown = show(tmp_path)
    assert shown.count("of another version; dvc repro") == shown.count("not run yet") == 1


@pytest.mark.parametrize("width", [80, WIDE - 1, WIDE])
def test_findings_have_room_in_every_terminal_and_files_are_written_out(width: int) -> None:
    shown = show(FIGURES, width)
    lines = shown.splitlines()
    assert max(map(len, lines)) <= width and len(lines) < 4 * len(OPENED)
    assert "4850 examples of 3 classes" in shown
    assert [file for file in OPENED.values() if file.as_posix() not in shown] == []


def test_a_stage_of_ones_own_has_a_row_and_one_that_was_taken_out_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    figures = '{"longest": 142, "mean": {"words": 7.25}}'
    Path("dvc.yaml").write_text(
        "stages:\n  own_lengths: {cmd: x, plots: [{own_lengths.json: {cache: false}}]}\n"
        '  split: {cmd: x}\n  own_note: {cmd: x, outs: ["own[old].txt"]}\n'
    )
    rows = [line.split("│")[1:] for line in show(tmp_path).splitlines() if line.startswith("│")]
    assert [[cell.strip() for cell in row[:-1]] for row in rows] == [
        ["split", "", "", "not run yet", "reports/rows.csv"],
        ["own_lengths", "", "", "not run yet", "own_lengths.json"],
        ["own_note", "", "", "not run yet", "own[old].txt"],
    ]
    Path("own_lengths.json").write_text(figures)
    assert "longest 142, mean.words 7.25" in show(tmp_path)


@pytest.mark.parametrize("text", [None, "a: 1", "stages: [a]"])
def test_a_pipeline_that_cannot_be_read_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    if text is not None:
        Path("dvc.yaml").write_text(text)
    with pytest.raises(InputError, match=r"dvc\.yaml: (no such file|there are no stages)"):
        summarize()


@pytest.mark.parametrize(
    ("forgetting", "generated", "expected"),
    [
        (None, None, "3 test texts cut"),
        ((1.923, 3.545), None, "3 test texts cut, loss on general text 1.92 → 3.54"),
        (None, GENERATED, "3 test texts cut, accuracy in words 0.900"),
    ],
)
def test_predictions_come_down_to_what_was_cut_and_forgotten(
    forgetting: tuple[float, float] | None, generated: Generated | None, expected: str
) -> None:
    losses = forgetting and Forgetting(before=forgetting[0], after=forgetting[1])
    found = metrics.Predictions(texts_cut=3, forgetting=losses, generated=generated)
    assert describe_predictions(found) == expected
