"""Whether tuned models find planted label errors that the audit's other judges do not.

``python -m benchmarks.tuned_judge FILE --model FOLDER --folds 3 --ask 1``: as the stage `folds`
does with `audit.judge: tuned`, an encoder is tuned on all but a fold and asked about the fold, of
so many folds. Average precision on the rows that were asked, of the tuned models, of the audit's
judges, and of what some say together (the words and the tuned ones are what the audit takes); a
tenth of the labels are wrong. CPU seconds of tuning and asking.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from cleanlab.rank import get_label_quality_scores
from sklearn.metrics import average_precision_score

from benchmarks.label_errors import KINDS, ask_audit, embed
from benchmarks.review_gain import WRONG, plant, read_texts
from reprotune.core.params_file import load_params
from reprotune.data.judges import Asked, cut, pool
from reprotune.models.base import Base
from reprotune.models.encoders import encoder_for
from reprotune.models.loading import Precision
from reprotune.models.tokenizer import load_tokenizer
from stages.folds import TRAIN, ask_model

TOGETHER = (("words", "tuned"), ("features", "tuned"), ("words", "features", "tuned"))


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tuned_judge", description=__doc__)
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--ask", type=int, default=1)
    parser.add_argument("--epochs", type=float, default=2)
    parser.add_argument("--rate", type=float, default=1e-3)
    chosen = parser.parse_args(arguments)
    if not (chosen.file and chosen.model):
        print("tuned_judge: skipped: it needs a file, and an encoder as --model")
        return
    params = load_params()
    table = read_texts(chosen.file).sample(frac=1, random_state=0, ignore_index=True)
    labels = pd.Categorical(table["label"])
    classes, truth = list(labels.categories), labels.codes.astype(int)
    codes = plant(truth, np.random.default_rng(0), WRONG)
    features = embed(table["text"], classes, chosen.model, params)
    place = np.arange(len(table))
    rows = pd.DataFrame({"text": table["text"], "role": "train", "rank": place, "group": place})
    rows["label"] = np.array(classes)[codes]
    parts = cut(rows, codes, Asked(chosen.folds, 1)).folds[: chosen.ask]
    held = np.concatenate([part.asked for part in parts])
    encoder = encoder_for(load_tokenizer(chosen.model), "classification", params.prompt, classes)
    opened = Base(chosen.model, Precision("none", False, "bfloat16"), encoder)
    given = {"epochs": chosen.epochs, "learning_rate": chosen.rate}
    train, size = TRAIN.model_copy(update=given), params.baseline.batch_size
    began = time.process_time()
    told = [
        ask_model(train, size, opened, (rows.iloc[part.taught], rows.iloc[part.asked]), left, None)
        for left, part in zip(range(len(parts), 0, -1), parts, strict=True)
    ]
    print(f"tuned_judge: {len(held)} of {len(table)} rows, {time.process_time() - began:.0f} s")
    said = {kind: ask_audit(rows, features, kind, codes)[held] for kind in KINDS}
    said["tuned"] = np.exp(np.concatenate(told))
    for names in TOGETHER:
        said[" and ".join(names)] = pool(
            [said[name] for name in names], codes[held], np.arange(len(held))
        )
    for name, shares in said.items():
        doubt = -get_label_quality_scores(codes[held], shares)
        precision = average_precision_score(codes[held] != truth[held], doubt)
        print(f"tuned_judge: {name}: average precision {precision:.3f}", flush=True)


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
