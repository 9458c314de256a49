import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

from reprotune.builtin import headlines
from reprotune.core.errors import InputError
from reprotune.core.params import Params, Train
from reprotune.core.params_file import load_params
from reprotune.models.adapters import save_tuned
from reprotune.models.loading import WHOLE, Precision, load_model
from reprotune.models.prompts import IGNORED, PromptEncoder
from reprotune.training import fitting
from reprotune.training.tune import (
    encode_rows,
    explain_memory,
    set_arguments,
    tune,
    weigh_classes,
)
from tests import tiny

GENERATION = "generation_config.json"
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
        tmp_path / "a", load_model(base, nf4, encoder), encoder, (train, validation), settings, nf4
    )
    without = adapter(
        tmp_path / "b",
        load_model(base, nf4, encoder),
        encoder,
        (train, validation[:0]),
        settings,
        nf4,
    )
    assert with_it == without


@pytest.mark.parametrize("loss", ["answer", "all"])
def test_a_batch_of_many_tokens_is_computed_in_passes_and_learned_the_same(
    base: Path,
    encoder: PromptEncoder,
    rows: pd.DataFrame,
    settings: Train,
    monkeypatch: pytest.MonkeyPatch,
    loss: str,
) -> None:
    monkeypatch.setattr(fitting, "DEVICE", "cpu")
    lora = settings.lora.model_copy(update={"dropout": 0.0})
    changes = {"batch_size": 4, "micro_batch_size": "auto", "loss": loss, "lora": lora}
    parts = rows[:12].copy(), rows[40:48]
    parts[0].loc[parts[0].index[0], "text"] = " ".join(["up"] * 250)  # one of them is long

    def learn(tokens: int) -> tuple[set[tuple[int, int]], list[torch.Tensor], pd.DataFrame]:
        monkeypatch.setattr(fitting, "TOKENS", tokens)
        model = load_model(base, WHOLE, encoder)
        seen = []
        model.get_input_embeddings().register_forward_pre_hook(
            lambda _, given: seen.append(tuple(given[0].shape))
        )
        train = settings.model_copy(update=changes)
        tuned, _, curve, validation = tune(model, encoder, parts, train, WHOLE)
        trained = [p.detach() for p in tuned.parameters() if p.requires_grad]
        return set(seen), trained, curve.merge(validation, how="outer")

    whole, at_once, curve = learn(10_000)
    passes, divided, likewise = learn(200)
    assert {rows for rows, _ in whole} == {4}
    assert all(rows == 1 or rows * width <= 200 for rows, width in passes)
    assert {1, 4} <= {rows for rows, _ in passes}, "each batch by its own length"
    for one, other in zip(at_once, divided, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)
    pd.testing.assert_frame_equal(curve, likewise, rtol=1e-3)


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
            (rows[:32], rows[:0]),
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
    more = settings.model_copy(update={"epochs": 3})
    _, _, train_curve, curve = tune(model, encoder, (rows[:64], rows[64:80]), more, precision)
    assert list(curve["epoch"]) == [1, 2, 3]
    assert curve["validation_loss"].iloc[-1] < curve["validation_loss"].iloc[0]
    assert train_curve["train_loss"].iloc[-1] < train_curve["train_loss"].iloc[0]


def test_only_the_adapter_is_trained_and_in_fp32(
    base: Path, encoder: PromptEncoder, nf4: Precision, rows: pd.DataFrame, settings: Train
) -> None:
    model, *_ = tune(load_model(base, nf4, encoder), encoder, (rows[:16], rows[:0]), settings, nf4)
    trained = {n: p.dtype for n, p in model.named_parameters() if p.requires_grad}
    assert all("lora_" in name for name in trained)
    assert {str(dtype) for dtype in trained.values()} == {"torch.float32"}


def test_a_strict_step_takes_no_roots_of_mkl(settings: Train) -> None:
    """Which are not the same on every processor: ``tests/arithmetic.py`` shows the bytes."""
    for strict, optimizer in ((True, "adamw_torch_fused"), (False, "adamw_torch")):
        precision = Precision("none", False, "float32", strict)
        assert set_arguments(settings, precision, 16, False, 16, "")["optim"] == optimizer


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
        tune(load_model(base, nf4, encoder), encoder, (rows[:count], rows[:0]), wild, nf4)


def test_the_best_weights_are_those_that_are_kept(
    base: Path, encoder: PromptEncoder, rows: pd.DataFrame, settings: Train
) -> None:
    precision = Precision("none", False, "float32")
    whole = {"method": "full", "lr_scheduler": "constant", "learning_rate": 1e-2}
    best = settings.model_copy(update={"epochs": 10, "keep": "best"} | whole)
    turned = {"negative": "positive", "positive": "neutral", "neutral": "negative"}
    train, held = rows[:48], rows[:48].assign(label=rows["label"].map(turned))
    model, _, _, curve = tune(
        load_model(base, precision, encoder), encoder, (train, held), best, precision
    )
    assert curve["validation_loss"].idxmin() < len(curve) - 1, "what it learns is wrong there"
    again = best.model_copy(update={"epochs": 1, "learning_rate": 1e-30})
    *_, after = tune(model, encoder, (train, held), again, precision)
    assert after["validation_loss"].iloc[0] == pytest.approx(curve["validation_loss"].min(), 1e-3)


