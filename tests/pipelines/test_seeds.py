"""Runs with further training seeds, by which a gate knows what is chance."""

import logging
import shutil
from pathlib import Path

import pytest

from pipelines import workspace
from pipelines.retrain import judge
from pipelines.seeds import run_seeds
from tests.commands import dvc
from tests.pipelines.test_retrain import DAG, ROOT, STAGE_FILE, finished, put, run
from tests.projects import change

__all__ = ["finished"]
pytestmark = pytest.mark.slow  # experiments of DVC, whose stages are processes of their own
LUCK = """
from reprotune.core.params_file import load_params
seed = load_params().train.seed
luck = {"0.80": [0, 0.04], "0.83": [0, -0.02]}[text][seed - 1]
with open("../ran", "a") as file:
    file.write(f"{text} {seed}\\n")
"""


def test_what_one_lucky_seed_makes_better_is_chance_over_several(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forking_python: None
) -> None:
    folder = tmp_path / "project"
    shutil.copytree(finished, folder, symlinks=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(workspace, "get_run_logger", lambda: logging.getLogger("test"))
    Path("dvc.yaml").write_text(DAG.replace("    outs:\n", "    params: [train.seed]\n    outs:\n"))
    change(STAGE_FILE, {"keep =": f"{LUCK}keep =", "[0]), seed": "[0]) + luck, seed"})
    for text in ("0.80", "0.83"):
        put(text)
        dvc("repro", "-q")
        run("git", "add", "-A")
        run("git", "commit", "-qm", text)
    assert judge(folder, "main~1", "main")[1].startswith("Better")
    runs = [run_seeds(folder, commit, 2) for commit in ("main~1", "main")]
    assert run_seeds(folder, "main~1", 2) == runs[0]
    run("git", "checkout", "-q", "--force", "main")
    ran = Path("../ran").read_text().splitlines()
    assert ran == ["0.80 1", "0.83 1", "0.80 2", "0.83 2"], "each once"
    assert judge(folder, *runs)[1].startswith("No significant change: accuracy 0.8")
