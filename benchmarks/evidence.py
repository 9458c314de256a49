"""Whether promised accuracies are kept, and planted weak kinds of rows found."""

import time

import numpy as np
import pandas as pd

from reprotune.evaluation import abstention, slices

RESAMPLES = 200
CELLS = [  # validation rows, skill (accuracy 0.88, 0.93, 0.96), promised
    (rows, skill, promised)
    for rows in (150, 600)
    for skill, promised in ((3, 0.9), (6, 0.9), (6, 0.95), (12, 0.95))
]


def draw_certainties(
    rng: np.random.Generator, rows: int, skill: float, sharpened: float = 1.0
) -> pd.DataFrame:
    """How sure a model is of rows, and which it gets right.

    The logit of the true probability is multiplied by ``sharpened``: 1 is calibrated.
    """
    true = 0.5 + 0.5 * rng.beta(skill, 1, rows)
    odds = (true / (1 - true)) ** sharpened
    return pd.DataFrame({"certainty": odds / (1 + odds), "right": rng.random(rows) < true})


def is_kept(everyone: pd.DataFrame, threshold: float | None, promised: float) -> bool:
    """Whether the answers above a threshold are right as often as promised."""
    return threshold is None or bool(
        everyone.loc[everyone["certainty"] > threshold, "right"].mean() >= promised
    )


def keep_promises() -> None:
    for rows, skill, promised in CELLS:
        rng = np.random.default_rng(1)
        everyone = draw_certainties(rng, 1_000_000, skill)
        start = time.perf_counter()
        found = [
            abstention.choose_threshold(draw_certainties(rng, rows, skill), promised, 0.95)
            for _ in range(RESAMPLES)
        ]
        spent = (time.perf_counter() - start) / RESAMPLES
        kept = np.mean([is_kept(everyone, threshold, promised) for threshold in found])
        answered = [0 if t is None else (everyone["certainty"] > t).mean() for t in found]
        made = np.mean([threshold is not None for threshold in found])
        print(
            f"evidence: {rows} validation rows, accuracy {everyone['right'].mean():.2f}, promised "
            f"{promised}: made in {made:.0%}, kept in {kept:.1%} of {RESAMPLES} resamples, "
            f"{np.mean(answered):.0%} of the rows answered, {1000 * spent:.0f} ms"
        )


TOPICS = {  # of the texts: words that go together
    "costs": "raw material costs rose because of higher prices for steel and energy",
    "orders": "the company won an order to deliver machines with services in the north",
    "people": "a new chief executive will join the board and lead the group next year",
    "shares": "its shares were traded on the stock exchange after the offer was accepted",
}
RATES = {"doubt": 0.6}  # accuracy on a weak slice; on others 0.75, elsewhere 0.92


def draw_rows(seed: int, rows: int = 600, weak: str = "") -> tuple[pd.DataFrame, pd.DataFrame]:
    """Test rows of a model of accuracy 0.92, less on the slice whose name starts so; its kinds."""
    rng = np.random.default_rng(seed)
    texts = []
    for topic in rng.choice(list(TOPICS), rows):
        words = TOPICS[topic].split()
        texts.append(" ".join([topic, *rng.choice(words, rng.integers(3, 12))]))
    table = pd.DataFrame({"id": [f"{number:016x}" for number in range(rows)], "text": texts})
    table["label"] = rng.choice(["negative", "neutral", "positive"], rows)
    kinds = slices.cut_slices(table, set(table["id"][rng.random(rows) < 0.06]), seed)
    masks = dict(slices.list_values("class", table["label"]))
    masks |= dict(slices.list_masks(kinds, table["id"]))
    planted = [mask for name, mask in masks.items() if weak and name.startswith(weak)][:1]
    rate = np.where(planted[0], RATES.get(weak, 0.75), 0.92) if planted else 0.92
    said = np.where(rng.random(rows) < rate, table["label"], "none")
    return table.assign(predicted=said), kinds


def find_weak(table: pd.DataFrame, kinds: pd.DataFrame) -> list[str]:
    scored = slices.score_slices(table, kinds, 0.95)
    return [name for name, part in scored.items() if part.p_value < 0.05]


def find_slices() -> None:
    seeds = range(RESAMPLES)
    for weak in ("length: ", "class: neutral", "doubt", "words: "):
        found = 0
        for seed in seeds:
            names = find_weak(*draw_rows(seed, weak=weak))
            found += any(name.startswith(weak) for name in names)
        print(f"evidence: weak {weak.rstrip(': ')}, 600 rows: found in {found / len(seeds):.1%}")
    alarms = sum(bool(find_weak(*draw_rows(seed))) for seed in seeds)
    print(f"evidence: no weak slice: {alarms} false alarms in {len(seeds)} seeds")


def main() -> None:
    keep_promises()
    find_slices()
