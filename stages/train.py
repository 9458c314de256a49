"""Tune the base model on the training rows."""

from pathlib import Path
from shutil import rmtree

import torch
from accelerate import PartialState

from reprotune.core import paths
from reprotune.core.dvc import fingerprint
from reprotune.core.io import whole_folder
from reprotune.core.params import Params
from reprotune.core.runner import main
from reprotune.core.space import require_space
from reprotune.models.adapters import save_tuned
from reprotune.models.base import Base
from reprotune.models.loading import WHOLE
from reprotune.tables import metrics as records
from reprotune.tables import schemas
from reprotune.tables.classes import class_names, draw
from reprotune.training.callbacks import CURVES, Curves
from reprotune.training.distributed import is_launched, launch
from reprotune.training.tune import tune


def run(
    params: Params,
    train: Path = paths.TRAIN,
    validation: Path = paths.VALIDATION,
    base: Path = paths.BASE,
    tuned: Path = paths.TUNED,
    live: Path = paths.LIVE,
    metrics: Path = paths.TRAIN_METRICS,
) -> None:
    if params.train.processes > 1 and not is_launched():
        launch("stages.train", params.train.processes, params.train.accelerate, params.threads)
        return
    torch.set_num_threads(params.threads)
    rows = draw(schemas.read(train, schemas.Split), params.train.fraction, params.seed)
    classes = class_names(params.download.labels)
    opened = Base.open(base, params.model, params.prompt, classes)
    if params.train.method == "full":
        require_space(tuned, opened.count_bytes("float32"))  # before hours of computing
    torch.manual_seed(params.train.seed)  # a new classification head is drawn
    untuned = opened.load(WHOLE if params.train.method == "full" else None)  # autocast lowers it
    name = fingerprint("train")  # so another training never finds them
    checkpoints = paths.CHECKPOINTS / name if name else None
    model, trials, *curves = tune(
        untuned,
        opened.encoder,
        (rows, schemas.read(validation, schemas.Split)),
        params.train,
        opened.precision,
        checkpoints,
        [Curves(live)],
    )
    if not PartialState().is_main_process:
        return
    with whole_folder(tuned) as partial:
        save_tuned(model, params.train.method, partial)
    figures = records.Train(
        rows=len(rows),
        texts_cut=sum(opened.encoder.is_cut(text) for text in rows["text"]),
        trained_parameters=sum(p.numel() for p in model.parameters() if p.requires_grad),
        learning_rate=trials[0].learning_rate if trials else None,
        trials=trials,
        loss={
            name: float(curve[name].iloc[-1])
            for name, curve in zip(CURVES.values(), curves, strict=True)
            if len(curve)  # without validation rows there is no validation loss
        },
    )
    records.write(metrics, figures)
    if checkpoints:
        rmtree(checkpoints, ignore_errors=True)


if __name__ == "__main__":
    main(run)
