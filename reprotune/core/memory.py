"""Memory that does not suffice, of a GPU or of the machine, in one message."""

import re

from reprotune.core.errors import InputError

SAID = re.compile(r"out of memory|can't allocate memory|_ALLOC_FAILED")  # by torch, CUDA, cuBLAS
MORE = re.compile(r"\s*Including non-PyTorch memory.*", re.DOTALL)  # advice on the allocator
REMEDY = (
    "compute fewer texts at once (baseline.batch_size, predictions.batch_size), or set "
    "model.quantization nf4; what a GPU cannot hold, `CUDA_VISIBLE_DEVICES= dvc repro` computes "
    "in main memory"
)


def lacks_memory(error: BaseException) -> bool:
    """Whether torch, which raises a RuntimeError, says that there was no memory left."""
    return isinstance(error, RuntimeError) and SAID.search(str(error)) is not None


def explain(error: BaseException) -> InputError:
    """What is told in place of such an error."""
    return InputError(f"{MORE.sub('', str(error)).rstrip('.')}; {REMEDY}")
