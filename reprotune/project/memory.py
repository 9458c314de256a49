"""About how much memory the hungriest stage takes, of the machine and of its GPU."""

from pathlib import Path
from typing import assert_never

import torch

from reprotune.core.params import Params, Train
from reprotune.models.tokenizer import load_config

GIB = 1 << 30
PROGRAM = 1.0  # GiB that Python and its packages take
DRIVER = 0.5  # GiB of a GPU that CUDA takes
MERGED = 8  # bytes a parameter: export holds the model twice in fp32
ON_GPU = 4  # of that on a GPU, which holds no copy
FULL = 16  # of training all weights with Adam: weight, gradient, two moments
LOADED = {"nf4": 1, "int8": 2, "none": 4}  # of a frozen weight, with embeddings in fp32
QUANTIZED = {"nf4": 0.5625, "int8": 1}  # of a weight of a linear layer, with its block's scale
ADAPTED = 1.6  # weights of an adapter on all linear layers, by theirs times rank over width
KEPT = 256  # bytes of a token in a layer, by width, about: LoRA on all linear layers, in fp32
MIXED = 90  # the same on a GPU, in bf16 or fp16; with activation checkpointing of one layer, and
STATE = 2  # of each


def estimate_memory(params: Params, parameters: int, folder: Path, gpu: int) -> float:
    """GiB of main memory for a base model of so many parameters, whose config is in ``folder``.

    A GPU of ``gpu`` bytes has the training's part, and the export's where that fits.
    """
    if gpu >= ON_GPU * parameters:  # which is copied once more as it is saved
        needed = parameters * float(getattr(torch, params.export.dtype).itemsize)
    elif gpu:
        needed = float(parameters * MERGED)
    else:
        weights = FULL if share_trained(params.train) is None else LOADED[params.model.quantization]
        layers = 1 if params.train.activation_checkpointing else count_layers(folder)
        kept = layers * KEPT * measure_batch(params, folder, least=False)
        needed = max(parameters * MERGED, parameters * weights + kept)
    return PROGRAM + needed / GIB


def estimate_training(params: Params, parameters: int, folder: Path) -> float:
    """GiB of a GPU for the training, as few rows at a time as it may take."""
    model, train = params.model, params.train
    text, size = load_config(folder).get_text_config(), getattr(torch, model.compute_dtype).itemsize
    tables = 1 if model.task != "causal" or getattr(text, "tie_word_embeddings", False) else 2
    embedded = min(parameters, tables * getattr(text, "vocab_size", 0) * text.hidden_size)
    linear = parameters - embedded
    if (share := share_trained(train)) is None:
        weights = parameters * float(FULL + (size if size < 4 else 0))
    else:
        weights = embedded * size + linear * QUANTIZED.get(model.quantization, size)
        weights += share / text.hidden_size * linear * FULL
    layers, wide = count_layers(folder), MIXED if size < 4 else KEPT
    kept = layers * STATE + wide if train.activation_checkpointing else layers * wide
    return DRIVER + (weights + kept * measure_batch(params, folder, least=True)) / GIB


def share_trained(train: Train) -> float | None:
    """What a method trains beside the frozen model, by the weights of its linear layers over width.

    None where it trains the model's own.
    """
    match train.method:
        case "full":
            return None
        case "lora" | "dora":
            return ADAPTED * train.lora.rank
        case "head" | "ia3" | "prompt_tuning":  # next to nothing
            return 0.0
        case _:
            assert_never(train.method)


def count_layers(folder: Path) -> int:
    return int(load_config(folder).get_text_config().num_hidden_layers)


def measure_batch(params: Params, folder: Path, least: bool) -> float:
    """Numbers in the states of the tokens that are computed at once, by one layer.

    ``least``: where the size is found by trying, that of one row.
    """
    train = params.train
    each = 1 if least else train.batch_size // train.processes
    rows = each if train.micro_batch_size == "auto" else train.micro_batch_size
    return float(
        rows * params.prompt.max_tokens * load_config(folder).get_text_config().hidden_size
    )
