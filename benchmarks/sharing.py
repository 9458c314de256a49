"""Training steps a second of the built-in model, alone and two at once on the same processors.

By how long threads wait awake: as the library has it, as reprotune sets it, and not at all.
"""

import json
import os
import statistics
import subprocess
import sys
import time

from reprotune.core import paths
from reprotune.core.libraries import SPINS

WAYS = {"default": {}, SPINS: {"GOMP_SPINCOUNT": SPINS}, "0": {"GOMP_SPINCOUNT": "0"}}
ROUNDS = 3
SECONDS = 10.0
STEP = "--step"  # in a process of its own
ROWS, TOKENS = 16, 48


def count_steps() -> float:
    """Steps a second, with as many threads as there are processors."""
    import torch
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(os.cpu_count() or 1)
    model = AutoModelForCausalLM.from_pretrained(paths.BUILTIN_MODEL, dtype=torch.float32)
    tokens = torch.randint(500, (ROWS, TOKENS), generator=torch.Generator().manual_seed(0))
    steps, start = 0, time.perf_counter()
    while time.perf_counter() < start + SECONDS:
        model(input_ids=tokens, labels=tokens).loss.backward()
        steps += 1
    return steps / (time.perf_counter() - start)


def run(count: int, environment: dict[str, str]) -> float:
    """The slowest of as many processes at once."""
    command = [sys.executable, "-m", "benchmarks.sharing", STEP]
    started = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) for _ in range(count)
    ]
    return min(float(json.loads(process.communicate()[0])) for process in started)


def main() -> None:
    plain = {key: value for key, value in os.environ.items() if key != "GOMP_SPINCOUNT"}
    print(f"Medians of {ROUNDS} runs of {SECONDS:g} s, {os.cpu_count()} threads a process.\n")
    print("| `GOMP_SPINCOUNT` | alone | each of two |\n|---|---|---|")
    found: dict[tuple[str, int], list[float]] = {}
    for _ in range(ROUNDS):
        for name, more in WAYS.items():
            for count in (1, 2):
                found.setdefault((name, count), []).append(run(count, plain | more))
    for name in WAYS:
        alone, both = (statistics.median(found[name, count]) for count in (1, 2))
        print(f"| {name} | {alone:.2f} | {both:.2f} |", flush=True)


if __name__ == "__main__":
    if sys.argv[1:] == [STEP]:
        print(count_steps())
    else:
        main()
