"""Every method on every task and number format: trained, saved, reloaded, merged; or refused."""

import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
import torch
from peft.tuners.lora import LoraLayer
from transformers import AlbertConfig, AlbertModel

from reprotune.builtin import headlines
from reprotune.core.errors import InputError
from reprotune.core.params import Params, Train
from reprotune.export.merging import merge
from reprotune.models.adapters import prepare, save_tuned
from reprotune.models.base import Base
from reprotune.models.encoders import encoder_for
from reprotune.models.exported import load_classifier, save_classifier, save_merged
from reprotune.models.loading import WHOLE, Precision, load_model
from reprotune.models.tokenizer import load_tokenizer
from reprotune.scoring.scores import embed_texts, score_texts
from reprotune.training.tune import tune
from tests import tiny

Changed = Callable[[dict[str, Any]], Params]
METHODS = get_args(Train.model_fields["method"].annotation)
TASKS = ("causal", "classification")
QUANTIZATIONS = ("nf4", "int8", "none")
CLASSES = list(headlines.CLASSES)
RATES: dict[str, float] = {
    "lora": 5e-3, "dora": 5e-3, "full": 2e-3, "head": 5e-2, "prompt_tuning": 5e-2, "ia3": 5e-2
}  # fmt: skip


def refusal(method: str, task: str, quantization: str) -> str | None:
    """Why a combination makes no sense, as its message says."""
    if method == "full" and quantization != "none":
        return "full trains all weights: it needs model.quantization none"
    if method == "dora" and quantization == "int8":
        return "dora fails on int8 weights"
    if method == "head" and task == "causal":
        return "use model.task classification"
    if method == "prompt_tuning" and task == "classification":
        return "use model.task causal"
    return None


ALL = list(itertools.product(METHODS, TASKS, QUANTIZATIONS))
SLOW = pytest.mark.slow
USUAL = {"full": "none"}  # the number format in which a method is tried each time, if not nf4


def values(method: str, task: str, quantization: str) -> dict[str, Any]:
    return {
        "train.method": method,
        "model.task": task,
        "model.quantization": quantization,
        "prompt.max_tokens": 128,
        "train.epochs": 4,
        "train.learning_rate": RATES[method],
    }


@pytest.mark.parametrize("combination", [c for c in ALL if refusal(*c)], ids="-".join)
def test_a_combination_that_makes_no_sense_is_refused_with_its_reason(
    changed: Changed, combination: tuple[str, str, str]
) -> None:
    reason = refusal(*combination)
    assert reason
    with pytest.raises(InputError, match=reason):
        changed(values(*combination))


@pytest.mark.parametrize("combination", [
    pytest.param(c, id="-".join(c), marks=[] if c[2] == USUAL.get(c[0], "nf4") else SLOW)
    for c in ALL if not refusal(*c)
])  # fmt: skip
def test_a_method_trains_saves_reloads_and_merges(
    base: Path,
    rows: pd.DataFrame,
    changed: Changed,
    combination: tuple[str, str, str],
    tmp_path: Path,
) -> None:
    params = changed(values(*combination))
    encoder = encoder_for(load_tokenizer(base), params.model.task, params.prompt, CLASSES)
    precision = Precision(params.model.quantization, False, "float32")
    texts = rows["text"]
    torch.manual_seed(1)
    model = load_model(base, precision, encoder, new_head=True)
    untuned = score_texts(model, encoder, texts, 32, "base")
    model, _, curve, _ = tune(model, encoder, (rows[:64], rows[:0]), params.train, precision)
    assert curve["train_loss"].iloc[-3:].mean() < curve["train_loss"].iloc[:3].mean()
    save_tuned(model, params.train.method, tmp_path / "tuned")
    tuned = score_texts(
        *Base(base, precision, encoder).load_tuned(tmp_path / "tuned"), texts, 32, "tuned"
    )
    assert np.abs(tuned - untuned).mean() > 1e-3, "training changed something"
    if params.train.method != "prompt_tuning":  # whose batches peft pads within
        now = score_texts(model, encoder, texts, 32, "in memory")
        assert np.abs(now - tuned).max() < 1e-4
    merged, asking = merge(Base(base, precision, encoder), tmp_path / "tuned")
    save_merged(merged, asking.tokenizer, "float32", tmp_path / "merged")
    save_classifier(asking, tmp_path / "merged")
    after = score_texts(*load_classifier(tmp_path / "merged"), texts, 32, "merged")
    limit = {"nf4": 2e-3, "int8": 1e-2, "none": 1e-4}[params.model.quantization]
    assert np.abs(tuned - after).mean() < limit
    assert (tuned.argmax(1) == after.argmax(1)).mean() > 0.98


