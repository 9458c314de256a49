"""What is reached without tuning: majority, TF-IDF, the base model asked or shown examples."""

from functools import partial
from pathlib import Path

import pandas as pd
import torch
from threadpoolctl import threadpool_limits

from reprotune import paths
from reprotune.classes import class_names
from reprotune.data import schemas
from reprotune.evidence import classical, predictions
from reprotune.evidence.metrics import against_reference, scores
from reprotune.model.encoding import context, encoder_for
from reprotune.model.heads import TextEncoder
from reprotune.model.loading import Precision, load_model
from reprotune.model.manifest import located
from reprotune.model.prompts import PromptEncoder
from reprotune.model.scoring import embeddings, log_likelihoods, probabilities
from reprotune.model.tokenizer import load_tokenizer
from reprotune.params import Params
from reprotune.stage import main, write_json


def draw(rows: pd.DataFrame, count: int, seed: int) -> pd.DataFrame:
    """Examples for a prompt: as many of each class as possible, in a mixed order."""
    mixed = rows.sample(frac=1, random_state=seed)
    turn = mixed.groupby("label").cumcount()
    return mixed.loc[turn.sort_values(kind="stable").index].head(count)


def shown(
    encoder: PromptEncoder, examples: pd.DataFrame, limit: int | None
) -> tuple[PromptEncoder, int]:
    """The encoder with as many of the examples as the model's context holds, and their number."""
    for count in range(len(examples), 0, -1):
        few = encoder.shown(examples["text"].head(count), examples["label"].head(count))
        if limit is None or few.max_length <= limit:
            return few, count
    return encoder, 0


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
    classes = class_names(params.download.labels)
    search = (params.baseline.folds, params.seed)
    precision = Precision(
        params.model.quantization, params.model.double_quantization, params.model.compute_dtype
    )
    folder = located(base)
    encoder = encoder_for(load_tokenizer(folder), params.model.task, params.prompt, classes)
    model = load_model(folder, precision, encoder, new_head=True)
    with threadpool_limits(1):
        probability = {
            "majority": classical.majority(train_rows["label"], classes, len(rows)),
            "tfidf": classical.tfidf(
                train_rows, rows["text"], classes, params.baseline.ngrams, *search
            ),
        }
    shots = 0
    if isinstance(encoder, TextEncoder):  # zero-shot has no meaning for a head yet untrained
        batch, labels = params.baseline.batch, train_rows["label"]
        known = embeddings(model, encoder, train_rows["text"], batch, "embeddings")
        asked = embeddings(model, encoder, rows["text"], batch, "embeddings")
        with threadpool_limits(1):
            probability["frozen_embeddings"] = classical.frozen_embeddings(
                known, asked, labels, classes, *search
            )
    else:
        ask = partial(log_likelihoods, model, texts=rows["text"], batch=params.baseline.batch)
        probability["zero_shot"] = probabilities(ask(encoder, title="zero-shot"))
        drawn = draw(train_rows, params.baseline.shots, params.seed)
        few, shots = shown(encoder, drawn, context(model.config))
        if shots:
            probability["few_shot"] = probabilities(ask(few, title="few-shot"))
    tables = {name: predictions.table(rows, p, classes) for name, p in probability.items()}
    stacked = [table.assign(predictor=name) for name, table in tables.items()]
    predictions.write(pd.concat(stacked), predicted)
    interval = (params.evaluate.confidence, params.evaluate.resamples, params.seed)
    figures = {name: scores(table, classes, *interval) for name, table in tables.items()}
    if rows["reference_label"].notna().all():
        for name, table in tables.items():
            figures[name]["reference"] = against_reference(
                table, rows["reference_label"], classes, params.evaluate.confidence
            )
    write_json(metrics, {"baselines": figures, "shots": shots})


if __name__ == "__main__":
    main(run)
