"""Sweeps run as DVC experiments, go on where they stopped, and choose on validation alone."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from dvc.utils.hydra import apply_overrides
from ruamel.yaml import YAML

from reprotune import cli
from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.params_file import read_as
from reprotune.core.yaml_file import read_yaml
from reprotune.project import killed_trials, seeds, sweeps, trials
from reprotune.project.sweep_pictures import draw_sweep
from tests.commands import dvc
from tests.comparison.test_verdict import git

ROOT = Path(__file__).resolve().parents[2]
SPEC: dict[str, Any] = {
    "search": "grid",
    "trials": None,
    "seed": 1,
    "parameters": {"train.learning_rate": [1e-4, 1e-3]},
    "seeds": [1, 2],
    "stage": "evaluate",
    "select": "fit.validation",
    "report": ["test.accuracy"],
}
STAGE = """
import json, sys, pathlib
from ruamel.yaml import YAML
train = YAML(typ="safe", pure=True).load(open("params.yaml"))["train"]
if train["learning_rate"] > 1: sys.exit("it diverged")
assert pathlib.Path("data/source/own.csv").read_text() == "text"
fit = 0.7 + train["learning_rate"] * 100 + train["seed"] / 100
pathlib.Path("metrics").mkdir(exist_ok=True)
figures = {"fit": {"validation": fit}, "test": {"accuracy": 1 - fit}}
pathlib.Path("metrics/evaluate.json").write_text(json.dumps(figures))
"""
DAG = """
stages:
  evaluate:
    cmd: {python} evaluate.py
    deps: [evaluate.py]
    params: [train]
    metrics:
      - metrics/evaluate.json:
          cache: false
