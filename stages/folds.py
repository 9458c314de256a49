"""What models say of rows that did not tune them, for the audit's judges, if they ask for it."""

from pathlib import Path
from typing import TYPE_CHECKING

from reprotune.core import paths
from reprotune.core.io import whole_file
from reprotune.core.params import Lora, Params, Train
from reprotune.core.printing import count_of
from reprotune.core.runner import main
from reprotune.tables import metrics as records

TRAIN = (
    Train(  # of each model: apart from ``train``, or another of its values would change the data
        method="lora",
        seed=1,
        fraction=1,
        class_weights="none",
        loss="answer",
        epochs=1,
        keep="last",
        patience=None,
        learning_rate=1e-3,
        lr_scheduler="cosine",
        warmup_ratio=0.05,
        weight_decay=0.001,
        max_grad_norm=1,
        batch_size=16,
        micro_batch_size="auto",
        processes=1,
        accelerate=None,
        tensorboard=False,
        optimizer="adamw_torch",
        adam_beta2=0.999,
        activation_checkpointing=False,
        unfrozen_layers=None,
        prompt_tokens=1,
        lora=Lora(
            rank=16,
            alpha=32,
            dropout=0.05,
            targets="all-linear",
            rank_stabilized=False,
            interpolation=1,
        ),
    )
)

if TYPE_CHECKING:  # whose imports take seconds, and as a rule nobody asks
    import numpy as np
    import pandas as pd

    from reprotune.data.judges import Parts
    from reprotune.models.base import Base


def run(
    params: Params,
    raw: Path = paths.RAW,
    roles: Path = paths.ROLES,
    base: Path = paths.BASE,
    folds: Path = paths.FOLDS,
    metrics: Path = paths.FOLDS_METRICS,
) -> None:
    if params.audit.judge != "tuned":
        with whole_file(folds) as partial:
            partial.write_text("none: audit.judge is not tuned\n", "utf-8")
        records.write(metrics, records.Folds(models=0))
        return
    from shutil import rmtree

    import numpy as np
    import pandas as pd
    import torch

    from reprotune.core.dvc import fingerprint
    from reprotune.data.judges import Asked, cut
    from reprotune.models.base import Base
    from reprotune.tables import schemas
    from reprotune.tables.classes import class_names

    rows = schemas.read(raw, schemas.Raw).merge(schemas.read(roles, schemas.Roles), on="id")
    classes = class_names(params.download.labels)
    codes = pd.Categorical(rows["label"], categories=classes).codes
    asked = Asked(params.audit.folds, params.seed, params.text.units, params.audit.rows)
    parts = cut(rows, codes, asked)
    opened = Base.open(base, params.model, params.prompt, classes)
    name = fingerprint("folds")  # so another run never finds what a killed one left
    work = paths.CHECKPOINTS / name if name else None
    torch.set_num_threads(params.threads)
    rate, epochs = params.audit.learning_rate, params.audit.epochs
    train = TRAIN.model_copy(update={"learning_rate": rate, "epochs": epochs, "seed": params.seed})
    said = ask_models(train, params.baseline.batch_size, opened, rows, parts, work)
    with whole_file(folds) as partial, partial.open("wb") as file:
        np.save(file, np.exp(said).astype("<f4"))
    loss = -float(said[parts.taught, codes[parts.taught]].mean())
    records.write(metrics, records.Folds(models=len(parts.folds), loss=loss))
    if work:
        rmtree(work, ignore_errors=True)


def ask_models(
    train: Train,
    size: int,
    opened: "Base",
    rows: "pd.DataFrame",
    parts: "Parts",
    work: Path | None,
) -> "np.ndarray":
    """Log-probabilities of each row, by the model that it did not tune; shape (rows, classes).

    Of rows that tune none, such as test rows, the mean of all models'. What a killed run was told
    is in ``work``, and not asked again.
    """
    import numpy as np

    from reprotune.training.checkpoints import read_sealed, write_sealed

    said = np.zeros((len(rows), len(opened.encoder.classes)))
    for number, part in enumerate(parts.folds):
        asked = np.concatenate([part.asked, parts.whole.asked])
        left = len(parts.folds) - number
        place, record = (work / f"{kind}-{number}" if work else None for kind in ("fold", "said"))
        told = read_sealed(record) if record else None
        if told is None:
            tables = rows.iloc[part.taught], rows.iloc[asked]
            told = ask_model(train, size, opened, tables, left, place)
            if record:
                write_sealed(told, record)
        said[part.asked] = told[: len(part.asked)]
        said[parts.whole.asked] += told[len(part.asked) :] / len(parts.folds)
    return np.asarray(said - np.logaddexp.reduce(said, axis=1, keepdims=True))


def ask_model(
    train: Train,
    size: int,
    opened: "Base",
    tables: tuple["pd.DataFrame", "pd.DataFrame"],
    left: int,
    place: Path | None,
) -> "np.ndarray":
    """What a model tuned on the first of two tables says of the second; log-likelihoods.

    Its checkpoints are in ``place``; ``left`` such models are still to come.
    """
    from tempfile import TemporaryDirectory

    import torch
    from accelerate.utils.memory import clear_device_cache

    from reprotune.core.printing import say
    from reprotune.models.adapters import save_tuned
    from reprotune.scoring.scores import score_texts
    from reprotune.training.callbacks import Forecast
    from reprotune.training.tune import tune

    taught, asked = tables
    say(f"audit.judge tuned: {count_of(left, 'model')} to tune, each on about "
        f"{count_of(len(taught), 'row')}, {count_of(train.epochs, 'epoch')}")  # fmt: skip
    torch.manual_seed(train.seed)  # a new classification head is drawn
    untuned = opened.load()
    rows = taught, taught[:0]
    watch = [Forecast(left)]
    tuned, *_ = tune(untuned, opened.encoder, rows, train, opened.precision, place, watch)
    with TemporaryDirectory() as folder:
        save_tuned(tuned, train.method, Path(folder))
        del untuned, tuned
        clear_device_cache(garbage_collection=True)  # of the trainer, which is in circles
        model, encoder = opened.load_tuned(Path(folder))
        return score_texts(model, encoder, asked["text"], size, "held out")


if __name__ == "__main__":
    main(run)
