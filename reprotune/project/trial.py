"""A few steps of training and a few answers on this machine: what a run will cost here."""

import time
from contextlib import suppress
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from reprotune.core import paths
from reprotune.core.params import Params
from reprotune.tables.classes import class_names

STEPS = 6  # with texts of all lengths; made twice, for the first round prepares
MEASURED = 2000  # texts whose tokens are counted


class Pace(NamedTuple):
    """Seconds that this machine takes."""

    train: float  # for an example, forward and back
    score: float  # for a text
    ready: float = 0.0  # until the first example
    held_up: float = 0.0  # share of its time in which it waited for a processor


def draw_batches(lengths: np.ndarray, batch: int) -> np.ndarray:
    """The places of batches of short to long texts, as long as all are in the mean.

    Each is of about one length: training reads texts of similar length together.
    """
    ordered = np.argsort(lengths, kind="stable")
    size = max(1, min(batch, len(lengths) // STEPS))
    middle = ((np.arange(STEPS) + 0.5) * len(lengths) / STEPS).astype(int)
    starts = (middle - size // 2).clip(0, len(lengths) - size)
    return np.asarray(ordered[np.unique(np.add.outer(starts, np.arange(size)))])


def measure_pace(params: Params, rows: pd.DataFrame) -> Pace:
    """Tune the base model on a few rows, and score them, as the stages will; nothing is kept.

    ``rows`` have text and label.

    Raises:
        InputError: the model cannot be loaded or trained so, or the memory does not suffice.
    """
    import torch  # these take seconds
    from transformers import TrainerCallback

    from reprotune.models.base import Base
    from reprotune.models.encoders import encoder_for
    from reprotune.models.loading import WHOLE, Precision
    from reprotune.models.pinning import Place, resolve
    from reprotune.models.tokenizer import load_tokenizer
    from reprotune.scoring.scores import score_texts
    from reprotune.training.tune import tune

    class Stopwatch(TrainerCallback):
        def __init__(self) -> None:
            self.began, self.steps = 0.0, list[float]()

        def on_step_begin(self, *args: Any, **kwargs: Any) -> None:
            self.began = time.perf_counter()

        def on_step_end(self, *args: Any, **kwargs: Any) -> None:
            self.steps.append(time.perf_counter() - self.began)

    torch.set_num_threads(params.threads)
    began, before = time.perf_counter(), count_waiting()
    short = {"epochs": 2, "keep": "last", "patience": None}
    model = params.model
    folder = resolve(Place(model.kind, model.location, model.revision), paths.SOURCE_MODELS)
    encoder = encoder_for(
        load_tokenizer(folder), model.task, params.prompt, class_names(params.download.labels)
    )
    train = params.train.model_copy(update=short)
    drawn = rows.sample(min(len(rows), MEASURED), random_state=params.seed)
    lengths = np.array([len(encoder.prompt(text)) for text in drawn["text"]])
    sample = drawn.iloc[draw_batches(lengths, train.batch_size)]
    precision = Precision.of(model)
    base = Base(folder, precision, encoder).load(WHOLE if train.method == "full" else None)
    ready = time.perf_counter() - began
    watch = Stopwatch()
    tuned, *_ = tune(base, encoder, (sample, sample[:0]), train, precision, watch=[watch])
    start = time.perf_counter()
    score_texts(tuned, encoder, sample["text"], params.predictions.batch_size, "scored")
    scored = time.perf_counter() - start
    warm = watch.steps[len(watch.steps) // 2 :]
    ran, waited = count_waiting() - before
    held_up = float(waited / max(ran + waited, 1e-9))
    return Pace(fmean(warm) * len(warm) / len(sample), scored / len(sample), ready, held_up)


def count_waiting() -> np.ndarray:
    """Seconds in which this process's threads ran, and waited for a processor; zeros but on Linux.

    Others on the machine that leave it its share count for nothing.
    """
    spent = np.zeros(2)
    for file in Path("/proc/self/task").glob("*/schedstat"):
        with suppress(OSError):  # a thread may have ended
            spent += [int(one) / 1e9 for one in file.read_text().split()[:2]]
    return spent
