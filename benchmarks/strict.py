"""CPU seconds of a training step of the built-in model, `model.strict` beside fast.

Of others: ``python -m benchmarks.strict FOLDER ...``.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from reprotune.core import paths
from reprotune.core.arithmetic import MODELS, TABLES

ROUNDS = 3  # pairs of processes: the libraries read their settings once
STEPS = 5
STEP = "--step"  # in a process of its own
ROWS, TOKENS = 16, 48


def time_step(folder: str, way: str) -> float:
    """Median CPU seconds of a step of all weights, in this process: no other one counts."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification

    torch.set_num_threads(1)
    causal = "CausalLM" in (AutoConfig.from_pretrained(folder).architectures or [""])[0]
    kind = AutoModelForCausalLM if causal else AutoModelForSequenceClassification
    model = kind.from_pretrained(folder, dtype=torch.float32)
    step = torch.optim.AdamW(model.parameters(), fused=way == "strict")  # as `training.tune`
    tokens = torch.randint(500, (ROWS, TOKENS), generator=torch.Generator().manual_seed(0))
    labels = tokens if causal else tokens[:, 0] % 2
    seconds = []
    for _ in range(STEPS):
        start = time.process_time()
        model(input_ids=tokens, labels=labels).loss.backward()
        step.step()
        step.zero_grad()
        seconds.append(time.process_time() - start)
    return statistics.median(seconds)


def compare_ways(folder: str) -> str:
    """A row of the table."""
    fast = {key: value for key, value in os.environ.items() if key not in TABLES | MODELS}
    ways = {"fast": fast, "strict": fast | TABLES | MODELS}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, environment in ways.items():
            command = [sys.executable, "-m", "benchmarks.strict", STEP, folder, name]
            done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)
            seconds[name].append(json.loads(done.stdout))
    pairs = list(zip(*seconds.values(), strict=True))
    ratio = statistics.median(strict / quick for quick, strict in pairs)
    quick, strict = map(statistics.median, seconds.values())
    return f"| `{Path(folder).name}` | {quick:.2f} | {strict:.2f} | {ratio:.2f} |"


def main(folders: Sequence[str] = (str(paths.BUILTIN_MODEL),)) -> None:
    print(f"Medians of {ROUNDS} pairs, {ROWS} rows of {TOKENS} tokens, one thread.\n")
    print("| model | fast | strict | ratio |\n|---|---|---|---|")
    for folder in folders:
        print(compare_ways(folder), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == STEP:
        print(json.dumps(time_step(*sys.argv[2:])))
    else:
        main(sys.argv[1:])
