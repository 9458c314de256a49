"""Merge the tuned model, and prove that the merged one says the same."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from scipy.special import log_softmax
from transformers import PreTrainedModel

from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.io import whole_folder
from reprotune.core.params import Export, Params
from reprotune.core.printing import say
from reprotune.core.runner import main
from reprotune.core.space import require_space
from reprotune.evaluation.calibration import rescale
from reprotune.evaluation.figures import calibrate
from reprotune.export.classifier import UnfitError, as_classifier
from reprotune.export.decision import write_decision
from reprotune.export.merging import merge
from reprotune.export.model_card import write_card
from reprotune.export.parity import ask_stock, require_same
from reprotune.models.base import Base
from reprotune.models.compat import compute_in_float32
from reprotune.models.encoders import Encoder, is_prompted
from reprotune.models.exported import (
    load_classifier,
    save_certainties,
    save_classifier,
    save_merged,
    seal,
)
from reprotune.scoring.scores import score_texts
from reprotune.tables import metrics as records
from reprotune.tables import predictions, schemas
from reprotune.tables.classes import class_names


def compare(
    tuned: np.ndarray, merged: np.ndarray, labels: np.ndarray, tolerance: float
) -> records.Parity:
    """Agreement of the predictions and change of the label's log-likelihood, in nats.

    Both scores have shape (rows, classes), ``labels`` are column numbers. Two classes whose scores
    by the tuned model are no further apart than ``tolerance`` are tied: either is its prediction.
    """
    rows = np.arange(len(labels))
    said, now = tuned.argmax(1), merged.argmax(1)
    tied = (said != now) & (tuned[rows, said] - tuned[rows, now] <= tolerance)
    change = np.abs(tuned - merged)[rows, labels]
    return records.Parity(
        agreement=float(((said == now) | tied).mean()),
        ties=int(tied.sum()),
        log_likelihood_change=float(change.mean()),
        log_likelihood_change_max=float(change.max()),
    )


def require(found: records.Parity, export: Export) -> None:
    """Raise InputError if the merged model is further from the tuned one than allowed."""
    if not found.agreement >= export.agreement:
        raise InputError(
            f"merged and tuned model agree on {found.agreement:.4f} of the test rows, "
            f"export.agreement asks for {export.agreement}; try export.dtype float32"
        )
    if not found.log_likelihood_change <= export.log_likelihood_tolerance:
        raise InputError(
            f"merging changed the labels' log-likelihood by "
            f"{found.log_likelihood_change:.5f}, "
            f"more than export.log_likelihood_tolerance {export.log_likelihood_tolerance}; try "
            "export.dtype float32"
        )


class Form(NamedTuple):
    """What is exported: a model, how it is asked, and what became of the wish for a classifier."""

    model: PreTrainedModel
    encoder: Encoder
    temperature: float = 1.0
    kept_causal: str = ""


def choose_form(
    model: PreTrainedModel,
    encoder: Encoder,
    wanted: str,
    temperature: float,
    texts: Sequence[str],
) -> Form:
    """The classifier that is wanted of a causal model; itself, where that would not be exact."""
    if not is_prompted(encoder) or wanted == "causal":
        return Form(model, encoder)
    try:
        return Form(*as_classifier(model, encoder, temperature, texts), temperature)
    except UnfitError as reason:
        say(f"export.form classifier: kept causal, for {reason}", sys.stderr)
        return Form(model, encoder, kept_causal=str(reason))


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
    labels = rows["label"].map(list(classes).index).to_numpy()
    found = compare(before, after, labels, export.log_likelihood_tolerance)
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
    bytes_ = sum(file.stat().st_size for file in merged.iterdir())
    found = {**parity.model_dump(), **told, "stock_change_max": stock}
    records.write(metrics, records.Export(**found, rows=len(rows), bytes=bytes_))


if __name__ == "__main__":
    main(run)
