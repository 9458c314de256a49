"""Merge the tuned model, and prove that the merged one says the same."""

from pathlib import Path

import numpy as np
import torch

from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.io import whole_folder
from reprotune.core.params import Export, Params
from reprotune.core.runner import main
from reprotune.core.space import require_space
from reprotune.export.decision import write_decision
from reprotune.export.merging import merge
from reprotune.export.model_card import write_card
from reprotune.models.base import Base
from reprotune.models.compat import compute_in_float32
from reprotune.models.encoders import is_prompted
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
    with whole_folder(merged) as partial:
        whole, asking = merge(opened, tuned)
        save_merged(whole, asking.tokenizer, params.export.dtype, partial)
        save_classifier(asking, partial)
        if is_prompted(asking):
            write_decision(asking, 1.0, list(texts), partial)
        del whole
        after = score_texts(*load_classifier(partial), texts, size, "merged")
        labels = rows["label"].map(classes.index).to_numpy()
        parity = compare(before, after, labels, params.export.log_likelihood_tolerance)
        require(parity, params.export)
        said, others = predictions.read(predicted), predictions.read(baseline)
        write_card(partial, params.model.task, classes, said, others)
        known = predictions.read(fit)
        held = known[known["part"] == "validation"]
        save_certainties(predictions.list_certainties(held, classes), partial)
        seal(partial)
    bytes_ = sum(file.stat().st_size for file in merged.iterdir())
    records.write(metrics, records.Export(**parity.model_dump(), rows=len(rows), bytes=bytes_))


if __name__ == "__main__":
    main(run)
