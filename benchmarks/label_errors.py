"""How well planted label errors are ranked: the audit's judges, and plain cleanlab beside them.

``python -m benchmarks.label_errors FILE... --model FOLDER``: CSV files with the columns text and
label, taken as the truth, and an encoder whose layers make the features; without a file the
built-in headlines, without a folder the base that `dvc repro base_model` pinned. Five, ten and
twenty of a hundred labels become another class. Average precision, the share of wrong labels among
the first 100 and 300, and CPU seconds; the encoder's own are said once. The rows are mixed first:
in a file sorted by class, folds that are not mixed put most wrong labels of a class into one of
them, and flatter whoever takes such folds.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from cleanlab.rank import get_label_quality_scores
from scipy.sparse import csr_matrix, hstack
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.model_selection import cross_val_predict
from threadpoolctl import threadpool_limits

from benchmarks.review_gain import plant, read_texts
from reprotune.core import paths
from reprotune.core.params import Params
from reprotune.core.params_file import load_params
from reprotune.data.judges import Asked, count_words, judge_labels, turn
from reprotune.models.base import Base
from reprotune.models.encoders import encoder_for
from reprotune.models.loading import WHOLE
from reprotune.models.tokenizer import load_tokenizer
from reprotune.scoring.scores import embed_texts

SEEDS, FOLDS = 3, 5
SHARES = (0.05, 0.1, 0.2)
KINDS = ("words", "features", "both")
FIRST = (100, 300)
Judge = Callable[[np.ndarray], np.ndarray]  # codes: probabilities of shape (rows, classes)


def embed(texts: pd.Series, classes: list[str], folder: Path | None, params: Params) -> np.ndarray:
    """What the stage `features` makes of the texts."""
    if folder:
        encoder = encoder_for(load_tokenizer(folder), "classification", params.prompt, classes)
        opened = Base(folder, WHOLE, encoder)
    else:
        opened = Base.open(paths.BASE, params.model, params.prompt, classes)
    found = embed_texts(opened.load(), opened.encoder, texts, params.baseline.batch_size, "")
    return found.astype(np.float32)


def list_judges(texts: pd.Series, features: np.ndarray) -> dict[str, Judge]:
    """The audit's judges, and cleanlab's default (logistic regression, C = 1) by their inputs."""
    place = np.arange(len(texts))
    rows = pd.DataFrame({"text": texts, "role": "train", "rank": place, "group": place})
    words, turned = count_words(texts, place, "words"), turn(features, place, 1)
    inputs = words, turned, hstack([words, csr_matrix(turned)]).tocsr()
    return {kind: partial(ask_audit, rows, features, kind) for kind in KINDS} | {
        f"cleanlab, {kind}": partial(ask_plainly, columns)
        for kind, columns in zip(KINDS, inputs, strict=True)
    }


def ask_audit(rows: pd.DataFrame, features: np.ndarray, kind: str, codes: np.ndarray) -> np.ndarray:
    held = None if kind == "words" else features
    return judge_labels(rows, codes, Asked(FOLDS, 1, judge=kind), held).probability


def ask_plainly(columns: csr_matrix | np.ndarray, codes: np.ndarray) -> np.ndarray:
    model = LogisticRegression(max_iter=1000)
    said: np.ndarray = cross_val_predict(model, columns, codes, cv=FOLDS, method="predict_proba")
    return said


def measure(texts: pd.Series, truth: np.ndarray, features: np.ndarray) -> pd.DataFrame:
    """A row each share of wrong labels, judge and seed."""
    found = []
    judges = list_judges(texts, features)
    for share in SHARES:
        for seed in range(SEEDS):
            codes = plant(truth, np.random.default_rng(seed), share)
            wrong = codes != truth
            for name, judge in judges.items():
                began = time.process_time()
                doubt = -get_label_quality_scores(codes, judge(codes))
                spent = time.process_time() - began
                order = np.argsort(doubt, kind="stable")[::-1]
                ranked = [wrong[order[:count]].mean() for count in FIRST]
                precision = average_precision_score(wrong, doubt)
                found.append([share, name, seed, precision, *ranked, spent])
    names = ["share", "judge", "seed", "precision", *(f"first {n}" for n in FIRST), "seconds"]
    return pd.DataFrame(found, columns=names)


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.label_errors", description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    parser.add_argument("--model", type=Path)
    chosen = parser.parse_args(arguments)
    params = load_params()
    for path in chosen.files or [None]:
        table = read_texts(path).sample(frac=1, random_state=0, ignore_index=True)
        labels = pd.Categorical(table["label"])
        with threadpool_limits(1):  # as the stage: more threads wait for one another
            began = time.process_time()
            features = embed(table["text"], list(labels.categories), chosen.model, params)
            spent = time.process_time() - began
            found = measure(table["text"], labels.codes.astype(int), features)
        mean = found.groupby(["share", "judge"], sort=False).mean().drop(columns="seed")
        spread = found.groupby(["share", "judge"], sort=False)["precision"].agg(["min", "max"])
        print(f"{path.stem if path else 'built-in'}: {len(table)} rows, features {spent:.0f} s")
        print(f"{mean.join(spread).round(3).to_string()}\n", flush=True)


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
