"""Merge the tuned model, and prove that the merged one says the same."""

import json
from pathlib import Path

import numpy as np
import torch

from reprotune import paths
from reprotune.classes import class_names
from reprotune.data import schemas
from reprotune.model.card import write_card
from reprotune.model.encoding import encoder_for
from reprotune.model.loading import Precision
from reprotune.model.manifest import located
from reprotune.model.merging import load_classifier, merge, save_classifier, save_merged
from reprotune.model.methods import load_tuned
from reprotune.model.scoring import log_likelihoods
from reprotune.model.tokenizer import load_tokenizer
from reprotune.params import Export, InputError, Params
from reprotune.stage import main, whole_folder, write_json


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
    evaluation: Path = paths.EVALUATE_METRICS,
    merged: Path = paths.MERGED,
    metrics: Path = paths.EXPORT_METRICS,
) -> None:
    torch.set_num_threads(params.threads)
    rows = schemas.read(test, schemas.Split)
    classes = class_names(params.download.labels)
    precision = Precision(
        params.model.quantization, params.model.double_quantization, params.model.compute_dtype
    )
    folder = located(base)
    encoder = encoder_for(load_tokenizer(folder), params.model.task, params.prompt, classes)
    before = log_likelihoods(
        *load_tuned(folder, tuned, precision, encoder),
        rows["text"],
        params.evaluate.batch,
        "tuned",
    )
    with whole_folder(merged) as partial:
        model, asking = merge(folder, tuned, precision, encoder)
        save_merged(model, asking.tokenizer, params.export.dtype, partial)
        save_classifier(asking, partial)
        after = log_likelihoods(
            *load_classifier(partial), rows["text"], params.evaluate.batch, "merged"
        )
        figures = compare(before, after, rows["label"].map(classes.index).to_numpy())
        require(figures, params.export)
        scores = json.loads(evaluation.read_text(encoding="utf-8"))["test"]
        write_card(partial, params.model.task, classes, scores, params.evaluate.confidence)
    size = sum(file.stat().st_size for file in merged.iterdir())
    write_json(metrics, figures | {"rows": len(rows), "bytes": size})


if __name__ == "__main__":
    main(run)
