"""Classification heads: trained, saved, reloaded and exported, on three architectures."""

import json
import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from bitsandbytes.nn.modules import Linear4bit
from safetensors.torch import load_file, save_file
from tokenizers import AddedToken
from transformers import GPT2LMHeadModel, pipeline

from reprotune.builtin import headlines
from reprotune.core.errors import InputError
from reprotune.core.params import Params
from reprotune.export.merging import merge
from reprotune.models.adapters import save_tuned
from reprotune.models.base import Base
from reprotune.models.encoders import encoder_for
from reprotune.models.exported import load_classifier, save_classifier, save_merged
from reprotune.models.heads import TextEncoder, head_modules
from reprotune.models.loading import Precision, load_model
from reprotune.models.tokenizer import load_tokenizer
from reprotune.scoring.scores import embed_texts, score_texts
from reprotune.training.tune import tune
from tests import tiny

NF4, FP32 = (Precision(q, False, "float32") for q in ("nf4", "none"))
HEADS = {"bert": ["classifier", "bert.pooler"], "gpt2": ["score"], "llama": ["score"]}


@pytest.fixture(scope="module", params=tiny.ARCHITECTURES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save(tmp_path_factory.mktemp("base") / request.param, made(request.param))


def made(name: str) -> torch.nn.Module:
    return tiny.ARCHITECTURES[name]()


@pytest.fixture
def reader(folder: Path, params: Params) -> TextEncoder:
    return reader_of(folder, params, headlines.CLASSES)


def reader_of(folder: Path, params: Params, classes: Iterable[str]) -> TextEncoder:
    prompt = params.prompt.model_copy(update={"max_tokens": 64})
    encoder = encoder_for(load_tokenizer(folder), "classification", prompt, list(classes))
    assert isinstance(encoder, TextEncoder)
    return encoder


@pytest.mark.parametrize(("method", "precision"), [("lora", NF4), ("lora", FP32), ("full", FP32)])
def test_the_merged_model_read_back_says_what_the_tuned_one_says(
    folder: Path,
    reader: TextEncoder,
    rows: pd.DataFrame,
    params: Params,
    method: str,
    precision: Precision,
    tmp_path: Path,
) -> None:
    torch.manual_seed(1)
    train = params.train.model_copy(update={"method": method, "epochs": 3, "learning_rate": 5e-3})
    before_training = load_model(folder, precision, reader, new_head=True)
    untuned = score_texts(before_training, reader, rows["text"], 32, "base")
    model, _, curve, _ = tune(before_training, reader, (rows[:64], rows[64:80]), train, precision)
    now = score_texts(model, reader, rows["text"], 32, "in memory")
    save_tuned(model, method, tmp_path / "tuned")
    tuned = Base(folder, precision, reader).load_tuned(tmp_path / "tuned")
    reloaded = score_texts(*tuned, rows["text"], 32, "tuned")
    merged, _ = merge(Base(folder, precision, reader), tmp_path / "tuned")
    save_merged(merged, reader.tokenizer, "float16", tmp_path / "merged")
    save_classifier(reader, tmp_path / "merged")
    after = score_texts(*load_classifier(tmp_path / "merged"), rows["text"], 32, "merged")
    assert np.abs(now - untuned).mean() > 0.1, "training changed something"
    assert curve["train_loss"].iloc[-1] < curve["train_loss"].iloc[0]
    assert np.abs(now - reloaded).max() < 1e-5, "the head came back with the adapter"
    assert np.abs(reloaded - after).mean() < 2e-3
    assert (reloaded.argmax(1) == after.argmax(1)).all()


def test_the_export_runs_in_a_stock_pipeline_with_the_names_of_the_classes(
    folder: Path, reader: TextEncoder, rows: pd.DataFrame, tmp_path: Path
) -> None:
    model = load_model(folder, FP32, reader, new_head=True).eval()
    reader.tokenizer.add_tokens([AddedToken("<think>", special=False, normalized=False)])
    model.resize_token_embeddings(len(reader.tokenizer))
    save_merged(model, reader.tokenizer, "float32", tmp_path)
    save_classifier(reader, tmp_path)
    stock = pipeline("text-classification", str(tmp_path), device="cpu", truncation=True)
    texts = [*rows["text"][:8], "</s> " * 20 + "dull", "<think>rose</think>", "profit " * 300]
    scores = score_texts(model, reader, texts, 4, "ours")
    for text, ours in zip(texts, np.exp(scores), strict=True):
        theirs = {answer["label"]: answer["score"] for answer in stock(text, top_k=None)}
        assert theirs == pytest.approx(dict(zip(reader.classes, ours, strict=True)), abs=1e-5)


def test_the_head_is_found_and_never_quantized(folder: Path, reader: TextEncoder) -> None:
    model = load_model(folder, NF4, reader, new_head=True)
    assert head_modules(model) == HEADS[folder.name]
    quantized = {n for n, m in model.named_modules() if isinstance(m, Linear4bit)}
    assert quantized
    assert not any(name.startswith(head) for name in quantized for head in head_modules(model))


def test_weights_that_are_missing_elsewhere_than_in_the_head_are_refused(
    folder: Path, reader: TextEncoder, tmp_path: Path
) -> None:
    weights = load_file(folder / "model.safetensors")
    lost = next(name for name in weights if "norm" in name.lower() or "ln" in name)
    broken = shutil.copytree(folder, tmp_path / "broken")
    kept = {name: tensor for name, tensor in weights.items() if name != lost}
    save_file(kept, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match="its weights lack 1 tensor"):
        load_model(broken, FP32, reader, new_head=True)


def test_a_head_for_other_classes_is_replaced(
    folder: Path, reader: TextEncoder, tmp_path: Path
) -> None:
    load_model(folder, FP32, reader, new_head=True).save_pretrained(tmp_path)
    two = replace(reader, classes=["no", "yes"])
    assert load_model(tmp_path, FP32, two, new_head=True).config.id2label == {0: "no", 1: "yes"}


def test_the_bases_own_head_is_kept_for_the_same_classes_in_the_same_order_alone(
    folder: Path, reader: TextEncoder, tmp_path: Path
) -> None:
    known = load_model(folder, FP32, reader, new_head=True)
    known.save_pretrained(tmp_path)
    head = f"{HEADS[folder.name][0]}.weight"
    turned = replace(reader, classes=reader.classes[::-1])
    for encoder, same in ((reader, True), (turned, False)):
        found = load_model(tmp_path, FP32, encoder, new_head=True).get_parameter(head)
        assert torch.equal(found, known.get_parameter(head)) == same
        assert found.std() < 0.1, "drawn as transformers draws it"


def test_a_head_that_is_missing_where_it_was_saved_is_refused(
    folder: Path, reader: TextEncoder
) -> None:
    with pytest.raises(InputError, match=r"its weights lack \d tensors?"):
        load_model(folder, FP32, reader)


def test_a_pad_token_without_an_embedding_is_refused(
    folder: Path, params: Params, tmp_path: Path
) -> None:
    odd = shutil.copytree(folder, tmp_path / "odd")
    tokenizer = load_tokenizer(odd)
    tokenizer.add_special_tokens({"pad_token": "[NEW]"})
    tokenizer.save_pretrained(odd)
    with pytest.raises(InputError, match="no embedding for the pad token"):
        load_model(odd, FP32, reader_of(odd, params, ["a", "b"]), new_head=True)


def test_the_export_cuts_and_pads_as_the_training_did(
    folder: Path, reader: TextEncoder, tmp_path: Path
) -> None:
    reader.tokenizer.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    assert (config["model_max_length"], config["padding_side"]) == (64, "right")


def test_a_new_head_is_drawn_from_the_seed(folder: Path, reader: TextEncoder) -> None:
    def head(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        model = load_model(folder, NF4, reader, new_head=True)
        return model.get_submodule(HEADS[folder.name][0]).weight.clone()

    assert torch.equal(head(1), head(1))
    assert not torch.equal(head(1), head(2))


def test_scores_and_embeddings_do_not_depend_on_the_batch(
    folder: Path, reader: TextEncoder, rows: pd.DataFrame
) -> None:
    model = load_model(folder, FP32, reader, new_head=True).eval()
    texts = [*rows["text"][:9], "x", "long " * 300, ""]
    for function in (score_texts, embed_texts):
        one, many = (function(model, reader, texts, batch, "test") for batch in (1, 5))
        assert one.shape[0] == len(texts)
        assert np.abs(one - many).max() < 1e-4


def test_an_over_long_text_is_cut_and_counted_and_keeps_the_end_mark() -> None:
    reader = TextEncoder(tiny.tokenizer(), ["a", "b"], 16)
    assert len(reader.prompt("profit rose " * 30)) == 16
    assert reader.is_cut("profit rose " * 30)
    assert not reader.is_cut("profit rose")
    assert reader.example("profit rose", "b")["labels"] == 1


def test_gpt2_as_a_causal_model_in_4_bits_can_be_merged(
    rows: pd.DataFrame, params: Params, tmp_path: Path
) -> None:
    """Quantization turns GPT-2's transposed layers into others; the export needs its own again."""
    base = tiny.save(tmp_path / "base", tiny.gpt2())
    prompt = params.prompt
    encoder = encoder_for(load_tokenizer(base), "causal", prompt, list(prompt.verbalizers))
    model = load_model(base, NF4, encoder)
    model, *_ = tune(model, encoder, (rows[:32], rows[:0]), params.train, NF4)
    save_tuned(model, "lora", tmp_path / "tuned")
    tuned = Base(base, NF4, encoder).load_tuned(tmp_path / "tuned")
    before = score_texts(*tuned, rows["text"], 32, "tuned")
    merged, _ = merge(Base(base, NF4, encoder), tmp_path / "tuned")
    save_merged(merged, encoder.tokenizer, "float16", tmp_path / "merged")
    save_classifier(encoder, tmp_path / "merged")
    after = score_texts(*load_classifier(tmp_path / "merged"), rows["text"], 32, "merged")
    assert isinstance(merged, GPT2LMHeadModel)
    assert np.abs(before - after).mean() < 2e-3


@pytest.mark.parametrize("targets", ["all-linear", "attention"])
def test_lora_targets_exist_in_every_architecture(
    folder: Path, reader: TextEncoder, rows: pd.DataFrame, params: Params, targets: str
) -> None:
    lora = params.train.lora.model_copy(update={"targets": targets})
    train = params.train.model_copy(update={"lora": lora, "epochs": 1})
    model, *_ = tune(
        load_model(folder, NF4, reader, new_head=True), reader, (rows[:16], rows[:0]), train, NF4
    )
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    assert any("lora_A" in name for name in trained)
    heads = HEADS[folder.name]
    assert not any("lora" in name and head in name for name in trained for head in heads)
    assert all(any(head in name for name in trained) for head in heads)


def test_attention_targets_of_an_unknown_architecture_are_refused(
    folder: Path, reader: TextEncoder, rows: pd.DataFrame, params: Params
) -> None:
    model = load_model(folder, FP32, reader, new_head=True)
    model.config.model_type = "novel"
    lora = params.train.lora.model_copy(update={"targets": "attention"})
    train = params.train.model_copy(update={"lora": lora})
    with pytest.raises(InputError, match="unknown for a novel model; use all-linear"):
        tune(model, reader, (rows[:16], rows[:0]), train, FP32)
