"""Runs with further training seeds, by which a gate knows what is chance."""

from pathlib import Path

import pytest

from pipelines.retrain import CLONE
from pipelines.seeds import run_seeds
from reprotune.comparison.verdict import Verdict, compare_revisions
from tests.commands import dvc
from tests.pipelines.test_retrain import (
    DAG,
    STAGE_FILE,
    branches,
    finished,
    project,
    put,
    retrain,
    run,
)
from tests.projects import change

__all__ = ["finished", "project"]
pytestmark = pytest.mark.slow  # a retraining with two experiments of DVC more
LUCK = """
from reprotune.core.params_file import load_params
seed = load_params().train.seed
luck = {{"0.80": [0, 0.04], "0.83": [0, -0.02]}}[text][seed - 1]
with open({ran!r}, "a") as file:
    file.write(f"{{text}} {{seed}}\\n")
"""


def test_what_one_lucky_seed_makes_better_is_chance_over_several(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    ran = tmp_path_factory.mktemp("ran") / "ran"
    Path("dvc.yaml").write_text(DAG.replace("    outs:\n", "    params: [train.seed]\n    outs:\n"))
    luck = LUCK.format(ran=str(ran))
    change(STAGE_FILE, {"keep =": f"{luck}keep =", "[0]), seed": "[0]) + luck, seed"})
    dvc("repro", "-q")
    run("git", "commit", "-qam", "a stage that has luck")
    put("0.83")
    done = retrain("--seeds", "2")
    assert done.stdout.startswith("No significant change: accuracy 0.8"), done.stderr[-3000:]
    assert ran.read_text().splitlines() == ["0.80 1", "0.83 1", "0.80 2", "0.83 2"]
    assert compare_revisions("main", branches()[0]).verdict == Verdict.BETTER, "by one seed a side"
    assert run_seeds(project / CLONE, "origin/main", 2).count(",") == 1
    assert len(ran.read_text().splitlines()) == 4, "run before"
