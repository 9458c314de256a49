"""Milliseconds to the next row of `reprotune review`, and what a blind sample's interval keeps."""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from reprotune.core import paths
from reprotune.core.params_file import load_params
from reprotune.data.decisions import Entry, Opinions
from reprotune.data.ids import digest
from reprotune.evaluation.metrics import wilson
from reprotune.evaluation.truth import estimate
from reprotune.review.command import open_session
from reprotune.review.log import DecisionFile
from reprotune.review.page import Page
from reprotune.review.progress import estimate_left
from reprotune.review.queue import Filter, Marks, Queue
from reprotune.review.session import Form, Session
from reprotune.tables import predictions, schemas

SIZES, DOUBTED = (1_000, 100_000), 0.2  # rows of the queue, and the share that the audit doubts
WORDS, LENGTH = 20_000, 15  # of a made-up text; words are as frequent as their rank is small
ANSWERS = 100
LEFT = (150, 200, 300, 500)  # answers
DRAWS, SAMPLED, ROWS = 1_000, 100, 600
SIMULATED = [(0.99, 0.06), (0.95, 0.06), (0.9, 0.06), (0.85, 0.1), (0.7, 0.1), (0.85, 0.01)]
PARTS = [(50, 168), (100, 168), (50, 900), (100, 900), (200, 900), (100, 5000), (200, 5000)]
NOISES, ACCURACIES = (0.0, 0.01, 0.05, 0.2), (0.7, 0.85, 0.95)
TAUGHT = 0.7  # share of the wrong labels that a model repeats, if it has learnt them
Draw = tuple[np.ndarray, np.ndarray, np.ndarray]


def make_queue(rows: int) -> Queue:
    """Made-up rows, of which the audit doubts a fifth."""
    chance = np.random.default_rng(1)
    words = (chance.zipf(1.3, (rows, LENGTH)) % WORDS).astype(str)
    table = pd.DataFrame({
        "id": [digest(str(row)) for row in range(rows)],
        "text": [" ".join(row) for row in words],
        "label": chance.choice(["bad", "good"], rows),
        "role": "train",
    })  # fmt: skip
    found = table[["id"]].sample(frac=DOUBTED, random_state=1)
    score = chance.random(len(found))
    return Queue(table, found.assign(issue="label", score=score, suggested="bad"))


def time_answers(rows: int, folder: Path) -> None:
    """Answer, `fsync` included, find and draw the next row, so many times."""
    start = time.perf_counter()
    session = Session(make_queue(rows), DecisionFile(folder / f"{rows}"), "ann", ["bad", "good"])
    begun, page = time.perf_counter() - start, Page()
    wall, cpu = [], []
    view = session.view(Filter())
    for number in range(ANSWERS):
        assert view.row
        answer = ("keep", "quarantine")[number % 2]  # so that what is left can be told
        starts = time.perf_counter(), time.process_time()
        session.decide(Form(view.row.id, answer, view.seen, "", ()))
        view = session.view(Filter())
        page.row(session, view)
        wall.append(1000 * (time.perf_counter() - starts[0]))
        cpu.append(1000 * (time.process_time() - starts[1]))
    told = ", ".join(
        f"{name} {statistics.median(ms):.0f} (95 % within {np.quantile(ms, 0.95):.0f})"
        for name, ms in (("wall", wall), ("CPU", cpu))
    )
    print(f"review: {rows} rows, begun in {begun:.1f} s, milliseconds to the next row: {told}")


def compare_left() -> None:
    """What the page says is left to find, and what is, after answers by the truth."""
    session = open_session(load_params(), "ann")
    raw = schemas.read(paths.RAW, schemas.Raw).set_index("id")
    marks = Marks(session.queue, "ann", session.classes)
    ids = session.queue.table["id"]
    truth = ids.map(raw["reference_label"]).to_numpy()
    said = [
        Entry(row, "relabel", label, "ann", "", "") for row, label in zip(ids, truth, strict=True)
    ]
    wrong = session.queue.has["label"] & (session.queue.labels != truth)
    for answered in LEFT:
        marks.follow(Opinions(said[:answered]))
        told = estimate_left(session.queue, marks)
        print(f"review: {answered} answered, left {wrong[answered:].sum()}, told {told:.0f}")


