"""Stages leave whole files, and fail with one message."""

import json
import sys
from pathlib import Path

import pytest

from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.io import whole_file
from reprotune.core.params import Params
from reprotune.core.runner import main, note_cost
from tests.conftest import PARAMS


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / paths.PARAMS).write_text(PARAMS.read_text("utf-8"), "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["stages/roles.py"])
    return tmp_path


def test_bad_input_ends_the_stage_with_one_message_and_no_cost(repository: Path) -> None:
    def run(params: Params) -> None:
        raise InputError("no such row")

    with pytest.raises(SystemExit) as error:
        main(run)
    assert error.value.code == "roles: no such row"
    assert not paths.RUN.exists()


def test_bad_parameters_end_the_stage_before_it_runs(repository: Path) -> None:
    (repository / paths.PARAMS).write_text("seed: 1\n")
    started = []
    with pytest.raises(SystemExit, match="threads is missing"):
        main(started.append)
    assert started == []


def test_a_run_notes_its_cost_beside_the_others(repository: Path) -> None:
    note_cost("train", 2.0)
    main(lambda params: None)
    costs = json.loads(paths.RUN.read_text())
    assert costs["train"]["seconds"] == 2.0
    assert set(costs) == {"train", "roles"}
    assert costs["roles"]["peak_mib"] > 1


def test_a_file_that_fails_half_way_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "table.csv"
    with whole_file(path) as partial:
        partial.write_text("old")
    with pytest.raises(RuntimeError), whole_file(path) as partial:
        partial.write_text("ne")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]