def test_a_rank_stabilized_adapter_keeps_its_scale_until_it_is_merged(
    base: Path, rows: pd.DataFrame, changed: Changed, tmp_path: Path
) -> None:
    chosen = {"train.lora.rank_stabilized": True, "train.lora.rank": 4, "train.lora.alpha": 10}
    params = changed(values("lora", "causal", "none") | chosen)
    encoder = encoder_for(load_tokenizer(base), "causal", params.prompt, CLASSES)
    precision = Precision("none", False, "float32")
    model = load_model(base, precision, encoder)
    model, *_ = tune(model, encoder, (rows[:32], rows[:0]), params.train, precision)
    scales = [m.scaling["default"] for m in model.modules() if isinstance(m, LoraLayer)]
    assert set(scales) == {10 / math.sqrt(4)}
    save_tuned(model, "lora", tmp_path)
    tuned = score_texts(model, encoder, rows["text"], 32, "tuned")
    merged, _ = merge(Base(base, precision, encoder), tmp_path)
    assert np.abs(score_texts(merged, encoder, rows["text"], 32, "merged") - tuned).max() < 1e-3


def test_an_interpolated_adapter_is_that_share_of_the_way_from_the_base(
    base: Path, rows: pd.DataFrame, changed: Changed
) -> None:
    params = changed(values("lora", "causal", "none") | {"train.epochs": 1})
    encoder = encoder_for(load_tokenizer(base), "causal", params.prompt, CLASSES)
    precision = Precision("none", False, "float32")

    def update(share: float) -> dict[str, torch.Tensor]:
        lora = params.train.lora.model_copy(update={"interpolation": share})
        train = params.train.model_copy(update={"lora": lora})
        model = load_model(base, precision, encoder)
        model, *_ = tune(model, encoder, (rows[:32], rows[:0]), train, precision)
        layers = {name: m for name, m in model.named_modules() if isinstance(m, LoraLayer)}
        return {name: m.get_delta_weight("default") for name, m in layers.items()}

    whole, part = update(1), update(0.25)
    assert max(delta.abs().max() for delta in whole.values()) > 1e-3, "it has learned something"
    for name, delta in whole.items():
        torch.testing.assert_close(part[name], delta / 4)


def test_a_soft_prompt_says_the_same_as_new_tokens_as_in_peft(
    base: Path, rows: pd.DataFrame, changed: Changed, tmp_path: Path
) -> None:
    params = changed(values("prompt_tuning", "causal", "none"))
    encoder = encoder_for(load_tokenizer(base), "causal", params.prompt, CLASSES)
    precision = Precision("none", False, "float32")
    model = load_model(base, precision, encoder)
    model, *_ = tune(model, encoder, (rows[:32], rows[:0]), params.train, precision)
    save_tuned(model, "prompt_tuning", tmp_path)
    ids = torch.tensor([encoder.prompt("Net sales rose.")])
    model.eval()
    with torch.inference_mode():
        theirs = model(input_ids=ids).logits[0, -1]
        ours_model, asking = Base(base, precision, encoder).load_tuned(tmp_path)
        ours = ours_model(input_ids=torch.tensor([asking.prompt("Net sales rose.")])).logits[0, -1]
    assert torch.allclose(theirs, ours[: len(theirs)], atol=1e-4)


