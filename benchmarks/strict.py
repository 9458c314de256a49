"""CPU seconds of a training step of the built-in model, `model.strict` beside fast."""

import json
import os
import statistics
import subprocess
import sys
import time

from reprotune.core import paths
from reprotune.core.arithmetic import MODELS, TABLES

ROUNDS = 3  # pairs of processes: the libraries read their settings once
STEPS = 7
ROWS, TOKENS = 16, 48


def time_step() -> float:
    """Median CPU seconds of a step in this process: no other process counts."""
    import torch
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(1)
    model = AutoModelForCausalLM.from_pretrained(str(paths.BUILTIN_MODEL), dtype=torch.float32)
    tokens = torch.randint(500, (ROWS, TOKENS), generator=torch.Generator().manual_seed(0))
    seconds = []
    for _ in range(STEPS):
        start = time.process_time()
        model(input_ids=tokens, labels=tokens).loss.backward()
        seconds.append(time.process_time() - start)
    return statistics.median(seconds)


def main() -> None:
    fast = {key: value for key, value in os.environ.items() if key not in TABLES | MODELS}
    ways = {"fast": fast, "strict": fast | TABLES | MODELS}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, environment in ways.items():
            command = [sys.executable, "-m", "benchmarks.strict"]
            done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)
            seconds[name].append(json.loads(done.stdout))
    ratio = statistics.median(
        strict / quick for strict, quick in zip(seconds["strict"], seconds["fast"], strict=True)
    )
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    print(
        f"strict: {medians['strict']:.3f} CPU seconds a step, fast {medians['fast']:.3f}, "
        f"ratio {ratio:.2f} (medians of {ROUNDS} pairs)"
    )


if __name__ == "__main__":
    print(json.dumps(time_step()))
