"""What a training computes in another way than torch does unasked: faster, or in one order."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from peft.helpers import disable_input_dtype_casting
from peft.tuners.lora import LoraLayer
from torch.nn import functional

from reprotune.models.loading import DEVICE

LEVELS = 1 << 16  # of a random number that decides about one value
TORCHS: dict[str, Callable[..., torch.Tensor]] = {
    name: getattr(functional, name) for name in ("dropout", "scaled_dot_product_attention")
}


@contextmanager
def fit_for_this_device(model: torch.nn.Module) -> Iterator[None]:
    """What a training of ``model`` runs in.

    On a GPU torch's own kernels stay, of which those are taken that add up in one order.

    On a processor torch draws each value of a dropout's mask by itself, on one thread. Its
    attention in bfloat16 goes back through a small product for each head of each row, which oneDNN
    plans anew each time. peft asks for the autocast of a GPU, finds none, and would turn each input
    into float32.
    """
    if DEVICE != "cpu":
        with in_one_order():
            yield
        return
    of_lora = any(isinstance(module, LoraLayer) for module in model.modules())  # others never do
    with disable_input_dtype_casting(model, of_lora):
        replace(dropout=drop, scaled_dot_product_attention=attend)
        try:
            yield
        finally:
            replace(**TORCHS)


@contextmanager
def in_one_order() -> Iterator[None]:
    """Two runs add up alike, where torch has a kernel for it; where not, torch warns.

    ``core/arithmetic.py`` has set what cuBLAS needs for it.
    """
    settings: Any = torch.utils.deterministic
    filling, settings.fill_uninitialized_memory = settings.fill_uninitialized_memory, False
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)
        settings.fill_uninitialized_memory = filling


def replace(**functions: Any) -> None:
    """Set functions of ``torch.nn.functional``, where modules look for them at each call.

    A mode that overrides functions of torch would not be at work while a backward pass computes
    activations again.
    """
    for name, function in functions.items():
        setattr(functional, name, function)


def drop(
    values: torch.Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> torch.Tensor:
    """``torch.nn.functional.dropout`` with ``p`` to the nearest of 65,536 levels.

    The mask is drawn by a generator of its own, whose seed comes from torch's: the same seed or
    checkpoint gives the same masks.
    """
    dropped = round(p * LEVELS)
    if not (training and 0 < dropped < LEVELS):
        return TORCHS["dropout"](values, p, training, inplace)
    seed = int(torch.randint(1 << 62, ()))
    count = values.numel()
    drawn = np.random.SFC64(seed).random_raw(-(-count // 4)).view(np.int16)[:count]
    kept = torch.from_numpy(drawn).view(values.shape) >= dropped - LEVELS // 2
    scale = kept.to(values.dtype).mul_(LEVELS / (LEVELS - dropped))
    return values.mul_(scale) if inplace else values * scale


def attend(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: torch.Tensor | None = None,
    *given: Any,
    **named: Any,
) -> torch.Tensor:
    """``scaled_dot_product_attention``, in float32 where a gradient of bfloat16 is asked for."""
    compute = TORCHS["scaled_dot_product_attention"]
    if not (torch.is_grad_enabled() and query.dtype == torch.bfloat16):
        return compute(query, key, value, attn_mask, *given, **named)
    if attn_mask is not None and attn_mask.is_floating_point():
        attn_mask = attn_mask.float()
    with torch.autocast("cpu", enabled=False):
        wide = compute(query.float(), key.float(), value.float(), attn_mask, *given, **named)
    return wide.to(query.dtype)
