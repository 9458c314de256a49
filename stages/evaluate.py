"""Score the tuned model on the test rows, beside every baseline."""

from functools import partial
from pathlib import Path

import pandas as pd
import torch

from reprotune import paths
from reprotune.classes import class_names
from reprotune.data import schemas
from reprotune.evidence import predictions
from reprotune.evidence.calibration import arrays
from reprotune.evidence.calibration import reliability as bins
from reprotune.evidence.claims import by_class, claims, held_out, mistakes, subsets
from reprotune.evidence.metrics import accuracy
from reprotune.evidence.ranking import curves
from reprotune.model.encoding import Encoder, encoder_for
from reprotune.model.forgetting import text_loss
from reprotune.model.generation import generated, read_answer
from reprotune.model.loading import Precision, load_model
from reprotune.model.manifest import located
from reprotune.model.methods import Tuned, load_tuned
from reprotune.model.prompts import PromptEncoder
from reprotune.model.scoring import log_likelihoods, probabilities
from reprotune.model.tokenizer import load_tokenizer
from reprotune.params import Generate, InputError, Params
from reprotune.stage import main, whole_file, write_json


def read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"evaluate.forgetting_text {path}: not readable: {error}") from None


def in_words(
    model: Tuned, encoder: Encoder, rows: pd.DataFrame, settings: Generate, seed: int
) -> pd.DataFrame:
    """Some rows with the generated answer, and the class that it names (empty: unreadable)."""
    count = settings.rows if isinstance(encoder, PromptEncoder) else 0
    asked = rows.head(count)[["id", "text", "label"]].assign(answer="", predicted="")
    if isinstance(encoder, PromptEncoder) and count:
        said = generated(
            model, encoder, list(asked["text"]), settings.temperature, settings.tokens, seed
        )
        read = [read_answer(answer, encoder.verbalizers) for answer in said]
        asked = asked.assign(answer=said, predicted=read)
    return asked


def run(
    params: Params,
    train: Path = paths.TRAIN,
    validation: Path = paths.VALIDATION,
    test: Path = paths.TEST,
    roles: Path = paths.ROLES,
    findings: Path = paths.FINDINGS,
    base: Path = paths.BASE,
    tuned: Path = paths.TUNED,
    baseline: Path = paths.BASELINE_PREDICTIONS,
    predicted: Path = paths.PREDICTIONS,
    generations: Path = paths.GENERATED,
    errors: Path = paths.ERRORS,
    confusion: Path = paths.CONFUSION,
    roc: Path = paths.ROC,
    precision_recall: Path = paths.PRECISION_RECALL,
    classwise: Path = paths.CLASSWISE,
    reliability: Path = paths.RELIABILITY,
    metrics: Path = paths.EVALUATE_METRICS,
) -> None:
    torch.set_num_threads(params.threads)
    rows, held = (schemas.read(part, schemas.Split) for part in (test, validation))
    classes = class_names(params.download.labels)
    precision = Precision(
        params.model.quantization, params.model.double_quantization, params.model.compute_dtype
    )
    folder = located(base)
    encoder = encoder_for(load_tokenizer(folder), params.model.task, params.prompt, classes)
    general = read_text(Path(params.evaluate.forgetting_text))
    forgetting = {}
    if isinstance(encoder, PromptEncoder):
        untuned = load_model(folder, precision, encoder)
        forgetting["before"] = text_loss(untuned, encoder, general)
    model, encoder = load_tuned(folder, tuned, precision, encoder)
    if isinstance(encoder, PromptEncoder):
        forgetting["after"] = text_loss(model, encoder, general)
    score = partial(log_likelihoods, model, encoder, batch=params.evaluate.batch)
    log_p = score(texts=rows["text"], title="test")
    table = predictions.table(rows, probabilities(log_p), classes)
    predictions.write(table, predicted)
    interval = (params.evaluate.confidence, params.evaluate.resamples, params.seed)
    others = predictions.read(baseline)
    figures = claims(rows, table, others, classes, interval) | subsets(
        table,
        others,
        schemas.read(roles, schemas.Roles),
        schemas.read(findings, schemas.Findings),
        params.evaluate.confidence,
    )
    taught = schemas.read(train, schemas.Split).head(len(rows))  # ids are hashes: a random sample
    parts = {"train": taught, "validation": held}
    known = {k: score(texts=p["text"], title=k) for k, p in parts.items() if len(p)}
    figures["fit"] = {k: accuracy(s, parts[k]["label"], classes) for k, s in known.items()}
    if len(held):
        figures |= held_out(log_p, rows, known["validation"], held, classes)
    if forgetting:
        figures["forgetting"] = forgetting
    asked = in_words(model, encoder, rows, params.evaluate.generate, params.seed)
    if len(asked):
        figures["generated"] = {
            "rows": len(asked),
            "accuracy": float((asked["predicted"] == asked["label"]).mean()),
            "unreadable": float((asked["predicted"] == "").mean()),
        }
    roc_curve, pr_curve = curves(*arrays(table, classes), classes)
    for path, plot in (
        (generations, asked),
        (errors, mistakes(table, classes, params.evaluate.errors)),
        (confusion, table[["label", "predicted"]]),
        (roc, roc_curve),
        (precision_recall, pr_curve),
        (classwise, by_class(figures["test"])),
        (reliability, bins(*arrays(table, classes))),
    ):
        with whole_file(path) as file:
            plot.to_csv(file, index=False, float_format="%.6f")
    write_json(metrics, figures)


if __name__ == "__main__":
    main(run)
