"""Ask the tuned model: test rows, and train and validation rows to see how well it fits."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from transformers import PreTrainedModel

from reprotune.core import paths
from reprotune.core.costs import Latency
from reprotune.core.errors import InputError
from reprotune.core.params import Generate, Params
from reprotune.core.runner import main
from reprotune.models.adapters import Tuned
from reprotune.models.base import Base
from reprotune.models.encoders import Encoder, is_prompted
from reprotune.robustness.edits import edit_rows
from reprotune.scoring.forgetting import text_loss
from reprotune.scoring.generation import generate_answers, read_answer
from reprotune.scoring.scores import normalize, score_texts
from reprotune.tables import metrics as figures
from reprotune.tables import predictions, schemas
from reprotune.tables.classes import class_names, draw
from reprotune.tables.figures import Forgetting, Generated

TIMED = 100  # texts that are asked alone
LONGEST = 3.0  # seconds that this may take


def read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"predictions.forgetting_text {path}: not readable: {error}") from None


def answer_in_words(
    model: Tuned, encoder: Encoder, rows: pd.DataFrame, settings: Generate, seed: int
) -> pd.DataFrame:
    """Some rows with the generated answer, and the class that it names (empty: unreadable)."""
    count = settings.rows if is_prompted(encoder) else 0
    asked = rows.head(count)[["id", "text", "label"]].assign(answer="", predicted="")
    if is_prompted(encoder) and count:
        said = generate_answers(
            model, encoder, list(asked["text"]), settings.temperature, settings.tokens, seed
        )
        read = [read_answer(answer, encoder.verbalizers) for answer in said]
        asked = asked.assign(answer=said, predicted=read)
    return asked


def time_texts(score: Callable[[list[str]], object], texts: pd.Series) -> Latency:
    """How long a text takes that is asked alone; of as many texts as there is time for."""
    spent: list[float] = []
    for text in texts.head(TIMED):
        start = time.perf_counter()
        score([text])
        spent.append(1000 * (time.perf_counter() - start))
        if sum(spent) > 1000 * LONGEST:
            break
    half, most = np.percentile(spent, [50, 95])
    return Latency(p50=round(half, 1), p95=round(most, 1))


def run(
    params: Params,
    train: Path = paths.TRAIN,
    validation: Path = paths.VALIDATION,
    test: Path = paths.TEST,
    base: Path = paths.BASE,
    tuned: Path = paths.TUNED,
    predicted: Path = paths.PREDICTIONS,
    fit: Path = paths.FIT,
    generated: Path = paths.GENERATED,
    edited: Path = paths.EDITED,
    metrics: Path = paths.PREDICTIONS_METRICS,
) -> Latency:
    torch.set_num_threads(params.threads)
    rows = schemas.read(test, schemas.Split)
    # ids are hashes: the first of the rows that were trained on are a random sample of them
    taught = draw(schemas.read(train, schemas.Split), params.train.fraction, params.seed)
    parts = {"train": taught.sort_values("id").head(len(rows))}
    parts["validation"] = schemas.read(validation, schemas.Split)
    classes = class_names(params.download.labels)
    opened = Base.open(base, params.model, params.prompt, classes)
    general = read_text(Path(params.predictions.forgetting_text))
    losses: list[float] = []

    def listen(model: PreTrainedModel | Tuned) -> None:
        if is_prompted(opened.encoder):
            losses.append(text_loss(model, opened.encoder, general))

    model, encoder = opened.load_tuned(tuned, listen)
    listen(model)
    score = partial(score_texts, model, encoder, batch_size=params.predictions.batch_size)
    tables = {
        name: predictions.table(part, normalize(score(part["text"], title=name)), classes)
        for name, part in {"test": rows, **parts}.items()
    }
    answers = answer_in_words(model, encoder, rows, params.predictions.generate, params.seed)
    changed = edit_rows(rows, params.predictions.edited_rows, params.seed)
    again = predictions.table(changed, normalize(score(changed["text"], title="edited")), classes)
    predictions.write(tables.pop("test"), predicted, params.guard_cells)
    predictions.write(again.assign(edit=changed["edit"]), edited, params.guard_cells)
    known = [t.drop(columns="text").assign(part=name) for name, t in tables.items()]
    predictions.write(pd.concat(known), fit, params.guard_cells)
    predictions.write(answers, generated, params.guard_cells)
    figures.write(
        metrics,
        figures.Predictions(
            texts_cut=sum(encoder.is_cut(text) for text in rows["text"]),
            forgetting=Forgetting(before=losses[0], after=losses[1]) if losses else None,
            generated=Generated(
                rows=len(answers),
                accuracy=float((answers["predicted"] == answers["label"]).mean()),
                unreadable=float((answers["predicted"] == "").mean()),
            )
            if len(answers)
            else None,
        ),
    )
    return time_texts(partial(score, title=""), rows["text"])


if __name__ == "__main__":
    main(run)
