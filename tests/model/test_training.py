from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from reprotune.model.loading import Precision, load_model
from reprotune.model.methods import save_tuned
from reprotune.model.prompts import PromptEncoder
from reprotune.model.training import tune
from reprotune.params import InputError, Params, Train, load_params

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def settings() -> Train:
    params: Params = load_params(ROOT / "profiles/builtin.yaml")
    return params.train.model_copy(update={"epochs": 2, "learning_rate": 5e-3})


def adapter(target: Path, *args: Any) -> dict[str, bytes]:
    model, *_ = tune(*args)
    save_tuned(model, "lora", target)
    return {file.name: file.read_bytes() for file in target.iterdir()}


def test_training_with_and_without_evaluation_gives_the_same_bytes(
    base: Path,
    encoder: PromptEncoder,
    nf4: Precision,
    rows: pd.DataFrame,
    settings: Train,
    tmp_path: Path,
) -> None:
    train, validation = rows[:48], rows[48:64]
    with_it = adapter(
        tmp_path / "a", load_model(base, nf4, encoder), encoder, train, validation, settings, nf4
    )
    without = adapter(
        tmp_path / "b",
        load_model(base, nf4, encoder),
        encoder,
        train,
        validation[:0],
        settings,
        nf4,
    )
    assert with_it == without


def test_another_seed_gives_another_adapter(
    base: Path,
    encoder: PromptEncoder,
    nf4: Precision,
    rows: pd.DataFrame,
    settings: Train,
    tmp_path: Path,
) -> None:
    other = settings.model_copy(update={"seed": settings.seed + 1})
    one, two = (
        adapter(
            tmp_path / str(s.seed),
            load_model(base, nf4, encoder),
            encoder,
            rows[:32],
            rows[:0],
            s,
            nf4,
        )
        for s in (settings, other)
    )
    assert one["adapter_model.safetensors"] != two["adapter_model.safetensors"]


@pytest.mark.parametrize("quantization", ["nf4", "none"])
def test_training_lowers_the_loss_and_the_curve_tells(
    base: Path, encoder: PromptEncoder, rows: pd.DataFrame, settings: Train, quantization: str
) -> None:
    precision = Precision(quantization, double_quantization=False, compute_dtype="float32")
    model = load_model(base, precision, encoder)
    more = settings.model_copy(update={"epochs": 5})
    _, train_curve, curve = tune(model, encoder, rows[:64], rows[64:80], more, precision)
    assert list(curve["epoch"]) == [1, 2, 3, 4, 5]
    assert curve["validation_loss"].iloc[-1] < curve["validation_loss"].iloc[0]
    assert train_curve["train_loss"].iloc[-1] < train_curve["train_loss"].iloc[0]


def test_only_the_adapter_is_trained_and_in_fp32(
    base: Path, encoder: PromptEncoder, nf4: Precision, rows: pd.DataFrame, settings: Train
) -> None:
    model, *_ = tune(load_model(base, nf4, encoder), encoder, rows[:16], rows[:0], settings, nf4)
    trained = {n: p.dtype for n, p in model.named_parameters() if p.requires_grad}
    assert all("lora_" in name for name in trained)
    assert {str(dtype) for dtype in trained.values()} == {"torch.float32"}


@pytest.mark.parametrize("count", [16, 64])
def test_a_diverged_loss_is_an_error(
    base: Path,
    encoder: PromptEncoder,
    nf4: Precision,
    rows: pd.DataFrame,
    settings: Train,
    count: int,
) -> None:
    wild = settings.model_copy(update={"learning_rate": 1e30, "max_grad_norm": 1e30, "epochs": 5})
    with pytest.raises(InputError, match=r"lower train\.learning_rate"):
        tune(load_model(base, nf4, encoder), encoder, rows[:count], rows[:0], wild, nf4)
