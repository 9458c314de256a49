"""Merge the tuned model, and prove that the merged one says the same."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from accelerate.utils.memory import clear_device_cache
from scipy.special import log_softmax

from reprotune.core import paths
from reprotune.core.io import whole_folder
from reprotune.core.params import Export, Params
from reprotune.core.runner import main
from reprotune.core.seals import seal
from reprotune.core.space import require_space
from reprotune.evaluation.calibration import rescale
from reprotune.evaluation.figures import calibrate
from reprotune.export.classifier import choose_form
from reprotune.export.decision import write_decision
from reprotune.export.merging import merge
from reprotune.export.model_card import write_card
from reprotune.export.older import write_old_names
from reprotune.export.parity import ask_stock, compare, require, require_same
from reprotune.models.base import Base
from reprotune.models.compat import compute_in_float32
from reprotune.models.encoders import is_prompted
from reprotune.models.exported import (
    load_classifier,
    save_certainties,
    save_classifier,
    save_merged,
)
from reprotune.scoring.scores import score_texts
from reprotune.tables import metrics as records
from reprotune.tables import predictions, schemas
from reprotune.tables.classes import class_names


def find_temperature(said: pd.DataFrame, held: pd.DataFrame, classes: Sequence[str]) -> float:
    """That of ``metrics/evaluate.json``; 1 without validation rows."""
    found = calibrate(said, held, classes)
    return found.temperature if found else 1.0


def prove(
    folder: Path,
    before: np.ndarray,
    rows: pd.DataFrame,
    classes: Sequence[str],
    export: Export,
    size: int,
) -> tuple[records.Parity, float | None]:
    """That a folder says what was said before, read by us, and by others if it has a head.

    Returns how far it is from that, and how far a stock pipeline is from us.

    Raises:
        InputError: one of them is further away than allowed.
    """
    texts = list(rows["text"])
    model, encoder = load_classifier(folder)
    after = score_texts(model, encoder, texts, size, "merged")
    del model
    clear_device_cache()  # the stock pipeline is another process, on the same GPU
    labels = rows["label"].map(list(classes).index).to_numpy()
    found = compare(before, after, labels, export.tie)
    require(found, export)
    if not encoder.has_head:
        return found, None
    return found, require_same(np.exp(after), ask_stock(folder, texts, classes, size))


def run(
    params: Params,
    test: Path = paths.TEST,
    base: Path = paths.BASE,
    tuned: Path = paths.TUNED,
    predicted: Path = paths.PREDICTIONS,
    baseline: Path = paths.BASELINE_PREDICTIONS,
    fit: Path = paths.FIT,
    merged: Path = paths.MERGED,
    metrics: Path = paths.EXPORT_METRICS,
) -> None:
    torch.set_num_threads(params.threads)
    rows = schemas.read(test, schemas.Split)
    classes, texts = class_names(params.download.labels), rows["text"]
    opened = Base.open(base, params.model, params.prompt, classes)
    require_space(merged, opened.count_bytes(params.export.dtype))  # before minutes of computing
    size = params.predictions.batch_size
    model, asking = opened.load_tuned(tuned)
    compute_in_float32(model)  # as the merged model does: what differs is of the merge alone
    before = score_texts(model, asking, texts, size, "tuned")
    del model  # no two in memory at once
    said, others = predictions.read(predicted), predictions.read(baseline)
    known = predictions.read(fit)
    held = known[known["part"] == "validation"]
    with whole_folder(merged) as partial:
        form = choose_form(
            *merge(opened, tuned),
            params.export.form,
            find_temperature(said, held, classes),
            list(texts),
        )
        asking, temperature = form.encoder, form.temperature
        save_merged(form.model, asking.tokenizer, params.export.dtype, partial)
        save_classifier(asking, partial)
        write_old_names(partial)
        if is_prompted(asking):
            write_decision(asking, 1.0, list(texts), partial)
        told = {"temperature": temperature, "kept_causal": form.kept_causal}
        del form  # no two models in memory at once
        if asking.has_head:
            before = log_softmax(before / temperature, axis=1)
        parity, stock = prove(partial, before, rows, classes, params.export, size)
        write_card(partial, asking.task, classes, said, others)
        held = rescale(held, classes, temperature) if temperature != 1 else held
        save_certainties(predictions.list_certainties(held, classes), partial)
        seal(partial)
    bytes_ = sum(file.stat().st_size for file in merged.rglob("*") if file.is_file())
    found = {**parity.model_dump(), **told, "stock_change_max": stock}
    records.write(metrics, records.Export(**found, rows=len(rows), bytes=bytes_))


if __name__ == "__main__":
    main(run)
