"""The name of what a stage depends on: ``dvc.yaml`` says what that is."""

import shutil
from pathlib import Path

import pytest

from reprotune.core.dvc import fingerprint, tell_cause
from tests.projects import ROOT, change


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for folder in ("reprotune", "stages"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    for file in ("dvc.yaml", "params.yaml", "pins.yaml"):
        shutil.copy(ROOT / file, tmp_path)
    (tmp_path / "data/splits").mkdir(parents=True)
    for part in ("train", "validation", "test"):
        (tmp_path / f"data/splits/{part}.parquet").write_text(part)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("data/splits/train.parquet", "train", "taught"),
        ("params.yaml", "learning_rate: 1e-3", "learning_rate: 2e-3"),
        ("params.yaml", "    rank: 16", "    rank: 8"),
        ("pins.yaml", "  torch: ", "  torch: 1"),
        ("reprotune/training/tune.py", '"""Training', '"""Teaching'),
        ("reprotune/models/heads.py", "IGNORED = -100", "IGNORED = -99"),
        ("stages/train.py", "Tune", "Train"),
    ],
)
def test_what_a_stage_lists_changes_its_name(project: Path, file: str, old: str, new: str) -> None:
    before = fingerprint("train", project)
    change(project / file, {old: new})
    assert fingerprint("train", project) != before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("data/splits/test.parquet", "test", "tested"),
        ("params.yaml", "train:", "# a thought\ntrain:"),
        ("params.yaml", "resamples: 2000", "resamples: 500"),
        ("pins.yaml", "  cleanlab: ", "  cleanlab: 1"),
        ("reprotune/project/doctor.py", "GIB = ", "# a thought\nGIB = "),
        ("reprotune/core/supervision.py", "import ctypes", "# a thought\nimport ctypes"),
    ],
)
def test_what_it_does_not_list_leaves_the_name(
    project: Path, file: str, old: str, new: str
) -> None:
    before = fingerprint("train", project)
    change(project / file, {old: new})
    (project / "reprotune/models/__pycache__").mkdir(exist_ok=True)
    (project / "reprotune/models/__pycache__/new.pyc").write_text("compiled")
    assert fingerprint("train", project) == before


def test_without_a_pipeline_there_is_no_name(tmp_path: Path) -> None:
    assert fingerprint("train", tmp_path) is None


def test_of_what_dvc_says_the_error_is_told_and_not_where_to_find_its_makers() -> None:
    error = "unexpected error - [Errno 30] Read-only file system: '.dvc/tmp/lock'"
    told = f"WARNING: old\nERROR: {error}\n\nHaving any troubles? Hit us up at https://dvc.org\n"
    assert tell_cause(told) == error
    assert (tell_cause("no dvc\n"), tell_cause("")) == ("no dvc", "")
