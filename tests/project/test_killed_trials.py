"""What a killed trial leaves is removed once nobody works in it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from reprotune.project import killed_trials


def test_the_workspace_of_a_killed_trial_goes_and_that_of_one_at_work_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    killed_trials.clear()
    workspace = killed_trials.WORKSPACES / "tmpabc"
    workspace.mkdir(parents=True)
    (workspace / "copy.csv").write_text("large")
    notes = {name: killed_trials.RUNS / name / f"{name}.run" for name in ("killed", "there", "odd")}
    for name, note in notes.items():
        note.parent.mkdir(parents=True)
        place = tmp_path / workspace if name == "killed" else tmp_path
        note.write_text("[]" if name == "odd" else json.dumps({"root_dir": str(place)}))
    command = [sys.executable, "-c", "input()"]
    for trial in (command, [*command, "dvc", "exp", "run"]):
        cwd = workspace if trial is command else tmp_path
        with subprocess.Popen(trial, cwd=cwd, stdin=subprocess.PIPE) as process:
            killed_trials.clear()
            process.communicate(b"\n")
        assert (workspace / "copy.csv").is_file() and notes["killed"].is_file()
    killed_trials.clear()
    assert not workspace.exists() and not notes["killed"].exists()
    assert notes["there"].is_file() and notes["odd"].is_file()
