"""Merge an adapter into its base and write a model that needs neither."""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.pytorch_utils import Conv1D

from reprotune.model.encoding import Encoder
from reprotune.model.heads import TextEncoder
from reprotune.model.loading import WHOLE, Precision, load_model
from reprotune.model.methods import ADAPTER, HEAD, applied
from reprotune.model.prompts import PromptEncoder
from reprotune.model.tokenizer import load_tokenizer
from reprotune.params import InputError

CLASSIFIER = "reprotune.json"


def merge(
    folder: Path, tuned: Path, precision: Precision, encoder: Encoder
) -> tuple[PreTrainedModel, Encoder]:
    """The tuned model in fp32, without adapter and quantization, and the encoder that asks it.

    A quantized base is dequantized first: the adapter was trained on those weights, not on the
    original ones, and adding it to 4-bit weights would round it away.
    """
    if not any((tuned / name).is_file() for name in (ADAPTER, HEAD)):
        return load_model(tuned, WHOLE, encoder), encoder
    base = load_model(folder, precision, encoder, new_head=True)
    transposed = [n for n, m in base.named_modules() if getattr(m, "source_cls", None) is Conv1D]
    if precision.quantization != "none":
        base = base.dequantize()
        base.is_loaded_in_4bit = base.is_loaded_in_8bit = False  # which peft asks
    model, encoder = applied(base.float(), tuned, encoder)
    if isinstance(model, PeftModel):
        model = model.merge_and_unload(safe_merge=True)
    for name in transposed:
        model.set_submodule(name, as_conv1d(model.get_submodule(name)))
    return model, encoder


def as_conv1d(linear: Any) -> Conv1D:
    """GPT-2's own kind of layer again, which quantization turns into a Linear."""
    outputs, inputs = linear.weight.shape
    layer = Conv1D(outputs, inputs)
    layer.weight = torch.nn.Parameter(linear.weight.T.contiguous())
    layer.bias = linear.bias
    return layer


def save_merged(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, dtype: str, target: Path
) -> None:
    """Write weights in ``dtype`` and the tokenizer.

    Raises:
        InputError: a weight does not fit the number format.
    """
    model = model.to(getattr(torch, dtype))
    infinite = [name for name, p in model.named_parameters() if not p.isfinite().all()]
    if infinite:
        raise InputError(f"export.dtype {dtype}: {infinite[0]} does not fit; use bfloat16")
    model.save_pretrained(str(target))
    tokenizer.save_pretrained(str(target))


def save_classifier(encoder: Encoder, target: Path) -> None:
    """Write beside the weights how the model is asked, so that the folder is complete."""
    values = {f.name: getattr(encoder, f.name) for f in fields(encoder) if f.name != "tokenizer"}
    text = json.dumps(values, indent=2, ensure_ascii=False) + "\n"
    (target / CLASSIFIER).write_text(text, encoding="utf-8")


def load_classifier(folder: Path) -> tuple[PreTrainedModel, Encoder]:
    """An exported model and the encoder that it was tuned with."""
    file = folder / CLASSIFIER
    if not file.is_file():
        raise InputError(f"{folder}: no exported model here; `dvc repro` makes one")
    values = json.loads(file.read_text(encoding="utf-8"))
    kind = TextEncoder if "classes" in values else PromptEncoder
    encoder = kind(load_tokenizer(folder), **values)
    return load_model(folder, WHOLE, encoder), encoder
