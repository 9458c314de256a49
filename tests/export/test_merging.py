from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

from reprotune.core.errors import InputError
from reprotune.core.params import Params
from reprotune.export.merging import merge
from reprotune.export.parity import compare, require
from reprotune.models.adapters import prepare, save_tuned
from reprotune.models.base import Base
from reprotune.models.compat import compute_in_float32
from reprotune.models.encoders import encoder_for
from reprotune.models.exported import load_classifier, save_classifier, save_merged
from reprotune.models.loading import WHOLE, Precision, load_model
from reprotune.models.prompts import PromptEncoder
from reprotune.models.tokenizer import load_tokenizer
from reprotune.scoring.scores import score_texts
from reprotune.training.tune import tune
from tests import tiny


@pytest.mark.parametrize(
    ("quantization", "compute_dtype"),
    [("nf4", "float32"), ("nf4", "bfloat16"), ("none", "bfloat16")],
)
def test_the_merged_model_read_back_says_what_the_tuned_one_says_and_a_fault_shows(
    base: Path,
    encoder: PromptEncoder,
    rows: pd.DataFrame,
    params: Params,
    tmp_path: Path,
    quantization: str,
    compute_dtype: str,
) -> None:
    precision = Precision(quantization, False, compute_dtype)
    model, *_ = tune(
        load_model(base, precision, encoder),
        encoder,
        (rows[:64], rows[:0]),
        params.train,
        precision,
    )
    save_tuned(model, "lora", tmp_path / "tuned")
    opened = Base(base, precision, encoder)

    def export(tuned: Path) -> np.ndarray:
        merged, asking = merge(opened, tuned)
        assert {weights.dtype for weights in merged.parameters()} == {torch.float32}
        save_merged(merged, asking.tokenizer, "float16", tmp_path / "merged")
        save_classifier(asking, tmp_path / "merged")
        return score_texts(*load_classifier(tmp_path / "merged"), rows["text"], 32, "merged")

    untuned = score_texts(load_model(base, precision, encoder), encoder, rows["text"], 32, "base")
    model, asking = opened.load_tuned(tmp_path / "tuned")
    compute_in_float32(model)
    before = score_texts(model, asking, rows["text"], 32, "tuned")
    assert np.abs(before - untuned).mean() > 0.1, "training changed something"
    labels = before.argmax(1)
    require(compare(before, export(tmp_path / "tuned"), labels, params.export.tie), params.export)

    file = tmp_path / "tuned/adapter_model.safetensors"
    weights = load_file(file)
    lost = next(name for name in weights if "lora_B" in name)
    save_file(weights | {lost: torch.zeros_like(weights[lost])}, file)
    with pytest.raises(InputError, match=r"export\."):
        require(
            compare(before, export(tmp_path / "tuned"), labels, params.export.tie), params.export
        )


def test_a_flip_between_classes_that_are_tied_is_none() -> None:
    tuned = np.array([[-1.0, -1.001, -9], [-1.0, -1.5, -9], [-1.0, -1.001, -9]])
    merged = np.array([[-1.0, -0.9999, -9], [-1.0, -1.5, -9], [-1.0, -1.001, -0.9]])
    found = compare(tuned, merged, np.zeros(3, int), tie=0.002)
    assert (found.ties, found.agreement) == (1, pytest.approx(2 / 3)), "the third is no tie"


@pytest.mark.parametrize(("tolerance", "tie"), [(1e-5, 0.02), (0.002, 0.02), (0.03, 0.03)])
def test_likelihoods_that_are_within_two_hundredths_are_equal(
    params: Params, tolerance: float, tie: float
) -> None:
    export = params.export.model_copy(update={"log_likelihood_tolerance": tolerance})
    assert export.tie == tie


def test_a_weight_beyond_the_number_format_is_refused(
    base: Path, encoder: PromptEncoder, tmp_path: Path
) -> None:
    model = load_model(base, Precision("none", False, "float32"), encoder)
    with torch.no_grad():
        next(model.parameters()).fill_(1e6)
    with pytest.raises(InputError, match=r"export\.dtype float16"):
        save_merged(model, load_tokenizer(base), "float16", tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_of_several_chat_templates_the_one_that_asks_is_exported(
    base: Path, encoder: PromptEncoder, tmp_path: Path
) -> None:
    tokenizer = load_tokenizer(base)
    tokenizer.chat_template = {"default": "{{ messages }}", "tools": "{{ tools }}"}
    model = load_model(base, Precision("none", False, "float32"), encoder)
    save_merged(model, tokenizer, "float32", tmp_path)
    assert all(file.is_file() for file in tmp_path.iterdir()), "as a seal has them"
    assert load_tokenizer(tmp_path).chat_template == "{{ messages }}"


def test_a_folder_without_an_exported_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no exported model"):
        load_classifier(tmp_path)


def test_what_is_multiplied_in_half_precision_is_merged_in_full(
    base: Path, encoder: PromptEncoder, params: Params, tmp_path: Path
) -> None:
    precision = Precision("nf4", False, "bfloat16")
    fresh = prepare(load_model(base, precision, encoder), params.train, encoder)
    save_tuned(fresh, "lora", tmp_path)
    model, _ = merge(Base(base, precision, encoder), tmp_path)
    layers = {name: w for name, w in model.state_dict().items() if "_proj" in name}
    assert layers and all(weight.dtype == torch.float32 for weight in layers.values())
    assert not any(w.equal(w.bfloat16().float()) for w in layers.values()), "of the 4 bits' own"


@pytest.mark.parametrize("method", ["ia3", "lora"])
def test_a_trained_head_of_several_layers_is_merged_too(
    changed: Callable[[dict[str, Any]], Params], tmp_path: Path, method: str
) -> None:
    params = changed({"model.task": "classification", "train.method": method})
    base = tiny.save(tmp_path / "base", tiny.bert())
    encoder = encoder_for(load_tokenizer(base), "classification", params.prompt, ["a", "b"])
    fresh = prepare(load_model(base, WHOLE, encoder, new_head=True), params.train, encoder)
    pooler = "pooler.modules_to_save.default.dense.bias"
    for name, weight in fresh.named_parameters():
        if name.endswith(pooler):
            weight.data += 1
    before = score_texts(fresh, encoder, ["Net sales rose.", "x"], 2, "")
    save_tuned(fresh, method, tmp_path / "tuned")
    torch.manual_seed(0)
    merged, _ = merge(Base(base, WHOLE, encoder), tmp_path / "tuned")
    assert np.allclose(score_texts(merged, encoder, ["Net sales rose.", "x"], 2, ""), before)
    assert not any("modules_to_save" in name for name in merged.state_dict())
