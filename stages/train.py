"""Tune the base model on the training rows."""

from pathlib import Path
from shutil import rmtree

import pandas as pd
import torch
from accelerate import PartialState

from reprotune import paths
from reprotune.classes import class_names
from reprotune.data import schemas
from reprotune.model.callbacks import CURVES, Curves
from reprotune.model.checkpoints import fingerprint
from reprotune.model.encoding import encoder_for
from reprotune.model.loading import WHOLE, Precision, load_model
from reprotune.model.manifest import located
from reprotune.model.methods import save_tuned
from reprotune.model.processes import launch, launched
from reprotune.model.tokenizer import load_tokenizer
from reprotune.model.training import tune
from reprotune.params import Params
from reprotune.stage import main, whole_folder, write_json


def draw(rows: pd.DataFrame, fraction: float, seed: int) -> pd.DataFrame:
    """The same share of every class, at least one row of each."""
    count = rows["label"].value_counts()
    sizes = (count * fraction).round().clip(lower=1).astype(int)
    parts = [part.sample(sizes[label], random_state=seed) for label, part in rows.groupby("label")]
    return pd.concat(parts)


def run(
    params: Params,
    train: Path = paths.TRAIN,
    validation: Path = paths.VALIDATION,
    base: Path = paths.BASE,
    tuned: Path = paths.TUNED,
    live: Path = paths.LIVE,
    metrics: Path = paths.TRAIN_METRICS,
) -> None:
    if params.train.processes > 1 and not launched():
        launch("stages.train", params.train.processes, params.train.accelerate, params.threads)
        return
    torch.set_num_threads(params.threads)
    rows = draw(schemas.read(train, schemas.Split), params.train.fraction, params.seed)
    precision = Precision(
        params.model.quantization, params.model.double_quantization, params.model.compute_dtype
    )
    folder = located(base)
    classes = class_names(params.download.labels)
    encoder = encoder_for(load_tokenizer(folder), params.model.task, params.prompt, classes)
    torch.manual_seed(params.train.seed)  # a new classification head is drawn
    trained_in = WHOLE if params.train.method == "full" else precision  # autocast lowers it
    read = (train, validation, base)
    chosen = (params.seed, params.threads, params.download.labels, params.prompt, params.train)
    checkpoints = paths.CHECKPOINTS / fingerprint(read, chosen, encoder.classes, precision)
    model, *curves = tune(
        load_model(folder, trained_in, encoder, new_head=True),
        encoder,
        rows,
        schemas.read(validation, schemas.Split),
        params.train,
        precision,
        checkpoints,
        [Curves(live)],
    )
    if not PartialState().is_main_process:
        return
    with whole_folder(tuned) as partial:
        save_tuned(model, params.train.method, partial)
    write_json(
        metrics,
        {
            "rows": len(rows),
            "texts_cut": sum(encoder.is_cut(text) for text in rows["text"]),
            "trained_parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
            "loss": {
                name: float(curve[name].iloc[-1])
                for name, curve in zip(CURVES.values(), curves, strict=True)
                if len(curve)  # without validation rows there is no validation loss
            },
        },
    )
    rmtree(checkpoints, ignore_errors=True)


if __name__ == "__main__":
    main(run)
