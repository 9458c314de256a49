"""Merge an adapter into its base: a model that needs neither."""

from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from peft.utils import ModulesToSaveWrapper
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from reprotune.models.adapters import apply, is_whole
from reprotune.models.base import Base
from reprotune.models.compat import as_conv1d, compute_in_float32
from reprotune.models.encoders import Encoder
from reprotune.models.loading import WHOLE, load_model


def merge(base: Base, tuned: Path) -> tuple[PreTrainedModel, Encoder]:
    """The tuned model in fp32, without adapter and quantization, and the encoder that asks it.

    A quantized base is dequantized first: the adapter was trained on those weights, not on the
    original ones, and adding it to 4-bit weights would round it away.
    """
    if is_whole(tuned):
        return load_model(tuned, WHOLE, base.encoder), base.encoder
    model: Any = base.load()
    transposed = [n for n, m in model.named_modules() if getattr(m, "source_cls", None) is Conv1D]
    compute_in_float32(model)  # weights are not rounded once more on their way
    if base.precision.quantization != "none":
        model = model.dequantize(torch.float32)
        model.is_loaded_in_4bit = model.is_loaded_in_8bit = False  # which peft asks
    model, encoder = apply(model, tuned, base.encoder)
    if isinstance(model, PeftModel):
        unwrap_heads(model)
        model = model.merge_and_unload(safe_merge=True)
    for name in transposed:
        model.set_submodule(name, as_conv1d(model.get_submodule(name)))
    return model, encoder


def unwrap_heads(model: PeftModel) -> None:
    """Put trained heads in the place of their wrappers.

    peft's IA3 fails to do so with a head that is more than one layer.
    """
    for name, module in [*model.named_modules()]:
        if isinstance(module, ModulesToSaveWrapper):
            model.set_submodule(name, module.modules_to_save[module.active_adapters[0]])
