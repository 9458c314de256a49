"""Score the tuned model on the test rows, beside every baseline."""

from pathlib import Path

import pandas as pd
import torch

from reprotune import paths
from reprotune.classes import class_names
from reprotune.data import schemas
from reprotune.evidence import predictions
from reprotune.evidence.metrics import accuracy_gain, against_reference, scores
from reprotune.model.encoding import encoder_for
from reprotune.model.loading import Precision
from reprotune.model.manifest import located
from reprotune.model.methods import load_tuned
from reprotune.model.scoring import log_likelihoods, probabilities
from reprotune.model.tokenizer import load_tokenizer
from reprotune.params import Params
from reprotune.stage import main, whole_file, write_json


def recall_bars(recall: dict[str, float]) -> pd.DataFrame:
    """Columns class and recall, for a bar chart."""
    return pd.DataFrame({"class": recall.keys(), "recall": recall.values()})


def run(
    params: Params,
    test: Path = paths.TEST,
    base: Path = paths.BASE,
    tuned: Path = paths.TUNED,
    baseline: Path = paths.BASELINE_PREDICTIONS,
    predicted: Path = paths.PREDICTIONS,
    confusion: Path = paths.CONFUSION,
    recall: Path = paths.RECALL,
    metrics: Path = paths.EVALUATE_METRICS,
) -> None:
    torch.set_num_threads(params.threads)
    rows = schemas.read(test, schemas.Split)
    classes = class_names(params.download.labels)
    precision = Precision(
        params.model.quantization, params.model.double_quantization, params.model.compute_dtype
    )
    folder = located(base)
    encoder = encoder_for(load_tokenizer(folder), params.model.task, params.prompt, classes)
    model, encoder = load_tuned(folder, tuned, precision, encoder)
    log_likelihood = log_likelihoods(
        model, encoder, rows["text"], params.evaluate.batch, "tuned model"
    )
    table = predictions.table(rows, probabilities(log_likelihood), classes)
    predictions.write(table, predicted)
    interval = (params.evaluate.confidence, params.evaluate.resamples, params.seed)
    figures = {"test": scores(table, classes, *interval)}
    if rows["reference_label"].notna().all():
        figures["reference"] = against_reference(
            table, rows["reference_label"], classes, params.evaluate.confidence
        )
    figures["gain_over"] = {
        str(name): accuracy_gain(
            predictions.right(table, other), predictions.right(other, table), *interval
        )
        for name, other in predictions.read(baseline).groupby("predictor", sort=False)
    }
    for path, plot in (
        (confusion, table[["label", "predicted"]]),
        (recall, recall_bars(figures["test"]["recall"])),
    ):
        with whole_file(path) as partial:
            plot.to_csv(partial, index=False)
    write_json(metrics, figures)


if __name__ == "__main__":
    main(run)
