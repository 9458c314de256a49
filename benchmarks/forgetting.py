"""What tuning costs on general text beside what it brings, for the project's model and splits.

python -m benchmarks.forgetting [SETTING ...]
"""

import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from reprotune.core import paths
from reprotune.core.params import Params, Train
from reprotune.core.params_file import load_params
from reprotune.models.base import Base
from reprotune.models.loading import WHOLE
from reprotune.models.prompts import PromptEncoder
from reprotune.scoring.forgetting import text_loss
from reprotune.scoring.scores import score_texts
from reprotune.tables.classes import class_names, draw
from reprotune.training.tune import tune
from stages.predictions import read_text

SETTINGS: dict[str, dict[str, object]] = {
    "a fifth of the rate": {"learning_rate": 2e-4},
    "three times the rate": {"learning_rate": 3e-3},
    "two epochs": {"epochs": 2},
    "rank 4": {"rank": 4},
    "as it is": {},
}


def change(train: Train, changes: dict[str, object]) -> Train:
    """The settings with other values, those of the adapter among them."""
    known = set(type(train.lora).model_fields)
    lora = {key: value for key, value in changes.items() if key in known}
    others = {key: value for key, value in changes.items() if key not in known}
    return train.model_copy(update=others | {"lora": train.lora.model_copy(update=lora)})


def measure(params: Params, train: Train) -> tuple[float, float]:
    """Accuracy on the test rows, and the loss on general text, after a training."""
    rows, validation, test = map(pd.read_parquet, (paths.TRAIN, paths.VALIDATION, paths.TEST))
    classes = class_names(params.download.labels)
    opened = Base.open(paths.BASE, params.model, params.prompt, classes)
    assert isinstance(opened.encoder, PromptEncoder), "a head has no words to forget"
    model = opened.load(WHOLE if train.method == "full" else None)
    parts = draw(rows, train.fraction, params.seed), validation
    tuned, *_ = tune(model, opened.encoder, parts, train, opened.precision)
    scores = score_texts(tuned, opened.encoder, test["text"], 64, "scored")
    said = np.array(classes)[scores.argmax(1)]
    general = read_text(Path(params.predictions.forgetting_text))
    return float((said == test["label"]).mean()), text_loss(tuned, opened.encoder, general)


def main(*names: str) -> None:
    params = load_params(paths.PARAMS)
    torch.set_num_threads(params.threads)
    for name in names or SETTINGS:
        begun = time.process_time()
        accuracy, loss = measure(params, change(params.train, SETTINGS[name]))
        spent = (time.process_time() - begun) / 60
        print(
            f"{name}, seed {params.train.seed}: accuracy {accuracy:.3f}, loss on general text "
            f"{loss:.2f}; {spent:.1f} CPU-minutes",
            flush=True,
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
