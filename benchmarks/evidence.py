"""Whether promised accuracies are kept, and how much of the rows is answered under them."""

import time

import numpy as np
import pandas as pd

from reprotune.evaluation import abstention

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


def main() -> None:
    keep_promises()
