"""Tune the base model on the training rows."""

from pathlib import Path

import pandas as pd
import torch

from reprotune import paths
from reprotune.data import schemas
from reprotune.model.base import located
from reprotune.model.loading import Precision, load_model, load_tokenizer
from reprotune.model.prompts import encoder_for
from reprotune.model.training import save_adapter, tune
from reprotune.params import Params, class_names
from reprotune.stage import main, whole_file, write_json


def last_losses(curve: pd.DataFrame) -> dict[str, float]:
    """The last loss of each part; without validation rows there is one part only."""
    columns = {part: curve[f"{part}_loss"].dropna() for part in ("train", "validation")}
    return {part: float(losses.iloc[-1]) for part, losses in columns.items() if len(losses)}


def run(
    params: Params,
    train: Path = paths.TRAIN,
    validation: Path = paths.VALIDATION,
    base: Path = paths.BASE,
    tuned: Path = paths.TUNED,
    curves: Path = paths.CURVES,
    metrics: Path = paths.TRAIN_METRICS,
) -> None:
    torch.set_num_threads(params.threads)
    rows = schemas.read(train, schemas.Split)
    rows = rows.sample(frac=params.train.fraction, random_state=params.train.seed)
    precision = Precision(
        params.model.quantization, params.model.double_quantization, params.model.compute_dtype
    )
    folder = located(base)
    encoder = encoder_for(
        load_tokenizer(folder), params.prompt, class_names(params.download.labels)
    )
    model, curve = tune(
        load_model(folder, precision),
        encoder,
        rows,
        schemas.read(validation, schemas.Split),
        params.train,
        precision,
    )
    save_adapter(model, tuned)
    with whole_file(curves) as partial:
        curve.to_csv(partial, index=False)
    write_json(
        metrics,
        {
            "rows": len(rows),
            "texts_cut": sum(encoder.is_cut(text) for text in rows["text"]),
            "steps": int(curve["step"].max()),
            "trained_parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
            "loss": last_losses(curve),
        },
    )


if __name__ == "__main__":
    main(run)
