"""The train stage as a command: in several processes, and killed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML
from safetensors.numpy import load_file

from reprotune.builtin import headlines
from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.params import Params
from reprotune.data.ids import add_ids
from reprotune.project.summary import describe_finding
from reprotune.tables import metrics, schemas
from reprotune.training import checkpoints
from stages import base_model, train
from tests import tiny

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 600  # that one process may take: the machine may be busy
WEIGHTS = paths.TUNED / "adapter_model.safetensors"
ANXIOUS = (
    "import runpy, sys; from reprotune.training import checkpoints; checkpoints.SECONDS = 0;"
    "sys.argv = ['train']; runpy.run_module('stages.train', run_name='__main__')"
)


def settings(params: Params, changes: dict[str, Any]) -> Params:
    model = params.model.model_copy(update={"kind": "path", "location": "llama"})
    train = params.train.model_copy(update={"epochs": 3, "learning_rate": 2e-3} | changes)
    params = params.model_copy(update={"model": model, "train": train, "threads": 1})
    with paths.PARAMS.open("w") as file:
        YAML(typ="safe", pure=True).dump(params.model_dump(), file)
    return params


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, params: Params) -> Path:
    """A folder with parameters, splits and a Llama."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    for file in ("dvc.yaml", "pins.yaml"):  # by which the checkpoints are named
        shutil.copy(ROOT / file, tmp_path)
    tiny.save(paths.SOURCE_MODELS / "llama")
    rows = headlines.examples(rows=400, wrong=0, repeated=0, seed=1)
    rows = add_ids(rows[["text", "label"]])
    rows["reference_label"] = pd.Series(None, index=rows.index, dtype="str")
    schemas.write(rows[:75], paths.TRAIN, schemas.Split)  # no multiple of the batch
    schemas.write(rows[100:130], paths.VALIDATION, schemas.Split)
    base_model.run(settings(params, {}))
    return tmp_path


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, check=False, timeout=SECONDS
    )


def left() -> dict[str, bytes]:
    files = [f for part in (paths.TUNED, paths.LIVE) for f in part.rglob("*") if f.is_file()]
    return {str(f): f.read_bytes() for f in [*files, paths.TRAIN_METRICS]}


def trained() -> tuple[dict[str, np.ndarray], pd.DataFrame]:
    """The weights and the curve of a training that left its outputs and no more."""
    files = {"adapter_config.json", "adapter_model.safetensors"}
    assert {file.name for file in paths.TUNED.iterdir()} == files
    return load_file(WEIGHTS), pd.read_csv(paths.TRAIN_CURVE, sep="\t")


def test_the_rate_that_trials_chose_is_written_down_beside_them(
    project: Path, params: Params
) -> None:
    train.run(settings(params, {"learning_rate": "auto", "epochs": 1}))
    found = metrics.read(paths.TRAIN_METRICS, metrics.Train)
    assert found.learning_rate == found.trials[0].learning_rate
    losses = [trial.loss for trial in found.trials]
    assert len(losses) >= 3 and losses == sorted(losses)
    assert describe_finding(found).startswith(
        f"75 rows, learning rate {found.learning_rate:g} by {len(losses)} trials, train_loss "
    )


@pytest.mark.slow
@pytest.mark.usefixtures("forking_python")
def test_two_processes_choose_the_rate_of_one_and_leave_its_outputs(
    project: Path, params: Params
) -> None:
    still = params.train.lora.model_copy(update={"dropout": 0.0})  # drawn in each process
    asked = {"lora": still, "learning_rate": "auto"}
    train.run(settings(params, asked))
    one, curve = trained()
    chosen = metrics.read(paths.TRAIN_METRICS, metrics.Train)
    shutil.rmtree(paths.TUNED)
    settings(params, asked | {"processes": 2})
    done = run("-m", "stages.train")
    assert done.returncode == 0, done.stderr[-3000:]
    two, other = trained()
    found = metrics.read(paths.TRAIN_METRICS, metrics.Train)
    assert found.learning_rate == chosen.learning_rate
    assert done.stdout.count("train.learning_rate ") == len(found.trials) >= 3
    assert set(json.loads(paths.RUN.read_text())) == {"train"}
    assert not list(paths.CHECKPOINTS.glob("*"))
    np.testing.assert_allclose(other["train_loss"], curve["train_loss"], atol=2e-4)
    moved = max(np.abs(one[name]).max() for name in one)
    assert max(np.abs(one[name] - two[name]).max() for name in one) < 0.02 * moved


@pytest.mark.slow
@pytest.mark.usefixtures("forking_python")
def test_one_process_that_fails_ends_in_an_error(
    project: Path, params: Params, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = settings(params, {"processes": 2, "keep": "best"})
    schemas.write(pd.read_parquet(paths.VALIDATION)[:0], paths.VALIDATION, schemas.Split)
    with pytest.raises(InputError, match=r"^one of 2 processes failed"):
        train.run(asked)
    assert "need validation rows" in capfd.readouterr().err
    assert not paths.TUNED.exists()


@pytest.mark.slow
def test_kill_9_loses_nothing_and_nor_does_a_second_one(
    project: Path, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = settings(params, {"epochs": 5, "micro_batch_size": 2})
    with monkeypatch.context() as anxious:
        anxious.setattr(checkpoints, "SECONDS", 0)
        train.run(asked)
    undisturbed = left()
    assert not list(paths.CHECKPOINTS.glob("*")), "a finished training leaves no checkpoints"
    seen = 0
    for pause in (0.1, 0.3):  # so in another part of a step
        for file in undisturbed:  # DVC removes them, too, before it runs a stage again
            Path(file).unlink(missing_ok=True)
        child = subprocess.Popen([sys.executable, "-c", ANXIOUS], stderr=subprocess.DEVNULL)
        seen = wait_for_a_checkpoint(after=seen, child=child)
        time.sleep(pause)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    assert not WEIGHTS.exists(), "it was killed too late"
    assert run("-c", ANXIOUS).returncode == 0
    assert left() == undisturbed


def wait_for_a_checkpoint(after: int, child: subprocess.Popen[bytes]) -> int:
    """The step of the first sealed checkpoint beyond that of step ``after``."""
    deadline = time.monotonic() + SECONDS
    while not (steps := [step for step in list_sealed_steps() if step > after]):
        assert time.monotonic() < deadline and child.poll() is None
        time.sleep(0.01)
    return min(steps)


def list_sealed_steps() -> list[int]:
    sealed = paths.CHECKPOINTS.glob(f"*/*/{checkpoints.SEAL}")
    return [int(seal.parent.name.removeprefix("checkpoint-")) for seal in sealed]
