"""About how much main memory the hungriest stage takes."""

from pathlib import Path

from reprotune.core.params import Params
from reprotune.models.tokenizer import load_config

GIB = 1 << 30
PROGRAM = 1.0  # GiB that Python and its packages take
MERGED = 8  # bytes a parameter: export holds the model twice in fp32
FULL = 16  # of training all weights with Adam: weight, gradient, two moments
LOADED = {"nf4": 1, "int8": 2, "none": 4}  # of a frozen weight, with embeddings in fp32
KEPT = 256  # bytes of a token in a layer, by width, about: LoRA on all linear layers, in fp32


def estimate_memory(params: Params, parameters: int, folder: Path | None, gpu: bool) -> float:
    """GiB for a base model of so many parameters, in ``folder`` if it is here already.

    On a GPU training takes that one's memory.
    """
    full = params.train.method == "full"
    weights = FULL if full else LOADED[params.model.quantization]
    trained = 0.0 if gpu else parameters * weights + measure_activations(params, folder)
    return PROGRAM + max(parameters * MERGED, trained) / GIB


def measure_activations(params: Params, folder: Path | None) -> float:
    """Bytes of the states of the longest batch, kept for the way back."""
    if folder is None:
        return 0.0
    train, config = params.train, load_config(folder)
    each = train.batch_size // train.processes
    rows = each if train.micro_batch_size == "auto" else train.micro_batch_size
    layers = 1 if train.activation_checkpointing else config.num_hidden_layers
    return float(rows * params.prompt.max_tokens * layers * config.hidden_size * KEPT)