def test_the_validation_loss_is_that_of_a_target_whatever_rows_are_computed_together(
    base: Path, encoder: PromptEncoder, rows: pd.DataFrame, settings: Train
) -> None:
    changes = {"epochs": 1, "loss": "all", "micro_batch_size": 4, "batch_size": 4}
    train, whole = settings.model_copy(update=changes), Precision("none", False, "float32")
    model, validation = load_model(base, whole, encoder), rows[8:15]
    tuned, *_, curve = tune(model, encoder, (rows[:16], validation), train, whole)
    losses = []
    for row in encode_rows(encoder, validation, weigh_classes(rows["label"], "none"), "all"):
        ids, targets = torch.tensor([row["input_ids"]]), torch.tensor(row["labels"][1:])
        with torch.inference_mode():
            logits = tuned.eval()(input_ids=ids).logits[0, :-1].float()
        losses.append(torch.nn.functional.cross_entropy(logits, targets, reduction="none"))
    assert len(set(map(len, losses))) > 1, "texts of several lengths"
    expected = float(torch.cat(losses).mean())
    assert curve["validation_loss"].iloc[-1] == pytest.approx(expected, abs=1e-5)


def test_training_stops_when_the_validation_loss_no_longer_falls(
    base: Path, encoder: PromptEncoder, nf4: Precision, rows: pd.DataFrame, settings: Train
) -> None:
    long = settings.model_copy(update={"epochs": 12, "patience": 2, "batch_size": 8})
    others = dict(zip(headlines.CLASSES, np.roll(headlines.CLASSES, 1), strict=True))
    wrong = rows[:32].assign(label=rows[:32]["label"].map(others))  # the more is learned, the worse
    model = load_model(base, nf4, encoder)
    *_, curve = tune(model, encoder, (rows[:32], wrong), long, nf4)
    best = int(curve["validation_loss"].idxmin())
    assert len(curve) == best + 3 < 12


def test_the_best_weights_without_validation_rows_are_refused(
    base: Path, encoder: PromptEncoder, nf4: Precision, rows: pd.DataFrame, settings: Train
) -> None:
    best = settings.model_copy(update={"keep": "best"})
    with pytest.raises(InputError, match=r"need validation rows.*roles\.validation_per_class"):
        tune(load_model(base, nf4, encoder), encoder, (rows[:16], rows[:0]), best, nf4)


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    labels = pd.Series(["a"] * 6 + ["b"] * 3 + ["c"])
    expected = compute_class_weight("balanced", classes=np.array(["a", "b", "c"]), y=labels)
    assert [weigh_classes(labels, "balanced")[c] for c in "abc"] == pytest.approx(list(expected))
    assert set(weigh_classes(labels, "none").values()) == {1.0}


def test_out_of_memory_is_an_error_that_says_what_to_lower() -> None:
    for error in (
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    ):
        with pytest.raises(InputError, match=r"lower train\.micro_batch_size"), explain_memory():
            raise error
    with pytest.raises(RuntimeError, match="else"), explain_memory():
        raise RuntimeError("something else")


def test_the_loss_on_all_text_is_more_than_that_on_the_answer(
    base: Path, encoder: PromptEncoder, nf4: Precision, rows: pd.DataFrame, settings: Train
) -> None:
    last = {}
    for loss in ("answer", "all"):
        chosen = settings.model_copy(update={"loss": loss, "epochs": 3})
        model = load_model(base, nf4, encoder)
        _, _, curve, _ = tune(model, encoder, (rows[:32], rows[:0]), chosen, nf4)
        last[loss] = curve["train_loss"].iloc[-1]
    assert last["all"] > last["answer"]


def test_the_loss_on_all_text_begins_with_the_second_token(
    encoder: PromptEncoder, rows: pd.DataFrame
) -> None:
    """Before the first one is padding, or in the longest row of a batch nothing."""
    data = encode_rows(encoder, rows[:3], dict.fromkeys(headlines.CLASSES, 1.0), "all")
    for ids, labels in zip(data["input_ids"], data["labels"], strict=True):
        assert labels == [IGNORED, *ids[1:]]


def test_what_a_model_generates_by_is_saved_as_it_was(
    encoder: PromptEncoder, rows: pd.DataFrame, settings: Train, tmp_path: Path
) -> None:
    """transformers writes such a file back, but not what its trainer makes of it."""
    whole = settings.model_copy(update={"method": "full", "epochs": 1})
    folder = tiny.save(tmp_path / "base")
    asked = {"do_sample": False, "temperature": 0.9, "eos_token_id": [2, 7]}
    (folder / GENERATION).write_text(json.dumps(asked))
    model = load_model(folder, WHOLE, encoder)
    model, *_ = tune(model, encoder, (rows[:8], rows[:0]), whole, WHOLE)
    save_tuned(model, "full", tmp_path / "tuned")
    kept = json.loads((tmp_path / "tuned" / GENERATION).read_text())
    assert {key: kept.get(key) for key in asked} == asked


def test_what_machine_or_model_cannot_is_refused_before_the_training(
    base: Path, encoder: PromptEncoder, nf4: Precision, rows: pd.DataFrame, settings: Train
) -> None:
    model, parts = load_model(base, nf4, encoder), (rows[:8], rows[:0])
    half = nf4._replace(compute_dtype="float16")
    with pytest.raises(InputError, match="float16 is trained in on a GPU alone"):
        tune(model, encoder, parts, settings, half)
    model.supports_gradient_checkpointing = False  # as of ALBERT
    sparing = settings.model_copy(update={"activation_checkpointing": True})
    with pytest.raises(InputError, match="activation_checkpointing: a LlamaForCausalLM cannot"):
        tune(model, encoder, parts, sparing, nf4)
