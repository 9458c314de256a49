"""What is reached without tuning: majority, TF-IDF, the base model asked or shown examples."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from threadpoolctl import threadpool_limits
from transformers import PreTrainedModel

from reprotune.core import paths
from reprotune.core.params import Params
from reprotune.core.runner import main
from reprotune.evaluation import baselines
from reprotune.evaluation.metrics import score, score_against
from reprotune.models.base import Base
from reprotune.models.encoders import Encoder, context, is_prompted
from reprotune.models.prompts import PromptEncoder
from reprotune.scoring.scores import embed_texts, normalize, score_texts
from reprotune.tables import metrics as records
from reprotune.tables import predictions, schemas
from reprotune.tables.classes import class_names, take_first

UNLABELLED = 300  # training texts from which the bias of a prompt is estimated
Found = dict[str, np.ndarray]  # baseline: probabilities, shape (test rows, classes)


class Asked(NamedTuple):
    """How the baselines of a model are found: the sections ``baseline`` and ``seed``."""

    shots: int
    batch_size: int
    folds: int
    seed: int


def draw(rows: pd.DataFrame, count: int, seed: int) -> pd.DataFrame:
    """Examples for a prompt: as many of each class as possible, in a mixed order."""
    mixed = rows.sample(frac=1, random_state=seed)
    turn = mixed.groupby("label").cumcount()
    return mixed.loc[turn.sort_values(kind="stable").index].head(count)


def show_examples(
    encoder: PromptEncoder, examples: pd.DataFrame, limit: int | None
) -> tuple[PromptEncoder, int]:
    """The encoder with as many of the examples as the model's context holds, and their number."""
    for count in range(len(examples), 0, -1):
        few = encoder.show(examples["text"].head(count), examples["label"].head(count))
        if limit is None or few.max_tokens <= limit:
            return few, count
    return encoder, 0


def freeze(
    model: PreTrainedModel, encoder: Encoder, train: pd.DataFrame, texts: pd.Series, asked: Asked
) -> Found:
    """What the base model holds of the texts, and a learner on top of it."""
    known, new = (
        embed_texts(model, encoder, some, asked.batch_size, "embeddings")
        for some in (train["text"], texts)
    )
    with threadpool_limits(1):
        found = baselines.frozen_embeddings(
            known, new, train["label"], encoder.classes, asked.folds, asked.seed
        )
    return {"frozen_embeddings": found}


def prompt(
    model: PreTrainedModel,
    encoder: PromptEncoder,
    train: pd.DataFrame,
    texts: pd.Series,
    asked: Asked,
) -> tuple[Found, int]:
    """Zero-shot and few-shot, raw and calibrated, and how many examples there was room for."""
    drawn = draw(train, asked.shots, asked.seed)
    few, shots = show_examples(encoder, drawn, context(model.config))
    unlabelled = train["text"].sample(min(len(train), UNLABELLED), random_state=asked.seed)
    found: Found = {}
    for name, way in {"zero_shot": encoder, **({"few_shot": few} if shots else {})}.items():
        new, known = (
            normalize(score_texts(model, way, some, asked.batch_size, name))
            for some in (texts, unlabelled)
        )
        found |= {name: new, f"{name}_calibrated": baselines.remove_bias(new, known)}
    return found, shots


def run(
    params: Params,
    train: Path = paths.TRAIN,
    test: Path = paths.TEST,
    base: Path = paths.BASE,
    predicted: Path = paths.BASELINE_PREDICTIONS,
    metrics: Path = paths.BASELINE_METRICS,
) -> None:
    torch.set_num_threads(params.threads)
    train_rows, rows = schemas.read(train, schemas.Split), schemas.read(test, schemas.Split)
    classes, texts = class_names(params.download.labels), rows["text"]
    settings = params.baseline
    taught = train_rows[take_first(train_rows["label"], settings.rows)]
    opened = Base.open(base, params.model, params.prompt, classes)
    found = baselines.learn(train_rows, texts, classes, settings, params.seed, params.text.units)
    asked = Asked(settings.shots, settings.batch_size, settings.folds, params.seed)
    model, encoder, shots = opened.load(), opened.encoder, 0
    found |= freeze(model, encoder, taught, texts, asked)
    if is_prompted(encoder):
        answers, shots = prompt(model, encoder, taught, texts, asked)
        found |= answers
    tables = {n: predictions.table(rows, p, classes) for n, p in found.items()}
    stacked = [table.assign(predictor=name) for name, table in tables.items()]
    predictions.write(pd.concat(stacked), predicted, params.guard_cells)
    truth = rows["reference_label"]
    figures = {
        name: records.Baseline(
            **score(table, classes).model_dump(),
            reference=score_against(table, truth, classes) if truth.notna().all() else None,
        )
        for name, table in tables.items()
    }
    learnt = len(taught) if len(taught) < len(train_rows) else None
    records.write(metrics, records.Baselines(baselines=figures, shots=shots, taught=learnt))


if __name__ == "__main__":
    main(run)
