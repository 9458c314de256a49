"""What people's answers bring: accuracy on clean held out rows, with a cheap learner.

``python -m benchmarks.review_gain FILE...``: CSV files with the columns text and label, taken as
the truth; without any, the built-in headlines. First a tenth of the training labels are made wrong;
the truth, as a reviewer who never errs, answers the first rows of the audit's queue or as many by
chance. Then a few clean rows get a hundred more: by chance, the least sure, or what teaches most.
``--model FOLDER``: an encoder, whose frozen features teach instead of TF-IDF. ``--plot FILE``.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from reprotune.builtin import headlines
from reprotune.core.params import Params
from reprotune.core.params_file import load_params
from reprotune.data.ids import add_ids
from reprotune.review.queue import Queue
from reprotune.review.teaching import measure_doubt, order_to_teach
from reprotune.tables import schemas
from reprotune.text.tfidf import vectorizer
from stages import audit

SEEDS, DRAWS = 3, 10  # of planted errors, of first rows
WRONG, TEST = 0.1, 0.2  # shares
REVIEWED = (100, 300, 1000)
BEGUN, ADDED = (100, 300, 900), 100


class Data(NamedTuple):
    """Texts, what the learner sees of each, and the class of each as an integer."""

    texts: np.ndarray
    seen: csr_matrix
    truth: np.ndarray

    def measure(self, taught: np.ndarray, labels: np.ndarray, test: np.ndarray) -> float:
        """Accuracy on the test rows of a learner that was taught these rows with these labels."""
        model = learn(self.seen[taught], labels)
        return float((model.predict(self.seen[test]) == self.truth[test]).mean())


def learn(rows: csr_matrix, labels: np.ndarray) -> LogisticRegression:
    return LogisticRegression(C=10.0, class_weight="balanced", max_iter=1000).fit(rows, labels)


def read_texts(path: Path | None) -> pd.DataFrame:
    """A file's texts and labels, or the built-in ones, without repeated texts."""
    if path:
        table = pd.read_csv(path, dtype="str")
    else:
        made = headlines.examples(4850, 0.0, 0.0, 1)
        table = made.assign(label=made["reference_label"])
    return table.drop_duplicates("text", ignore_index=True)


def read(path: Path | None, model: Path | None) -> Data:
    """What a learner sees of these."""
    table = read_texts(path)
    texts = table["text"].to_numpy()
    seen = embed(model, texts.tolist()) if model else vectorizer(2).fit_transform(texts)
    return Data(texts, seen, pd.Categorical(table["label"]).codes.astype(int))


def embed(folder: Path, texts: Sequence[str]) -> csr_matrix:
    """The means of an encoder's last layer, of length one."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)
    order = np.argsort([len(text) for text in texts])
    found = np.zeros((len(texts), model.config.hidden_size), dtype=np.float32)
    for places in np.array_split(order, max(len(texts) // 64, 1)):
        asked = [texts[place] for place in places]
        batch = tokenizer(asked, padding=True, truncation=True, max_length=128, return_tensors="pt")
        with torch.inference_mode():
            held = model(**batch).last_hidden_state
        weights = batch["attention_mask"][..., None]
        found[places] = ((held * weights).sum(1) / weights.sum(1)).numpy()
    return csr_matrix(found / np.linalg.norm(found, axis=1, keepdims=True))


def plant(truth: np.ndarray, rng: np.random.Generator, share: float = WRONG) -> np.ndarray:
    """The labels with such a share of them another class, each as likely."""
    labels, count = truth.copy(), truth.max() + 1
    wrong = rng.choice(len(truth), round(share * len(truth)), replace=False)
    labels[wrong] = (truth[wrong] + rng.integers(1, count, len(wrong))) % count
    return labels


def queue_up(params: Params, texts: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The places of all rows in the order in which `reprotune review` shows them."""
    named = [f"class {label}" for label in labels]
    known = {name: name for name in sorted(set(named))}
    download = params.download.model_copy(update={"labels": known})
    rows = add_ids(pd.DataFrame({"text": texts, "label": named}))
    rows = rows.assign(
        **dict.fromkeys(["reference_label", "split"], pd.array([None] * len(rows), dtype="str")),
        row=range(len(rows)),
    )
    roles = pd.DataFrame(
        {"id": rows["id"], "group": rows["id"], "role": "train", "rank": range(len(rows))}
    )
    with tempfile.TemporaryDirectory() as folder:
        raw, held, found, *others = (Path(folder) / name for name in "abcde")
        schemas.write(rows, raw, schemas.Raw)
        schemas.write(roles, held, schemas.Roles)
        audit.run(
            params.model_copy(update={"download": download}),
            raw=raw,
            roles=held,
            findings=found,
            review=others[0],
            metrics=others[1],
        )
        queue = Queue(rows.merge(roles, on="id"), schemas.read(found, schemas.Findings))
    places: np.ndarray = pd.Index(rows["id"]).get_indexer(queue.table["id"])
    return places


