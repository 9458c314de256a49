"""Whether a tuned encoder finds planted label errors that the audit's judges do not.

``python -m benchmarks.tuned_judge FILE --model FOLDER --folds 3 --ask 1``: an encoder is tuned on
all but a fold, two epochs, and asked about the fold, of so
many folds. Average precision on the rows that were asked, of the tuned one, of the audit's judges,
and of what these say together; a tenth of the labels are wrong. CPU seconds of the tuning.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from cleanlab.rank import get_label_quality_scores
from sklearn.metrics import average_precision_score
from sklearn.model_selection import StratifiedKFold
from transformers import AutoModel, AutoTokenizer, BatchEncoding

from benchmarks.label_errors import KINDS, ask_audit, embed
from benchmarks.review_gain import WRONG, plant, read_texts
from reprotune.core.params_file import load_params
from reprotune.data.judges import Part, pool

EPOCHS, BATCH, RATE, LENGTH = 2, 32, 5e-5, 96
TOGETHER = (("words", "tuned"), ("features", "tuned"), ("words", "features", "tuned"))


class Encoder(torch.nn.Module):
    """The mean of an encoder's last layer, and a head on it; word embeddings are not tuned."""

    def __init__(self, folder: Path, classes: int) -> None:
        super().__init__()
        self.body = AutoModel.from_pretrained(folder)
        self.body.get_input_embeddings().weight.requires_grad_(False)
        self.drop = torch.nn.Dropout(0.1)
        self.head = torch.nn.Linear(self.body.config.hidden_size, classes)

    def forward(self, rows: BatchEncoding) -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            held, weights = self.body(**rows).last_hidden_state, rows["attention_mask"][..., None]
            said: torch.Tensor = self.head(self.drop((held * weights).sum(1) / weights.sum(1)))
        return said.float()


def cut_batches(
    places: np.ndarray, length: np.ndarray, chance: np.random.Generator
) -> list[np.ndarray]:
    """Rows of about one length beside each other, in an order that chance decides."""
    order, found = chance.permutation(places), []
    for start in range(0, len(order), 16 * BATCH):
        some = order[start : start + 16 * BATCH]
        some = some[np.argsort(length[some])]
        found += [some[n : n + BATCH] for n in range(0, len(some), BATCH)]
    return [found[n] for n in chance.permutation(len(found))]


def tune(folder: Path, texts: list[str], codes: np.ndarray, part: Part, seed: int) -> np.ndarray:
    """What an encoder says of some rows, taught by others; shape (asked rows, classes)."""
    torch.manual_seed(seed)
    tokenizer, chance = AutoTokenizer.from_pretrained(folder), np.random.default_rng(seed)
    rows = tokenizer(texts, truncation=True, max_length=LENGTH)
    length = np.array([len(one) for one in rows["input_ids"]])
    model = Encoder(folder, int(codes.max()) + 1)
    optimizer = torch.optim.AdamW(
        [
            {"params": model.body.parameters(), "lr": RATE},
            {"params": model.head.parameters(), "lr": 20 * RATE},
        ],
        weight_decay=0.01,
    )
    steps = EPOCHS * (-(-len(part.taught) // BATCH) + 16)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda n: min(1, (n + 1) / (0.06 * steps)) * max(0.02, 1 - n / steps),
    )

    def ask(places: np.ndarray) -> torch.Tensor:
        some = {name: [values[place] for place in places] for name, values in rows.items()}
        said: torch.Tensor = model(tokenizer.pad(some, return_tensors="pt"))
        return said

    model.train()
    for _ in range(EPOCHS):
        for places in cut_batches(part.taught, length, chance):
            loss = torch.nn.functional.cross_entropy(ask(places), torch.tensor(codes[places]))
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
    model.eval()
    with torch.inference_mode():
        parts = np.array_split(part.asked, -(-len(part.asked) // BATCH))
        return np.concatenate([ask(places).softmax(1).numpy() for places in parts])


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tuned_judge", description=__doc__)
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--ask", type=int, default=1)
    chosen = parser.parse_args(arguments)
    if not (chosen.file and chosen.model):
        print("tuned_judge: skipped: it needs a file, and an encoder as --model")
        return
    table = read_texts(chosen.file).sample(frac=1, random_state=0, ignore_index=True)
    labels = pd.Categorical(table["label"])
    truth = labels.codes.astype(int)
    codes = plant(truth, np.random.default_rng(0), WRONG)
    features = embed(table["text"], list(labels.categories), chosen.model, load_params())
    place = np.arange(len(table))
    rows = pd.DataFrame({"text": table["text"], "role": "train", "rank": place, "group": place})
    cuts = StratifiedKFold(chosen.folds, shuffle=True, random_state=1).split(codes, codes)
    parts = [Part(*cut) for cut in cuts][: chosen.ask]
    held = np.concatenate([part.asked for part in parts])
    began = time.process_time()
    texts = table["text"].tolist()
    tuned = [tune(chosen.model, texts, codes, part, seed) for seed, part in enumerate(parts)]
    print(f"tuned_judge: {len(held)} of {len(table)} rows, {time.process_time() - began:.0f} s")
    said = {kind: ask_audit(rows, features, kind, codes)[held] for kind in KINDS}
    said["tuned"] = np.concatenate(tuned)
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
