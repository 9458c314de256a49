"""Every shell block of the tutorials runs, from the documents themselves.

A tiny model and a few hundred rows: `make repro` was run, and what re-runs stages runs one of them.
Blocks of kind ``console`` wait for a person, and are not run.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from reprotune.builtin import headlines
from tests.projects import ROOT, made, run_stages
from tests.test_documents import BLOCK
from tests.test_rerun import SMALL, STAGES

pytestmark = pytest.mark.slow
BUILTIN = {  # whose truth is known, in place of the file of ``made``
    "kind: builtin             # builtin (gen": "kind: builtin  # builtin (gen",
    "files: []": "files: []",
    "rows: 4850": "rows: 400",
    "repeated: {max: 0.1, severity: stop}": "repeated: {max: 0.5, severity: stop}",
}
PRELUDE = """
make() { reprotune check; }
dvc() {
  case "$1 $2" in
    "exp run") command dvc "$@" train ;;
    "repro ") command dvc repro baseline ;;
    *) command dvc "$@" ;;
  esac
}
reprotune() { command reprotune "$@" || { [ "$1" = compare ] && [ -s reports/comparison.md ]; }; }
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of a project in which every stage was run."""
    root = tmp_path_factory.mktemp("tutorial")
    rows = headlines.examples(rows=400, wrong=0, repeated=0, seed=1)
    made(root, rows, SMALL | BUILTIN)
    for folder in ("profiles", "models/source/builtin"):
        shutil.copytree(ROOT / folder, root / folder)
    shutil.copy(ROOT / "requirements.lock", root)
    run_stages(root, STAGES)
    (root / ".venv/bin").mkdir(parents=True)
    (root / ".venv/bin/activate").touch()
    for command in (["add", "-A"], ["commit", "-qm", "a run"], ["branch", "-M", "main"]):
        subprocess.run(["git", *command], cwd=root, check=True)
    return root


@pytest.mark.parametrize("page", ["doubtful-labels", "tutorial"])
def test_every_block_of_a_tutorial_runs(project: Path, page: str, forking: str) -> None:
    found = BLOCK.findall((ROOT / f"docs/{page}.md").read_text("utf-8"))
    blocks = [block for kind, block in found if kind == "bash"]
    assert len(blocks) >= 5
    for block in blocks:
        done = subprocess.run(
            ["bash", "-e", "-c", PRELUDE + block],
            cwd=project, capture_output=True, text=True, check=False,
            env=os.environ | {"PATH": forking, "PYTHONPATH": str(project)},
        )  # fmt: skip
        assert done.returncode == 0, f"{page}.md:\n{block}\n{done.stdout[-2000:]}{done.stderr}"
    subprocess.run(["git", "switch", "-qf", "main"], cwd=project, check=True)
