"""Ways around what the packages do that we do not want."""

from typing import Any, cast

import torch
from transformers.pytorch_utils import Conv1D


def keep_unpacked(model: torch.nn.Module) -> None:
    """Keep 4-bit weights as they were loaded.

    On CPUs with AVX512-BF16, bitsandbytes 0.50 repacks them in place at the first forward in
    eval mode; after it, gradients are wrong and the weights no longer dequantize.
    """
    from bitsandbytes.nn.modules import Linear4bit  # takes seconds, and only 4 bits need it

    for module in model.modules():
        if isinstance(module, Linear4bit):
            module.support_avx512bf16_for_cpu = False


def compute_in_float32(model: torch.nn.Module) -> None:
    """From now on multiply, and dequantize 4-bit weights, in fp32; what is stored stays."""
    from bitsandbytes.nn.modules import Linear4bit

    torch.nn.Module.float(model)  # transformers refuses its own of a quantized model
    for module in model.modules():
        if isinstance(module, Linear4bit):
            module.compute_dtype = torch.float32
            cast(Any, module.weight).quant_state.dtype = torch.float32


def last_positions(ids: torch.Tensor, count: int, before: int = 0) -> torch.Tensor:
    """The last ``count`` positions of ``ids`` (rows, tokens), for ``logits_to_keep``.

    A number there makes a view that is not contiguous, and torch multiplies it with a frozen
    head row by row, over a copy of the head for each; a tensor gathers the states.

    ``before``: positions that the model itself puts in front, as peft does a soft prompt.
    """
    end = before + ids.shape[1]
    return torch.arange(end - count, end, device=ids.device)


def as_conv1d(linear: Any) -> Conv1D:
    """GPT-2's own kind of layer again, which quantization turns into a Linear."""
    outputs, inputs = linear.weight.shape
    layer = Conv1D(outputs, inputs)
    layer.weight = torch.nn.Parameter(linear.weight.T.contiguous())
    layer.bias = linear.bias
    return layer
