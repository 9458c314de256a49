"""Files of a project may have the names of modules that libraries import."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.projects import ROOT

NAMES = ("datasets", "json", "logging", "queue", "random", "tempfile", "tokenizers")
STAGE = f"import {', '.join(NAMES[1:-1])}\nfrom stages.own_other import told\nprint(told)\n"


@pytest.mark.parametrize(
    ("module", "told"), [("stages.own_names", "of this folder\n"), ("pipelines", "No module named")]
)
def test_a_file_that_is_called_like_a_module_hides_none(
    tmp_path: Path, module: str, told: str
) -> None:
    for name in NAMES:
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('{name} is hidden')")
    for folder in ("stages", "pipelines"):
        (tmp_path / folder).mkdir()
        shutil.copy(ROOT / folder / "__init__.py", tmp_path / folder)
    (tmp_path / "pipelines/logs.py").write_text("cut_repeated = lambda record: True")
    (tmp_path / "stages/own_names.py").write_text(STAGE)
    (tmp_path / "stages/own_other.py").write_text("told = 'of this folder'")
    done = subprocess.run(
        [sys.executable, "-m", module], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
    )  # fmt: skip
    assert told in done.stdout + done.stderr, done.stderr
    assert "hidden" not in done.stdout + done.stderr


def test_a_command_as_a_module_is_not_hidden_either(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('{name} is hidden')")
    command = [sys.executable, "-m", "reprotune", "--version"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("reprotune ") and not done.stderr
