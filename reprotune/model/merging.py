"""Merge an adapter into its base and write a model that needs neither."""

import json
from pathlib import Path

import torch
from peft import PeftModel
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from reprotune.model.loading import Precision, load_model, load_tokenizer
from reprotune.model.prompts import Encoder
from reprotune.params import InputError

CLASSIFIER = "reprotune.json"
FULL = Precision("none", False, "float32")


def merge(folder: Path, adapter: Path, precision: Precision) -> PreTrainedModel:
    """Base plus adapter in fp32.

    A quantized base is dequantized first: the adapter was trained on those weights, not on the
    original ones, and adding it to 4-bit weights would round it away.
    """
    base = load_model(folder, precision)
    if precision.quantization != "none":
        base = base.dequantize()
    base = base.float()
    merged: PreTrainedModel = PeftModel.from_pretrained(base, str(adapter)).merge_and_unload(
        safe_merge=True
    )
    return merged


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
    values = {
        "template": encoder.template,
        "verbalizers": dict(encoder.verbalizers),
        "max_length": encoder.max_length,
    }
    text = json.dumps(values, indent=2, ensure_ascii=False) + "\n"
    (target / CLASSIFIER).write_text(text, encoding="utf-8")


def load_classifier(folder: Path) -> tuple[PreTrainedModel, Encoder]:
    """An exported model and the encoder that it was tuned with."""
    file = folder / CLASSIFIER
    if not file.is_file():
        raise InputError(f"{folder}: no exported model here; `dvc repro` makes one")
    return load_model(folder, FULL), Encoder(
        load_tokenizer(folder), **json.loads(file.read_text(encoding="utf-8"))
    )