"""


def write(path: Path, **changes: Any) -> Path:
    with path.open("w") as file:
        YAML(typ="safe", pure=True).dump(SPEC | changes, file)
    return path


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git repository with a DVC pipeline of one quick stage."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "profiles/builtin.yaml", "params.yaml")
    Path("evaluate.py").write_text(STAGE)
    Path("dvc.yaml").write_text(DAG.format(python=sys.executable))
    Path(".gitignore").write_text("/.reprotune/\n/reports/\n/sweep.yaml\n")
    subprocess.run(["git", "init", "-q"], check=True)
    dvc("init", "-q")
    subprocess.run(["git", "add", "-A"], check=True)
    subprocess.run(["git", "commit", "-qm", "start"], check=True)
    paths.SOURCE_DATA.mkdir(parents=True)
    (paths.SOURCE_DATA / "own.csv").write_text("text")  # in no commit
    return tmp_path


def test_a_sweep_runs_chooses_and_goes_on_where_it_stopped(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(project / "sweep.yaml")
    _, found, _ = sweeps.prepare(Path("sweep.yaml"))
    sweeps.run(found[0], "evaluate")
    cli.main(["sweep", "sweep.yaml"])
    said = capsys.readouterr().out
    assert said.count("(finished before)") == 1
    rows = [line.split()[:2] for line in said.splitlines()]
    assert rows.index(["0.001", "2"]) + 1 == rows.index(["0.0001", "2"]), "three decimals hide it"
    table = pd.read_csv(paths.SWEEPS / "sweep.csv")
    assert list(table["train.learning_rate"]) == [1e-3, 1e-4]
    assert table["fit.validation mean"][0] == pytest.approx(0.815)
    assert table["seeds"].tolist() == [2, 2]
    assert table["beyond_spread"].tolist() == ["best", "True"]
    assert (paths.SWEEPS / "sweep.png").stat().st_size > 5000
    chosen = found[3].name
    assert f"dvc exp apply {chosen}" in said
    assert subprocess.run(["git", "diff", "--quiet"], check=False).returncode == 0
    dvc("exp", "apply", "-q", chosen)
    tree = YAML(typ="safe", pure=True).load(Path("params.yaml"))
    assert (tree["train"]["learning_rate"], tree["train"]["seed"]) == (1e-3, 2)


def test_a_parameter_may_be_null_and_the_best(project: Path) -> None:
    write(project / "sweep.yaml", parameters={"train.patience": [2, None]})
    asked, found, commit = sweeps.prepare(Path("sweep.yaml"))
    fit = {one.name: 0.9 - (one.values["train.patience"] or 0) / 10 + one.seed for one in found}
    for trial in found:
        figures = {"fit": {"validation": fit[trial.name]}, "test": {"accuracy": 0.5}}
        paths.EVALUATE_METRICS.parent.mkdir(exist_ok=True)
        paths.EVALUATE_METRICS.write_text(json.dumps(figures))
        git("add", "-A")
        git("commit", "-qm", trial.name)
        git("update-ref", f"refs/exps/{commit[:2]}/{commit[2:]}/{trial.name}", "HEAD")
    table, best = sweeps.conclude("sweep", asked, found, commit)
    assert best == max(fit, key=lambda name: fit[name])
    (axes,) = draw_sweep(table, ["train.patience"], asked.select).axes
    assert {text.get_text() for text in axes.get_xticklabels()} == {"null", "2"}
    other = table.assign(rate=1e-4)
    (axes,) = draw_sweep(other, ["rate", "train.patience"], asked.select).axes
    legend = axes.get_legend().get_texts()
    assert {text.get_text() for text in legend} == {"patience null", "patience 2"}


def test_a_trial_that_fails_is_named_and_the_others_finish(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(project / "sweep.yaml", parameters={"train.learning_rate": [2.0, 1e-3]}, seeds=[1])
    with pytest.raises(SystemExit, match="1 of 2 trials failed: sweep-"):
        cli.main(["sweep", "sweep.yaml"])
    assert "it diverged" in capsys.readouterr().out
    assert len(pd.read_csv(paths.SWEEPS / "sweep-trials.csv")) == 1


def test_figures_are_those_of_the_folder_and_names_those_of_the_files(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Path("part") / paths.EVALUATE_METRICS
    other.parent.mkdir(parents=True)
    other.write_text('{"fit": {"validation": 0.5}}')
    subprocess.run(["git", "add", "-A"], check=True)
    subprocess.run(["git", "commit", "-qm", "a part of it"], check=True)
    monkeypatch.chdir("part")
    assert sweeps.read_figures("HEAD", ["fit.validation"]) == {"fit.validation": 0.5}
    names = ['é "1".csv', "a\nb.csv"]
    paths.SOURCE_DATA.mkdir(parents=True)
    for name in ("known.csv", *names):
        (paths.SOURCE_DATA / name).write_text("")
    subprocess.run(["git", "add", "data/source/known.csv"], check=True)
    assert {*sweeps.list_untracked()} == {f"data/source/{name}" for name in names}


def test_uncommitted_changes_are_refused(project: Path) -> None:
    write(project / "sweep.yaml")
    Path("evaluate.py").write_text(STAGE + "\n")
    with pytest.raises(SystemExit, match=r"commit first[^$]*evaluate\.py"):
        cli.main(["sweep", "sweep.yaml"])


@pytest.mark.parametrize("written", [1.0, 0.5, 0.0])
def test_what_a_killed_trial_left_here_is_put_back(project: Path, written: float) -> None:
    file, own = write(project / "sweep.yaml"), paths.PARAMS.read_bytes()
    branch = git("rev-parse", "--symbolic-full-name", "HEAD")
    _, found, commit = sweeps.prepare(Path(file.name))
    with pytest.raises(InputError, match="commit first"), killed_trials.noted([], commit):
        paths.PARAMS.write_bytes(own + b"# mine")  # which DVC has not written
        sweeps.prepare(Path(file.name))
    assert paths.PARAMS.read_bytes() == own + b"# mine"
    git("checkout", "-q", "--", str(paths.PARAMS))
    with killed_trials.noted([trial.changes for trial in found], commit):
        (note,) = killed_trials.NOTES.iterdir()
        shutil.copy(note, note.with_name(f"elsewhere.{os.getpid()}.json"))
        git("checkout", "-q", "--detach")
        apply_overrides(paths.PARAMS, found[1].changes)
        said = paths.PARAMS.read_bytes()
        paths.PARAMS.write_bytes(said[: int(len(said) * written)])
        git("add", str(paths.PARAMS))
        sweeps.prepare(Path(file.name))
        assert paths.PARAMS.read_bytes() == own
        assert git("rev-parse", "--symbolic-full-name", "HEAD") == branch
    assert [one.name for one in killed_trials.NOTES.iterdir()] == [f"elsewhere.{os.getpid()}.json"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"parameters": {"train.learning_rat": [1]}}, "learning_rat is no parameter"),
        (
            {"parameters": {"train.learning_rate": [-1.0]}},
            r"sweep\.yaml: 1 parameter is wrong:\s+train\.learning_rate is -1",
        ),
        ({"parameters": {"train.seed": [1]}}, "goes into seeds"),
        ({"parameters": {}}, "no entry"),
        ({"select": "test.accuracy"}, "no selection"),
        ({"select": "without_leaked.accuracy"}, "no selection"),
        ({"trials": 2}, "a grid has them all"),
        ({"search": "random", "trials": 9}, "2 settings in all"),
        ({"sede": 1}, "sede is no parameter"),
        (
            {"report": ["test.accuracy", "fit.validation"]},
            "a figure is named twice: fit.validation",
        ),
    ],
)
def test_a_sweep_that_cannot_work_is_refused_at_once(
    project: Path, changes: dict[str, Any], message: str
) -> None:
    write(project / "sweep.yaml", **changes)
    with pytest.raises(SystemExit, match=message):
        cli.main(["sweep", "sweep.yaml"])
    assert not sweeps.list_finished(sweeps.check_committed())


def test_a_trial_is_another_once_the_data_beside_its_commit_are(project: Path) -> None:
    write(project / "a  b.yaml")
    _, found, commit = sweeps.prepare(Path("a  b.yaml"))
    (paths.SOURCE_DATA / "own.csv").write_text("texts")
    _, other, same = sweeps.prepare(Path("a  b.yaml"))
    assert commit == same and not {one.name for one in found} & {one.name for one in other}
    assert all(trial.name.startswith("a-b-") for trial in found), "as git allows"


@pytest.mark.parametrize(
    "value",
    ["{text}\nLabel:", "Café 🙂", 'say "x"\\n', "\\", '\\\\"', '\\"\\', "", "a\n", "x\\\n",
     "a, [b]: {c}", "1e-3", "null", 1e-7, 5e-4, 3, True, None],
)  # fmt: skip
def test_a_trial_sets_the_value_that_is_meant(tmp_path: Path, value: trials.Setting) -> None:
    file = tmp_path / "params.yaml"
    file.write_text("prompt: {template: x}\ntrain: {seed: 1}\n")
    apply_overrides(file, trials.Trial("a", {"prompt.template": value}, 2).changes)
    assert read_yaml(file) == {"prompt": {"template": value}, "train": {"seed": 2}}


def test_small_settings_are_written_digit_for_digit(project: Path) -> None:
    write(project / "sweep.yaml", parameters={"train.learning_rate": [7.5e-7, 2.5e-6]}, seeds=[1])
    asked, found, commit = sweeps.prepare(Path("sweep.yaml"))
    figures = {"fit": {"validation": 1 / 3}, "test": {"accuracy": 0.5}}
    paths.EVALUATE_METRICS.parent.mkdir(exist_ok=True)
    paths.EVALUATE_METRICS.write_text(json.dumps(figures))
    git("add", "-A")
    git("commit", "-qm", "figures")
    for trial in found:
        git("update-ref", f"refs/exps/{commit[:2]}/{commit[2:]}/{trial.name}", "HEAD")
    sweeps.conclude("sweep", asked, found, commit)
    table = pd.read_csv(paths.SWEEPS / "sweep.csv")
    assert table["train.learning_rate"].tolist() == [7.5e-7, 2.5e-6]
    assert table["fit.validation mean"].tolist() == [0.333333] * 2


@pytest.mark.parametrize("file", sorted((ROOT / "sweeps").glob("*.yaml")), ids=lambda f: f.stem)
def test_the_sweeps_that_come_along_are_in_order(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    found = trials.list_trials(file.stem, read_as(trials.Sweep, file))
    sweeps.check(found, file)
    assert len({trial.name for trial in found}) == len(found) > 1


def test_a_difference_within_the_spread_is_called_so() -> None:
    draw = np.random.default_rng(1)
    rows = [
        {"rate": rate, "seed": seed, "fit": mean + draw.normal(0, 0.01), "trial": ""}
        for rate, mean in ((1, 0.800), (2, 0.801), (3, 0.700))
        for seed in range(5)
    ]
    table = seeds.summarize(pd.DataFrame(rows), ["rate"], "fit").set_index("rate")
    assert table.loc[3, "beyond_spread"] and table.index[-1] == 3
    assert set(table["beyond_spread"][:2]) == {"best", False}
    assert table["fit spread"].between(0.003, 0.02).all()


def test_a_second_parameter_is_a_line_each() -> None:
    rows = [
        {"a.rate": rate, "rank": rank, "seed": 1, "fit": 0.5 + rate, "trial": ""}
        for rate in (1e-4, 1e-3, 1e-2)
        for rank in (4, 8)
    ]
    table = seeds.summarize(pd.DataFrame(rows), ["a.rate", "rank"], "fit")
    assert (table["beyond_spread"][1:] == "one seed").all()
    (axes,) = draw_sweep(table, ["a.rate", "rank"], "fit").axes
    assert axes.get_xscale() == "log"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["rank 4", "rank 8"]


def test_what_each_setting_forgets_is_drawn_beside_what_it_brings() -> None:
    rows = [
        {"rate": rate, "seed": seed, "fit": 0.9 + seed / 100, "forgetting.after": 3 + 1000 * rate}
        for rate in (1e-4, 1e-3)
        for seed in (1, 2)
    ]
    results = pd.DataFrame(rows).assign(trial="")
    table = seeds.summarize(results, ["rate"], "fit")
    left, right = draw_sweep(table, ["rate"], "fit").axes
    assert left.get_xlabel() == "rate" and "loss on general text" in right.get_xlabel()
    assert {text.get_text(): text.xy[0] for text in right.texts} == {"0.0001": 3.1, "0.001": 4.0}


@pytest.mark.parametrize("parameters", [["rate"], ["rank", "rate"]])
def test_a_rate_that_is_found_is_drawn_beside_those_that_are_given(parameters: list[str]) -> None:
    rows = [
        {"rate": rate, "rank": rank, "seed": seed, "fit": 0.9 + seed / 100}
        for rate in ("auto", 1e-4, 1e-3)
        for rank in (8, 16)
        for seed in (1, 2)
    ]
    table = seeds.summarize(pd.DataFrame(rows).assign(trial=""), parameters, "fit")
    (axes,) = draw_sweep(table, parameters, "fit").axes
    legend = axes.get_legend()
    shown = legend.get_texts() if legend else axes.get_xticklabels()
    assert any("auto" in text.get_text() for text in shown)
