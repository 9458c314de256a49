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


@pytest.mark.parametrize(
    ("closed", "told"),
    [("0<&-", "True 0"), ("1>&-", ""), ("0<&- 1>&- 2>&-", "")],
)
def test_a_closed_stream_is_there_for_those_who_read_and_write(
    tmp_path: Path, closed: str, told: str
) -> None:
    """The next file is none of the three, here and in a process that is started."""
    file = tmp_path / "file"
    asks = "import os; print(os.fstat(1) is not None, len(os.read(0, 1)))"
    code = (
        "import os, subprocess, sys; from reprotune.core.standing import stand; stand();"
        f"file = open({str(file)!r}, 'w'); file.write(str(file.fileno() > 2)); file.close();"
        "print('said'); print('said', file=sys.stderr);"
        f"sys.exit(subprocess.run([sys.executable, '-c', {asks!r}]).returncode)"
    )
    command = [*("sh", "-c", f'exec "$0" -c "$1" {closed}'), sys.executable, code]
    done = subprocess.run(command, input="", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert file.read_text() == "True"
    assert told in done.stdout


@pytest.mark.parametrize(
    ("name", "value"), [("PYTHONOPTIMIZE", "2"), ("PYTHONWARNINGS", "error::UserWarning")]
)
def test_what_tests_code_of_others_ends_no_stage(tmp_path: Path, name: str, value: str) -> None:
    (tmp_path / "stages").mkdir()
    shutil.copy(ROOT / "stages/__init__.py", tmp_path / "stages")
    (tmp_path / "stages/own.py").write_text(
        "import sys, warnings\n"
        "def told():\n    'kept'\n"
        "warnings.warn('of a library')\n"
        "print(told.__doc__, *sys.argv[1:])\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "stages.own", "handed on"], cwd=tmp_path, capture_output=True,
        text=True, check=False, env=os.environ | {name: value},
    )  # fmt: skip
    assert done.stdout == "kept handed on\n", done.stderr
