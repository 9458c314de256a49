"""Training steps with torch's dropout and attention beside ours: the project's model and rows."""

import statistics
import time
from contextlib import nullcontext
from typing import Any
from unittest.mock import patch

import pandas as pd
import torch
from transformers import TrainerCallback

from reprotune.core import paths
from reprotune.core.params_file import load_params
from reprotune.models.base import Base
from reprotune.models.loading import WHOLE
from reprotune.tables.classes import class_names
from reprotune.training import tune
from reprotune.training.kernels import fit_for_this_device

ROUNDS = 3
BATCHES = 6


class Stopwatch(TrainerCallback):
    """Seconds of all steps together, by the clock."""

    seconds = 0.0

    def on_step_begin(self, *given: Any, **named: Any) -> None:
        self.begun = time.perf_counter()

    def on_step_end(self, *given: Any, **named: Any) -> None:
        self.seconds += time.perf_counter() - self.begun


def main() -> None:
    params = load_params(paths.PARAMS)
    torch.set_num_threads(params.threads)
    opened = Base.open(paths.BASE, params.model, params.prompt, class_names(params.download.labels))
    rate = {"learning_rate": 1e-4} if params.train.learning_rate == "auto" else {}
    train = params.train.model_copy(update={"epochs": 2, "keep": "last", "patience": None} | rate)
    every = pd.read_parquet(paths.TRAIN)
    rows = every.sample(min(len(every), BATCHES * train.batch_size), random_state=1)
    ways: dict[str, Any] = {"torch's": lambda model: nullcontext(), "ours": fit_for_this_device}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            model, watch = opened.load(WHOLE if train.method == "full" else None), Stopwatch()
            with patch.object(tune, "fit_for_this_device", way):
                parts = rows, rows[:0]
                tune.tune(model, opened.encoder, parts, train, opened.precision, watch=[watch])
            seconds[name].append(watch.seconds)
    pairs = zip(*seconds.values(), strict=True)
    ratio = statistics.median(own / torchs for torchs, own in pairs)
    print(f"{2 * BATCHES} steps, {params.model.compute_dtype}, {params.threads} threads, seconds:")
    for name, found in seconds.items():
        print(f"| {name} | {', '.join(f'{one:.1f}' for one in found)} |")
    print(f"ours / torch's: {ratio:.2f}")


if __name__ == "__main__":
    main()
