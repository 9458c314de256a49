"""The number format in which this machine multiplies fastest."""

import time
from collections.abc import Callable

SIDE = 1024  # of the matrices in the trial, wide enough to be bound by arithmetic
ROWS = 64
WORTH = 1.5  # times as fast: what the coarser format must bring


def choose_dtype(measure: Callable[[str], float] | None = None) -> str:
    """``model.compute_dtype`` for this machine: float32 | bfloat16 | float16.

    On a GPU bfloat16 where its cores have it, else float16. On a CPU float32, unless products in
    bfloat16 are faster by far: with AMX they are 5 to 8 times as fast, without AVX512-BF16 20 times
    slower. ``measure`` gives the seconds of a product in a format.
    """
    import torch  # takes seconds

    if torch.cuda.is_available():
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        return "bfloat16" if native else "float16"
    measure = measure or time_product
    return "bfloat16" if WORTH * measure("bfloat16") < measure("float32") else "float32"


def time_product(dtype: str, repeats: int = 30) -> float:
    """The least seconds of a matrix product on one core: what shares it only makes it longer."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # several would wait for the one that another process holds up

    states = torch.ones(ROWS, SIDE, dtype=getattr(torch, dtype))
    weights = torch.ones(SIDE, SIDE, dtype=getattr(torch, dtype))

    def once() -> float:
        start = time.perf_counter()
        torch.nn.functional.linear(states, weights)
        return time.perf_counter() - start

    once()  # the first one prepares
    least = min(once() for _ in range(repeats))
    torch.set_num_threads(threads)
    return least