def review(data: Data, params: Params) -> pd.DataFrame:
    """Accuracy after so many reviewed rows, and the errors found; a row each order and seed."""
    found = []
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        taught, test = train_test_split(
            np.arange(len(data.truth)), test_size=TEST, random_state=seed, stratify=data.truth
        )
        truth = data.truth[taught]
        planted = plant(truth, rng)
        clean = data.measure(taught, truth, test)
        orders = {
            "queue": queue_up(params, data.texts[taught], planted),
            "chance": rng.permutation(len(taught)),
        }
        for name, order in orders.items():
            for count in (0, *REVIEWED):
                labels, first = planted.copy(), order[:count]
                labels[first] = truth[first]
                mended = int((planted[first] != truth[first]).sum())
                gained = data.measure(taught, labels, test)
                found.append([name, count, seed, mended, gained, clean])
    return pd.DataFrame(found, columns=["order", "rows", "seed", "mended", "accuracy", "clean"])


def teach(data: Data) -> pd.DataFrame:
    """Accuracy before and after a hundred rows more; a row each way of choosing and draw."""
    found = []
    for draw in range(DRAWS):
        rng = np.random.default_rng(draw)
        pool, test = train_test_split(
            np.arange(len(data.truth)), test_size=TEST, random_state=draw, stratify=data.truth
        )
        pool = rng.permutation(pool)
        for begun in BEGUN:
            known, fresh = pool[:begun], pool[begun:]
            shares = learn(data.seen[known], data.truth[known]).predict_proba(data.seen[fresh])
            doubt = measure_doubt(shares)
            ways = {
                "none": np.array([], dtype=int),
                "chance": rng.permutation(len(fresh)),
                "least sure": np.argsort(-doubt, kind="stable"),
                "teaches most": order_to_teach(data.seen[fresh], doubt),
            }
            for name, order in ways.items():
                rows = np.concatenate([known, fresh[order[:ADDED]]])
                gained = data.measure(rows, data.truth[rows], test)
                found.append([begun, name, draw, gained])
    return pd.DataFrame(found, columns=["begun", "chosen", "draw", "accuracy"])


def draw_plot(tables: dict[str, pd.DataFrame], file: Path) -> None:
    """What reviewed rows bring to each seed's accuracy, the mean and the range; a panel a file."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.5 * len(tables), 3.4), layout="constrained")
    for axes, (name, table) in zip(
        figure.subplots(1, len(tables), squeeze=False)[0], tables.items(), strict=True
    ):
        before = table[table["rows"] == 0].groupby("seed")[["accuracy", "clean"]].first()
        gained = 100 * (table["accuracy"] - table["seed"].map(before["accuracy"]))
        for order, rows in table.assign(gained=gained).groupby("order", sort=False):
            told = rows.groupby("rows")["gained"].agg(["mean", "min", "max"])
            axes.plot(told.index, told["mean"], marker="o", label=f"by {order}")
            axes.fill_between(told.index, told["min"], told["max"], alpha=0.2)
        most = 100 * (before["clean"] - before["accuracy"]).mean()
        axes.axhline(most, color="grey", linestyle=":", label="no wrong label")
        axes.set(title=name, xlabel="rows reviewed", ylabel="points of accuracy gained")
        axes.legend()
    figure.savefig(file, dpi=110)


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.review_gain", description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--plot", type=Path)
    chosen = parser.parse_args(arguments)
    params, tables = load_params(), {}
    for path in chosen.files or [None]:
        name = path.stem if path else "built-in"
        data = read(path, chosen.model)
        with threadpool_limits(1):  # sparse and small: more threads wait for one another
            tables[name], taught = review(data, params), teach(data)
        mean = tables[name].groupby(["order", "rows"], sort=False).mean().drop(columns="seed")
        gains = taught.groupby(["begun", "chosen"], sort=False)["accuracy"]
        print(f"{name}\n{mean.round(4).to_string()}\n")
        print(f"{gains.agg(['mean', 'sem']).round(4).unstack('begun').to_string()}\n", flush=True)
    if chosen.plot:
        draw_plot(tables, chosen.plot)


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
