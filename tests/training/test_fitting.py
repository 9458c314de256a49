"""How many rows fit a GPU is tried by the passes that the training makes; a CPU stands for it."""

from pathlib import Path

import pandas as pd
import pytest
import torch
from transformers import PreTrainedModel

from reprotune.builtin import headlines
from reprotune.core.errors import InputError
from reprotune.core.params import Params, Train
from reprotune.models.adapters import save_tuned
from reprotune.models.encoders import Encoder
from reprotune.models.heads import TextEncoder
from reprotune.models.loading import WHOLE, Precision, load_model
from reprotune.models.prompts import PromptEncoder
from reprotune.training import fitting, tune
from reprotune.training.distributed import launch
from tests import tiny

Seen = list[tuple[int, bool, bool]]  # of each pass: rows, checkpointed, in mixed precision


@pytest.fixture(autouse=True)
def on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "DEVICE", "cuda:0")


@pytest.fixture
def settings(params: Params) -> Train:
    changes = {"epochs": 1, "batch_size": 16, "micro_batch_size": "auto"}
    return params.train.model_copy(update=changes | {"activation_checkpointing": True})


def watch(model: PreTrainedModel, most: int) -> Seen:
    """What the model computes, on a GPU that holds so many rows."""
    seen: Seen = []

    def note(_: torch.nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        rows, mixed = len(given[0]), torch.is_autocast_enabled(given[0].device.type)
        seen.append((rows, model.is_activation_checkpointing, mixed))
        if rows > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9.00 GiB.")

    model.get_input_embeddings().register_forward_pre_hook(note)
    return seen


@pytest.mark.parametrize(
    ("task", "method", "quantization"),
    [("causal", "lora", "nf4"), ("classification", "lora", "nf4"),
     ("classification", "head", "none"), ("causal", "full", "none")],
)  # fmt: skip
def test_what_fits_is_found_by_the_passes_of_the_training_and_without_a_trace(
    base: Path,
    encoder: PromptEncoder,
    rows: pd.DataFrame,
    settings: Train,
    tmp_path: Path,
    task: str,
    method: str,
    quantization: str,
) -> None:
    asks: Encoder = encoder
    if task == "classification":
        asks = TextEncoder(tiny.tokenizer(), headlines.CLASSES, 128)
    precision = Precision(quantization, double_quantization=False, compute_dtype="bfloat16")
    left = []
    for size in ("auto", 4):
        train = settings.model_copy(update={"method": method, "micro_batch_size": size})
        torch.manual_seed(1)  # of a new head
        model = load_model(base, WHOLE if method == "full" else precision, asks, new_head=True)
        seen = watch(model, 4)
        tuned, *_ = tune.tune(model, asks, (rows[:32], rows[:0]), train, precision)
        save_tuned(tuned, method, tmp_path / str(size))
        left.append({f.name: f.read_bytes() for f in (tmp_path / str(size)).iterdir()})
        tried = [16, 8, 4] if size == "auto" else []
        assert seen == [(rows, True, True) for rows in tried + [4] * 8]
    assert left[0] == left[1]


def test_a_row_that_does_not_fit_is_an_error_that_says_what_to_lower(
    base: Path, encoder: PromptEncoder, nf4: Precision, rows: pd.DataFrame, settings: Train
) -> None:
    model = load_model(base, nf4, encoder)
    seen = watch(model, 0)
    with pytest.raises(InputError, match=r"out of memory.*train\.activation_checkpointing"):
        tune.tune(model, encoder, (rows[:32], rows[:0]), settings, nf4)
    assert [rows for rows, *_ in seen] == [16, 8, 4, 2, 1]


def test_another_error_is_no_lack_of_memory(
    base: Path, encoder: PromptEncoder, nf4: Precision, rows: pd.DataFrame, settings: Train
) -> None:
    model = load_model(base, nf4, encoder)

    def fail(*_: object) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    model.get_input_embeddings().register_forward_pre_hook(fail)
    with pytest.raises(RuntimeError, match="illegal memory access"):
        tune.tune(model, encoder, (rows[:32], rows[:0]), settings, nf4)


@pytest.mark.parametrize("task", ["causal", "classification"])
def test_several_gpus_in_sight_leave_a_batch_as_large_as_it_is(
    encoder: PromptEncoder,
    nf4: Precision,
    rows: pd.DataFrame,
    settings: Train,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    task: str,
) -> None:
    monkeypatch.setattr(tune, "DEVICE", "cuda:0")
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    arguments = tune.set_arguments(settings, nf4, 32, False, 4, str(tmp_path))
    asks = encoder if task == "causal" else TextEncoder(tiny.tokenizer(), headlines.CLASSES, 128)
    weights = dict.fromkeys(headlines.CLASSES, 1.0)
    data = {"train_dataset": tune.encode_rows(asks, rows[:32], weights, "answer")}
    trainer = tune.build_trainer(tiny.model(), asks, settings, arguments, data)
    assert (trainer.args.n_gpu, trainer.args.train_batch_size) == (1, 4)


def test_more_processes_than_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    with pytest.raises(InputError, match=r"train\.processes 4: one a GPU, and there are 2 here"):
        launch("stages.train", 4, None, 1)
