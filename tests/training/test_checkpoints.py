"""A training that is killed goes on where it was, and ends in the same bytes."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from transformers import TrainerCallback

from reprotune.core.params import Params, Train
from reprotune.models.adapters import save_tuned
from reprotune.models.loading import Precision, load_model
from reprotune.models.prompts import PromptEncoder
from reprotune.training import checkpoints
from reprotune.training.callbacks import Curves
from reprotune.training.tune import tune


class PlugPulledError(Exception):
    pass


class Pull(TrainerCallback):
    """Pulls the plug in the step after this one."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_begin(self, *given: Any, **kwargs: Any) -> None:
        if given[1].global_step == self.step:
            raise PlugPulledError


Run = Callable[..., dict[str, bytes]]


@pytest.fixture
def run(
    base: Path,
    encoder: PromptEncoder,
    rows: pd.DataFrame,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    """Trains, and returns the bytes of what is left: the tuned weights and the curves."""
    monkeypatch.setattr(checkpoints, "SECONDS", 0)

    def train(name: str, train: Train, precision: Precision, pull: int = 0) -> dict[str, bytes]:
        key = f"{train!r} {precision!r}"
        if name == "undisturbed" and key in UNDISTURBED:
            return UNDISTURBED[key]
        model = load_model(base, precision, encoder)
        watch = [Curves(tmp_path / name / "live"), *([Pull(pull)] if pull else [])]
        folder = tmp_path / name / "checkpoints"
        parts = rows[:48], rows[80:100]
        tuned, *_ = tune(model, encoder, parts, train, precision, folder, watch)
        save_tuned(tuned, train.method, tmp_path / name / "tuned")
        shutil.rmtree(folder)
        files = sorted((tmp_path / name).rglob("*.*"))
        left = {str(f.relative_to(tmp_path / name)): f.read_bytes() for f in files if f.is_file()}
        if name == "undisturbed":
            UNDISTURBED[key] = left
        return left

    return train


UNDISTURBED: dict[str, dict[str, bytes]] = {}  # what is left of each, which is the same each time


@pytest.fixture
def settings(params: Params) -> Train:
    changes = {"epochs": 3, "learning_rate": 5e-3, "batch_size": 8, "micro_batch_size": 4}
    return params.train.model_copy(update=changes)


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    ("changes", "quantization", "step"),
    [
        ({}, "nf4", 8),  # in the middle of the second epoch
        pytest.param({"keep": "best", "patience": 2, "learning_rate": 3e-2}, "nf4", 14, marks=SLOW),
        pytest.param({"method": "full", "keep": "best"}, "none", 12, marks=SLOW),
        pytest.param({"method": "prompt_tuning"}, "nf4", 4, marks=SLOW),
        pytest.param({"learning_rate": "auto"}, "nf4", 8, marks=SLOW),
    ],
)
def test_a_killed_training_ends_in_the_bytes_of_an_undisturbed_one(
    run: Run, settings: Train, changes: dict[str, Any], quantization: str, step: int
) -> None:
    chosen = settings.model_copy(update=changes)
    precision = Precision(quantization, False, "float32")
    undisturbed = run("undisturbed", chosen, precision)
    with pytest.raises(PlugPulledError):
        run("killed", chosen, precision, step)
    resumed = run("killed", chosen, precision)
    assert resumed == undisturbed
    assert "live/plots/metrics/train_loss.tsv" in resumed


@pytest.mark.parametrize("damage", ["half-written", "one bit", "unsealed"])
def test_a_damaged_checkpoint_is_passed_over(
    run: Run, settings: Train, tmp_path: Path, damage: str
) -> None:
    precision = Precision("nf4", False, "float32")
    undisturbed = run("undisturbed", settings, precision)
    with pytest.raises(PlugPulledError):
        run("killed", settings, precision, 10)
    folder = tmp_path / "killed/checkpoints"
    last = checkpoints.latest(folder)
    assert last is not None and last.name == "checkpoint-10"
    match damage:
        case "half-written":
            (last / "optimizer.pt").unlink()
        case "one bit":
            state = bytearray((last / "optimizer.pt").read_bytes())
            state[len(state) // 2] ^= 1
            (last / "optimizer.pt").write_bytes(state)
        case "unsealed":
            (last / checkpoints.SEAL).unlink()
    assert run("killed", settings, precision) == undisturbed


def test_a_damaged_seal_is_none_and_the_checkpoint_before_it_counts(tmp_path: Path) -> None:
    draw = random.Random(1)
    for number in range(100):
        folder = tmp_path / str(number)
        for name in ("checkpoint-3", "checkpoint-10"):
            (folder / name).mkdir(parents=True)
            (folder / name / "state.pt").write_bytes(b"state of " + name.encode())
            checkpoints.seal(folder / name)
        seal = folder / "checkpoint-10" / checkpoints.SEAL
        raw = bytearray(seal.read_bytes())
        raw[draw.randrange(len(raw))] ^= 1 << draw.randrange(8)
        cut = draw.randrange(len(raw))
        seal.write_bytes(draw.choice([bytes(raw), bytes(raw[:cut]), b"[" * 5000, b"9" * 5000]))
        assert checkpoints.latest(folder) == folder / "checkpoint-3"
        assert not seal.exists()


def test_a_checkpoint_may_have_folders_as_those_of_deepspeed_do(tmp_path: Path) -> None:
    part = tmp_path / "checkpoint-5/global_step5/weights.pt"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"weights")
    checkpoints.seal(tmp_path / "checkpoint-5")
    assert checkpoints.latest(tmp_path) == tmp_path / "checkpoint-5"
    part.write_bytes(b"Weights")
    assert checkpoints.latest(tmp_path) is None


def test_what_is_no_checkpoint_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "checkpoint-notes").mkdir()
    (tmp_path / "checkpoint-7").write_text("a file")
    (tmp_path / "checkpoint-8/folder").mkdir(parents=True)
    (tmp_path / "checkpoint-8/folder/file").touch()
    (tmp_path / "checkpoint-8" / checkpoints.SEAL).write_text("{}")
    assert checkpoints.latest(tmp_path) is None
    assert (tmp_path / "checkpoint-notes").is_dir()
