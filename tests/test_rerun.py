"""`dvc repro` after a change recomputes exactly what depends on it: the real stages.

A tiny random model and a few hundred rows keep it short. DVC really runs the pipeline after another
learning rate, and by force. For every other change it is asked which stages it would begin with;
that what follows a stage runs after it, the learning rate shows.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import yaml
from dvc.repo import Repo

from reprotune.builtin import headlines
from reprotune.core.yaml_file import load_yaml, read_yaml
from tests.projects import ROOT, change, made, run_stages

STAGES = list(yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"])
SMALL = {
    "test_per_class: 200": "test_per_class: 10",
    "validation_per_class: 50": "validation_per_class: 5",
    "train_per_class: 300": "train_per_class: 10",
    "resamples: 2000": "resamples: 100",
    "epochs: 5": "epochs: 1",
    "agreement: 1.0": "agreement: 0.9",
    "rows: {min: 1000": "rows: {min: 100",
}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with data and a model of its own, in which every stage was run."""
    root = tmp_path_factory.mktemp("project")
    made(root, headlines.examples(rows=300, wrong=0.06, repeated=0.02, seed=1), SMALL)
    run_stages(root, STAGES)
    for command in (["add", "-A"], ["commit", "-qm", "a run"]):
        subprocess.run(["git", *command], cwd=root, check=True)
    return root


@pytest.fixture
def unrun(project: Path) -> Iterator[Path]:
    """The repository for a change that is not run; what git holds is put back afterwards."""
    assert begin_with(project) == set()
    yield project
    subprocess.run(["git", "checkout", "-q", "."], cwd=project, check=True)


def reproduce(root: Path, path: str, *options: str) -> set[str]:
    """Run `dvc repro` and return the stages that it ran."""
    result = subprocess.run(
        [sys.executable, "-m", "dvc", "repro", *options],
        cwd=root,
        env=os.environ | {"PATH": path, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return set(re.findall(r"^Running stage '(\w+)'", result.stdout, flags=re.MULTILINE))


def begin_with(root: Path) -> set[str]:
    """The stages of which something is not as it was when they ran, as `dvc status` tells them."""
    with Repo(str(root)) as repo:
        return {address.rpartition(":")[2] for address in repo.status()}  # path:name, elsewhere


def follow(root: Path, begun: set[str]) -> set[str]:
    """These stages, and those that come after one of them in DVC's graph."""
    with Repo(str(root)) as repo:
        edges = [(stage.name, earlier.name) for stage, earlier in repo.index.graph.edges]
    while more := {stage for stage, earlier in edges if earlier in begun} - begun:
        begun = begun | more
    return begun


def test_nothing_runs_when_nothing_changed(project: Path, forking: str) -> None:
    assert begin_with(project) == reproduce(project, forking) == set()


def test_a_comment_in_the_parameters_runs_nothing(unrun: Path) -> None:
    change(unrun / "params.yaml", {"train:\n": "# a thought\ntrain:   # another\n"})
    assert begin_with(unrun) == set()


def test_the_prompt_runs_what_asks_the_model(unrun: Path) -> None:
    change(unrun / "params.yaml", {r"{text}\nSentiment:": r"{text}\nMood:"})
    begun = begin_with(unrun)
    assert begun == {"features", "folds", "baseline", "train", "predictions", "export"}
    assert {"audit", "evaluate"} <= follow(unrun, begun), "audit: if features are other ones"


def test_an_export_parameter_runs_export(unrun: Path) -> None:
    change(unrun / "params.yaml", {" dtype: float16": " dtype: float32"})
    assert begin_with(unrun) == {"export"}


def test_a_new_export_parameter_in_file_and_code_runs_export(unrun: Path) -> None:
    change(unrun / "params.yaml", {"export:\n": "export:\n  shout: true\n"})
    change(
        unrun / "reprotune/core/params/model.py",
        {"    agreement: Prob": "    shout: bool\n    agreement: Prob"},
    )
    assert begin_with(unrun) == {"export"}


def test_the_code_of_a_stage_runs_that_stage(unrun: Path) -> None:
    change(unrun / "stages/export.py", {"if __name__": "REASON = None\n\nif __name__"})
    assert begin_with(unrun) == {"export"}


def test_the_confidence_of_the_intervals_makes_figures_anew_and_asks_no_model(unrun: Path) -> None:
    change(
        unrun / "params.yaml",
        {"  confidence: 0.95          # of the": "  confidence: 0.9  # of the"},
    )
    assert follow(unrun, begin_with(unrun)) == {"evaluate"}


@pytest.mark.parametrize(
    ("package", "stages"), [("cleanlab", {"roles", "audit"}), ("trl", {"folds", "train"})]
)
def test_a_new_version_of_a_numeric_package_runs_the_stages_that_import_its_group(
    unrun: Path, package: str, stages: set[str]
) -> None:
    pins = yaml.safe_load((unrun / "pins.yaml").read_text())
    version = next(group[package] for group in pins.values() if package in group)
    change(unrun / "pins.yaml", {f'{package}: "{version}"': f'{package}: "99.0"'})
    assert begin_with(unrun) == stages


@pytest.mark.parametrize(
    ("file", "stages"),
    [
        ("core/supervision.py", set()),
        ("sources/http.py", set()),
        ("project/doctor.py", set()),
        ("evaluation/ranking.py", {"baseline", "evaluate", "export"}),
    ],
)
def test_code_runs_the_stages_that_list_its_room(unrun: Path, file: str, stages: set[str]) -> None:
    module = unrun / "reprotune" / file
    module.write_text(module.read_text() + "\n# a thought\n")
    assert begin_with(unrun) == stages


def test_a_row_of_a_source_file_runs_download_and_what_depends_on_it(unrun: Path) -> None:
    file = unrun / "data/source/own.csv"
    table = pd.read_csv(file)
    table.loc[0, "text"] = "Net sales of Other Corp rose by 7 % in the second quarter."
    table.to_csv(file, index=False)
    begun = begin_with(unrun)
    assert begun == {"download"}
    assert follow(unrun, begun) == set(STAGES) - {"base_model"}


def test_the_learning_rate_runs_train_evaluate_and_export(project: Path, forking: str) -> None:
    change(project / "params.yaml", {"learning_rate: 1e-3": "learning_rate: 2e-3"})
    begun = begin_with(project)
    assert begun == {"train"}
    ran = {"train", "predictions", "evaluate", "export"}
    assert reproduce(project, forking) == follow(project, begun) == ran


def test_going_back_to_parameters_that_were_run_trains_and_exports_nothing(
    project: Path, forking: str
) -> None:
    shown = subprocess.run(
        ["git", "show", "HEAD:dvc.lock"], cwd=project, capture_output=True, check=True
    )
    change(project / "params.yaml", {"learning_rate: 2e-3": "learning_rate: 1e-3"})
    assert reproduce(project, forking) == set()
    assert read_yaml(project / "dvc.lock") == load_yaml(
        shown.stdout, "HEAD"
    )  # DVC folds lines anew
    assert begin_with(project) == set(), "and every output is in its place"


def test_forcing_runs_everything_and_gives_the_same_lock(project: Path, forking: str) -> None:
    before = (project / "dvc.lock").read_text()
    assert reproduce(project, forking, "--force") == set(STAGES)
    assert (project / "dvc.lock").read_text() == before
