"""Label smoothing, focal loss and the mean of several models, on the project's splits and model.

python -m benchmarks.variants [SEEDS], 3 if none is named. The rows are the same for every seed; the
mean is that of the probabilities which the models of all seeds give.
"""

import sys
import time
from collections.abc import Callable
from functools import partial
from unittest.mock import patch

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import f1_score
from torch.nn.functional import cross_entropy

from reprotune.core import paths
from reprotune.core.params import Params
from reprotune.core.params_file import load_params
from reprotune.models.base import Base
from reprotune.models.loading import WHOLE
from reprotune.scoring.scores import normalize, score_texts
from reprotune.tables.classes import class_names, draw
from reprotune.training import trainers
from reprotune.training.tune import tune

GAMMA, SMOOTHING = 2.0, 0.1


def focal(logits: torch.Tensor, labels: torch.Tensor, **given: str) -> torch.Tensor:
    """Cross-entropy, of which what is known already counts less."""
    loss = cross_entropy(logits, labels, **given)
    return (1 - torch.exp(-loss)) ** GAMMA * loss


LOSSES: dict[str, Callable[..., torch.Tensor]] = {
    "plain": cross_entropy,
    "smoothing": partial(cross_entropy, label_smoothing=SMOOTHING),
    "focal": focal,
}


def ask(params: Params, seed: int, test: pd.DataFrame) -> np.ndarray:
    """The probabilities of the test rows, by a model tuned with a seed of training."""
    rows, validation = map(pd.read_parquet, (paths.TRAIN, paths.VALIDATION))
    train = params.train.model_copy(update={"seed": seed})
    opened = Base.open(paths.BASE, params.model, params.prompt, class_names(params.download.labels))
    torch.manual_seed(seed)
    model = opened.load(WHOLE if train.method == "full" else None)
    parts = draw(rows, train.fraction, params.seed), validation
    tuned, *_ = tune(model, opened.encoder, parts, train, opened.precision)
    return normalize(score_texts(tuned, opened.encoder, test["text"], 64, "scored"))


def main(*given: str) -> None:
    params, test = load_params(paths.PARAMS), pd.read_parquet(paths.TEST)
    torch.set_num_threads(params.threads)
    seeds = range(1, 1 + int(given[0] if given else 3))
    classes = np.array(class_names(params.download.labels))

    def tell(name: str, probabilities: np.ndarray) -> tuple[float, float]:
        said, true = classes[probabilities.argmax(1)], test["label"]
        figures = float((said == true).mean()), float(f1_score(true, said, average="macro"))
        print(f"{name}: accuracy {figures[0]:.3f}, macro-F1 {figures[1]:.3f}", flush=True)
        return figures

    for name, loss in LOSSES.items():
        begun, figures, answers = time.process_time(), [], []
        for seed in seeds:
            with patch.object(trainers, "cross_entropy", loss):
                answers.append(ask(params, seed, test))
            figures.append(tell(f"{name}, seed {seed}", answers[-1]))
        (accuracy, macro), (spread, wide) = np.mean(figures, 0), np.std(figures, 0, ddof=1)
        print(
            f"{name}, mean: accuracy {accuracy:.3f} ({spread:.3f}), macro-F1 {macro:.3f} "
            f"({wide:.3f}); {(time.process_time() - begun) / 60:.1f} CPU-minutes"
        )
        tell(f"{name}, the mean of {len(answers)} models", np.mean(answers, 0))


if __name__ == "__main__":
    main(*sys.argv[1:])