def test_what_peft_refuses_is_an_error_that_names_method_and_model(
    changed: Changed, tmp_path: Path
) -> None:
    base = tiny.save(tmp_path, tiny.mixtral())
    params = changed(values("lora", "causal", "none"))
    encoder = encoder_for(load_tokenizer(base), "causal", params.prompt, CLASSES)
    model = load_model(base, Precision("none", False, "float32"), encoder)
    with pytest.raises(InputError, match=r"lora on a mixtral model: .*does not work with.*dropout"):
        prepare(model, params.train, encoder)


@pytest.mark.parametrize("count", [1, 2])
def test_of_full_fine_tuning_the_top_layers_alone(base: Path, changed: Changed, count: int) -> None:
    params = changed(values("full", "causal", "none") | {"train.unfrozen_layers": count})
    encoder = encoder_for(load_tokenizer(base), "causal", params.prompt, CLASSES)
    model = load_model(base, Precision("none", False, "float32"), encoder)
    free = {n for n, p in prepare(model, params.train, encoder).named_parameters()
            if p.requires_grad}  # fmt: skip
    assert {n.split(".")[2] for n in free if ".layers." in n} == (
        {"0", "1"} if count == 2 else {"1"}
    )
    assert "model.norm.weight" in free
    assert "model.embed_tokens.weight" not in free


def test_more_layers_than_there_are_is_refused(base: Path, changed: Changed) -> None:
    params = changed(values("full", "causal", "none") | {"train.unfrozen_layers": 9})
    encoder = encoder_for(load_tokenizer(base), "causal", params.prompt, CLASSES)
    model = load_model(base, Precision("none", False, "float32"), encoder)
    with pytest.raises(InputError, match=r"unfrozen_layers 9: the model has 2 layers"):
        prepare(model, params.train, encoder)


def test_unfrozen_layers_without_full_fine_tuning_are_refused(changed: Changed) -> None:
    with pytest.raises(InputError, match=r"counts for train\.method full alone"):
        changed({"train.unfrozen_layers": 1})


def test_layers_that_share_their_weights_are_not_unfrozen_apart(
    changed: Changed, tmp_path: Path
) -> None:
    sizes = {"num_hidden_layers": 2, "num_attention_heads": 2, "hidden_size": 64}
    sizes |= {"vocab_size": len(tiny.tokenizer()), "intermediate_size": 64}
    base = tiny.save(tmp_path, AlbertModel(AlbertConfig(**sizes)))
    params = changed(values("full", "classification", "none") | {"train.unfrozen_layers": 1})
    encoder = encoder_for(load_tokenizer(base), "classification", params.prompt, CLASSES)
    model = load_model(base, WHOLE, encoder, new_head=True)
    with pytest.raises(InputError, match=r"unfrozen_layers: the 2 layers of a albert .*same"):
        prepare(model, params.train, encoder)


def test_of_a_model_that_sees_the_part_that_reads_is_meant(
    changed: Changed, tmp_path: Path
) -> None:
    base = tiny.save(tmp_path / "base", tiny.seeing_gemma())
    params = changed(values("full", "causal", "none") | {"train.unfrozen_layers": 1})
    encoder = encoder_for(load_tokenizer(base), "causal", params.prompt, CLASSES)
    model = load_model(base, WHOLE, encoder)
    assert embed_texts(model, encoder, ["Net sales rose."], 1, "").shape == (1, 2 * 64)
    top = {name for name, p in prepare(model, params.train, encoder).named_parameters()
           if p.requires_grad and ".layers." in name}  # fmt: skip
    assert top
    assert all("language_model.layers.1." in name for name in top)
    params = changed(values("prompt_tuning", "causal", "none"))
    soft = prepare(load_model(base, WHOLE, encoder), params.train, encoder)
    save_tuned(soft, "prompt_tuning", tmp_path / "tuned")
    said = score_texts(*Base(base, WHOLE, encoder).load_tuned(tmp_path / "tuned"), ["x"], 1, "")
    assert said.shape == (1, len(CLASSES))
