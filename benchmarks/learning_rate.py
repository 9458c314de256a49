"""``train.learning_rate: auto`` beside a grid of eight rates, on the project's splits and model.

Goals: never at chance, within a point of the best of eight, in 1.5 times the time of one run. The
rate that is found is not run again: the best trial goes on, and ends as a run at that rate does.
Seconds are of the processor, so that a machine may be shared.
"""

import time
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from reprotune.core import paths
from reprotune.core.params import Params, Train
from reprotune.core.params_file import load_params
from reprotune.models.base import Base
from reprotune.models.loading import WHOLE
from reprotune.scoring.scores import score_texts
from reprotune.tables.classes import class_names, draw
from reprotune.tables.metrics import Trial
from reprotune.training.tune import tune

RATES = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)


class Run(NamedTuple):
    trials: list[Trial]
    accuracy: float  # on the test rows
    seconds: float  # of training, trials included

    @property
    def told(self) -> str:
        return f"accuracy {self.accuracy:.3f}, {self.seconds:.0f} CPU-seconds of training"


def run_once(params: Params, train: Train) -> Run:
    """What the stages ``train`` and ``predictions`` do."""
    rows, validation, test = map(pd.read_parquet, (paths.TRAIN, paths.VALIDATION, paths.TEST))
    classes = class_names(params.download.labels)
    opened = Base.open(paths.BASE, params.model, params.prompt, classes)
    torch.manual_seed(train.seed)
    model = opened.load(WHOLE if train.method == "full" else None)
    parts = draw(rows, train.fraction, params.seed), validation
    start = time.process_time()
    tuned, trials, *_ = tune(model, opened.encoder, parts, train, opened.precision)
    spent = time.process_time() - start
    scores = score_texts(tuned, opened.encoder, test["text"], 64, "scored")
    said = np.array(classes)[scores.argmax(1)]
    return Run(trials, float((said == test["label"]).mean()), spent)


def main() -> None:
    params = load_params(paths.PARAMS)
    torch.set_num_threads(params.threads)
    found = run_once(params, params.train.model_copy(update={"learning_rate": "auto"}))
    for trial in found.trials:
        print(f"trial {trial.learning_rate:g}: loss {trial.loss}")
    chosen = found.trials[0].learning_rate
    print(f"learning rate auto: {chosen:g}, {found.told}", flush=True)
    grid = {chosen: found.accuracy}
    spent = []
    for rate in sorted(set(RATES) - {chosen}):
        run = run_once(params, params.train.model_copy(update={"learning_rate": rate}))
        grid[rate] = run.accuracy
        spent.append(run.seconds)
        print(f"learning rate {rate:g}: {run.told}", flush=True)
    below = max(grid.values()) - found.accuracy
    print(
        f"learning rate auto: {below:.3f} below the best of {len(grid)}; "
        f"{found.seconds / float(np.median(spent)):.2f} times the time of one run"
    )


if __name__ == "__main__":
    main()
