"""The ten largest costs of training and of scoring, by torch's profiler, for the project's model.

Times are of the operations themselves, without what they call.
"""

from typing import Any

import pandas as pd
import torch
from torch.profiler import ProfilerActivity, profile
from transformers import TrainerCallback

from reprotune.core import paths
from reprotune.core.params_file import load_params
from reprotune.models.base import Base
from reprotune.models.loading import WHOLE
from reprotune.scoring.scores import score_texts
from reprotune.tables.classes import class_names
from reprotune.training.tune import tune

WARM, STEPS = 2, 6  # steps before it is measured, and those that are
TEXTS = 64
LARGEST = 10


class Watch(TrainerCallback):
    """Profiles some steps, once the first ones are done."""

    def __init__(self, profiler: profile) -> None:
        self.profiler = profiler

    def on_step_begin(self, *given: Any, **kwargs: Any) -> None:
        if given[1].global_step == WARM:
            self.profiler.start()

    def on_step_end(self, *given: Any, **kwargs: Any) -> None:
        if given[1].global_step == WARM + STEPS:
            self.profiler.stop()


def tell(what: str, profiler: profile, count: int) -> None:
    """Print the milliseconds of one of ``count`` steps, and what they went to."""
    events = profiler.key_averages()
    on_gpu = torch.cuda.is_available()
    spent = {
        event.key: (
            event.self_device_time_total if on_gpu else event.self_cpu_time_total,
            event.count,
        )
        for event in events
    }
    whole = sum(time for time, _ in spent.values())
    print(f"\n{what}: {whole / 1000 / count:.1f} ms\n")
    print("| operation | share | calls |\n|---|---|---|")
    for name, (time, calls) in sorted(spent.items(), key=lambda pair: -pair[1][0])[:LARGEST]:
        print(f"| `{name}` | {100 * time / whole:.1f} % | {calls / count:.0f} |")


def main() -> None:
    params = load_params(paths.PARAMS)
    torch.set_num_threads(params.threads)
    activities = [ProfilerActivity.CPU]
    activities += [ProfilerActivity.CUDA] if torch.cuda.is_available() else []
    classes = class_names(params.download.labels)
    opened = Base.open(paths.BASE, params.model, params.prompt, classes)
    rate = {"learning_rate": 1e-4} if params.train.learning_rate == "auto" else {}
    train = params.train.model_copy(update={"epochs": 1, "keep": "last", "patience": None} | rate)
    rows = pd.read_parquet(paths.TRAIN).head((WARM + STEPS) * train.batch_size)
    model = opened.load(WHOLE if train.method == "full" else None)
    profiler = profile(activities=activities)
    watch = [Watch(profiler)]
    tuned, *_ = tune(model, opened.encoder, (rows, rows[:0]), train, opened.precision, watch=watch)
    tell(f"training, a step of {train.batch_size} rows", profiler, STEPS)
    with profile(activities=activities) as profiler:
        score_texts(tuned, opened.encoder, rows["text"].head(TEXTS), TEXTS, "scored")
    tell(f"scoring {TEXTS} texts", profiler, 1)


if __name__ == "__main__":
    main()