def simulate(chance: np.random.Generator, accuracy: float, noise: float) -> Draw:
    """A model that is right so often; labels wrong so often, half of them as a wrong model is."""
    right, wrong = chance.random(ROWS) < accuracy, chance.random(ROWS) < noise
    by_label = np.where(right, ~wrong, wrong & (chance.random(ROWS) < 0.5))
    return right[:SAMPLED], by_label[:SAMPLED], by_label[SAMPLED:]


def count_kept(name: str, truth: float, draw: Callable[[], Draw]) -> None:
    """How often the interval holds the truth, and how wide it is beside the sample alone.

    No use of the labels is steadier than the one by their correlation with the truth, if that were
    known: the least is what it would leave of the width.
    """
    kept, widths, alone, draws = 0, [], [], []
    for _ in range(DRAWS):
        right, by_label, rest = draw()
        draws.append(np.stack([right, by_label]))
        _, (low, high), _ = estimate(right, by_label, rest, 0.95)
        kept += low <= truth <= high
        first, last = wilson(int(right.sum()), SAMPLED, 0.95)
        widths.append(high - low)
        alone.append(last - first)
    width = f"width {np.mean(widths):.3f}, of the sample alone {np.mean(alone):.3f}"
    shared = np.corrcoef(np.concatenate(draws, axis=1).astype(float))[0, 1]
    share, least = np.mean(widths) / np.mean(alone), np.sqrt(1 - shared**2 * len(rest) / ROWS)
    print(f"review: {name}: held {kept / DRAWS:.3f}, {width}: {share:.2f}, least {least:.2f}")


def tabulate_kept() -> None:
    """How often the interval holds the truth, whatever is sampled, wrong and learnt from the wrong.

    Of several accuracies and ways to be wrong, the least and the most often.
    """
    chance = np.random.default_rng(19)
    for sampled, rows in PARTS:
        kept = [
            [
                hold(chance, (accuracy, noise, share), sampled, rows)
                for accuracy in ACCURACIES
                for share in ((1 - accuracy), TAUGHT)
            ]
            for noise in NOISES
        ]
        told = ", ".join(
            f"{noise:.0%} {min(found):.3f} to {max(found):.3f}"
            for noise, found in zip(NOISES, kept, strict=True)
        )
        print(f"review: {sampled} of {rows} rows, by the share of wrong labels: {told}")


def hold(
    chance: np.random.Generator, wrong: tuple[float, float, float], sampled: int, rows: int
) -> float:
    """The share of draws whose interval holds the truth.

    ``wrong``: the accuracy, the share of wrong labels, and which share of these the model repeats.
    """
    accuracy, noise, share = wrong
    repeated = min(noise * share, 1 - accuracy)
    chances = [accuracy - noise + repeated, noise - repeated, repeated, 1 - accuracy - repeated]
    held = 0
    for _ in range(DRAWS):
        kind = chance.choice(4, rows, p=chances)  # right by both, by the truth, by label, by none
        right, by_label = kind < 2, kind % 2 == 0
        _, (low, high), _ = estimate(right[:sampled], by_label[:sampled], by_label[sampled:], 0.95)
        held += low <= accuracy <= high
    return held / DRAWS


def draw_real(chance: np.random.Generator, right: np.ndarray, by_label: np.ndarray) -> Draw:
    order = chance.permutation(len(right))
    sampled, rest = order[:SAMPLED], order[SAMPLED:]
    return right[sampled], by_label[sampled], by_label[rest]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for rows in SIZES:
            time_answers(rows, Path(folder))
    chance = np.random.default_rng(18)
    for accuracy, noise in SIMULATED:
        name = f"accuracy {accuracy}, wrong labels {noise}"
        count_kept(name, accuracy, lambda a=accuracy, n=noise: simulate(chance, a, n))
    tabulate_kept()
    if paths.FINDINGS.exists() and load_params().download.kind == "builtin":
        compare_left()
    if paths.TEST.exists() and paths.PREDICTIONS.exists():
        truth = schemas.read(paths.TEST, schemas.Split)["reference_label"]
        said = predictions.read(paths.PREDICTIONS)
        right = (said["predicted"].to_numpy() == truth.to_numpy()).astype(bool)
        by_label = (said["predicted"] == said["label"]).to_numpy()
        if truth.notna().all():
            name = f"{paths.TEST}, accuracy {right.mean():.3f}"
            count_kept(name, right.mean(), lambda: draw_real(chance, right, by_label))


if __name__ == "__main__":
    main()
