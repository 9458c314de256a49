"""What tuning brings and what it costs on general text, on the way from the base to the tuned one.

Of the model that was trained last (``models/tuned``), for shares of its update as
``train.lora.interpolation`` takes them; nothing is trained.

python -m benchmarks.interpolation [SHARE ...]
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from peft import PeftModel
from peft.helpers import rescale_adapter_scale

from reprotune.core import paths
from reprotune.core.params_file import load_params
from reprotune.models.base import Base
from reprotune.models.prompts import PromptEncoder
from reprotune.scoring.forgetting import text_loss
from reprotune.scoring.scores import score_texts
from reprotune.tables.classes import class_names
from stages.predictions import read_text

SHARES = (0.3, 0.5, 0.7, 0.85, 1.0)


def main(*asked: str) -> None:
    params = load_params(paths.PARAMS)
    torch.set_num_threads(params.threads)
    classes = np.array(class_names(params.download.labels))
    general = read_text(Path(params.predictions.forgetting_text))
    parts = {"validation": pd.read_parquet(paths.VALIDATION), "test": pd.read_parquet(paths.TEST)}
    opened = Base.open(paths.BASE, params.model, params.prompt, list(classes))
    model, encoder = opened.load_tuned(paths.TUNED)
    assert isinstance(model, PeftModel) and isinstance(encoder, PromptEncoder), "train.method lora"
    for share in map(float, asked or SHARES):
        with rescale_adapter_scale(model, share / params.train.lora.interpolation):
            right = {
                name: float(np.mean(classes[said.argmax(1)] == rows["label"]))
                for name, rows in parts.items()
                for said in [score_texts(model, encoder, rows["text"], 64, name)]
            }
            loss = text_loss(model, encoder, general)
        accuracy = ", ".join(f"{name} {value:.3f}" for name, value in right.items())
        print(f"{share:g}: accuracy {accuracy}; loss on general text {loss:.2f}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
