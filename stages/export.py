"""Merge the tuned model, and prove that the merged one says the same."""

from pathlib import Path

import numpy as np
import torch

from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.io import whole_folder
from reprotune.core.params import Export, Params
from reprotune.core.runner import main
from reprotune.export.merging import merge
from reprotune.export.model_card import write_card
from reprotune.models.base import Base
from reprotune.models.exported import load_classifier, save_classifier, save_merged
from reprotune.scoring.scores import score_texts
from reprotune.tables import metrics as records
from reprotune.tables import predictions, schemas
from reprotune.tables.classes import class_names


def compare(tuned: np.ndarray, merged: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Agreement of the predictions and change of the label's log-likelihood, in nats.

    Both scores have shape (rows, classes), ``labels`` are column numbers.
    """
    change = np.abs(tuned - merged)[np.arange(len(labels)), labels]
    return {
        "agreement": float((tuned.argmax(1) == merged.argmax(1)).mean()),
        "log_likelihood_change": float(change.mean()),
        "log_likelihood_change_max": float(change.max()),
    }


def require(figures: dict[str, float], export: Export) -> None:
    """Raise InputError if the merged model is further from the tuned one than allowed."""
    if not figures["agreement"] >= export.agreement:
        raise InputError(
            f"merged and tuned model agree on {figures['agreement']:.4f} of the test rows, "
            f"export.agreement asks for {export.agreement}; try export.dtype float32"
        )
    if not figures["log_likelihood_change"] <= export.log_likelihood_tolerance:
        raise InputError(
            f"merging changed the labels' log-likelihood by "
            f"{figures['log_likelihood_change']:.5f}, "
            f"more than export.log_likelihood_tolerance {export.log_likelihood_tolerance}; try "
            "export.dtype float32"
        )


def run(
    params: Params,
    test: Path = paths.TEST,
    base: Path = paths.BASE,
    tuned: Path = paths.TUNED,
    predicted: Path = paths.PREDICTIONS,
    merged: Path = paths.MERGED,
    metrics: Path = paths.EXPORT_METRICS,
) -> None:
    torch.set_num_threads(params.threads)
    rows = schemas.read(test, schemas.Split)
    classes, texts = class_names(params.download.labels), rows["text"]
    opened = Base.open(base, params.model, params.prompt, classes)
    size = params.predictions.batch_size
    before = score_texts(*opened.load_tuned(tuned), texts, size, "tuned")
    with whole_folder(merged) as partial:
        model, asking = merge(opened, tuned)
        save_merged(model, asking.tokenizer, params.export.dtype, partial)
        save_classifier(asking, partial)
        del model  # no two in memory at once
        after = score_texts(*load_classifier(partial), texts, size, "merged")
        figures = compare(before, after, rows["label"].map(classes.index).to_numpy())
        require(figures, params.export)
        write_card(partial, params.model.task, classes, predictions.read(predicted))
    bytes_ = sum(file.stat().st_size for file in merged.iterdir())
    records.write(metrics, records.Export(**figures, rows=len(rows), bytes=bytes_))


if __name__ == "__main__":
    main(run)
