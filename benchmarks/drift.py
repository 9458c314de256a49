"""How often `reprotune drift` raises a false alarm, and what it finds: for docs/production.md.

`python -m benchmarks drift`: built-in headlines beside later ones. `python -m benchmarks.drift ONE
OTHER`: two files of texts, one a line; some of the new rows of ONE are rows of OTHER.
"""

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from reprotune.builtin import headlines
from reprotune.core import paths
from reprotune.evaluation.metrics import wilson
from reprotune.production.drift import ALPHA, compare
from reprotune.production.shares import estimate
from reprotune.production.two_samples import Kinds
from reprotune.tables import predictions

KINDS = Kinds(threshold=0.8, units="words", seed=1)  # of profiles/builtin.yaml
RESAMPLES = 200  # for the false alarms
DRAWS = 20  # for the power
PERMUTATIONS = 199  # the command takes 999
ROWS = (200, 500, 2000)
SHARES = (0.05, 0.1, 0.2)
OLD = 1000  # rows; 500 for the false alarms

Draw = Callable[[np.random.Generator], tuple[Sequence[str], Sequence[str]]]


def count_alarms(draw: Draw, times: int) -> int:
    found = 0
    for seed in range(times):
        old, new = draw(np.random.default_rng(seed))
        found += min(compare(old, new, KINDS, PERMUTATIONS).p_values) <= ALPHA
    return found


def tell_alarms(name: str, draw: Draw) -> None:
    found = count_alarms(draw, RESAMPLES)
    low, high = wilson(found, RESAMPLES, 0.95)
    print(
        f"{name}: {found} false alarms in {RESAMPLES} ({low:.3f} to {high:.3f} at {ALPHA})",
        flush=True,
    )


def take(texts: Sequence[str], places: np.ndarray) -> list[str]:
    return [texts[place] for place in places]


def split(
    texts: Sequence[str], old: int, new: int, rng: np.random.Generator
) -> tuple[list[str], list[str]]:
    """Rows of one source as old and new ones, drawn without replacement."""
    order = rng.permutation(len(texts))
    return take(texts, order[:old]), take(texts, order[old : old + new])


def mix(
    texts: Sequence[str], others: Sequence[str], rows: int, share: float, rng: np.random.Generator
) -> tuple[list[str], list[str]]:
    """Old rows, and new ones of which a share is of another source."""
    foreign = round(share * rows)
    old, new = split(texts, OLD, rows - foreign, rng)
    return old, [*new, *take(others, rng.permutation(len(others))[:foreign])]


def measure_headlines() -> None:
    """Later headlines are of the same kind; and so are the predictions of their classes."""

    def draw(rng: np.random.Generator) -> tuple[Sequence[str], Sequence[str]]:
        old, new = rng.integers(1 << 31, size=2)
        made = [headlines.examples(n, 0.06, 0.02, int(s)) for n, s in ((500, old), (200, new))]
        return made[0]["text"].tolist(), made[1]["text"].tolist()

    tell_alarms("built-in headlines, 500 old rows and 200 later ones", draw)
    found = sum(draw_shares(np.random.default_rng(seed)) <= ALPHA for seed in range(RESAMPLES))
    low, high = wilson(found, RESAMPLES, 0.95)
    print(f"class shares: {found} false alarms in {RESAMPLES} ({low:.3f} to {high:.3f} at {ALPHA})")


def draw_shares(rng: np.random.Generator) -> float:
    """The p-value for 200 predictions made as those of the built-in test rows are."""
    table = predictions.read(paths.PREDICTIONS)
    classes = sorted(set(table["label"]))
    test = np.array(
        [[((table["predicted"] == i) & (table["label"] == j)).sum() for j in classes]
         for i in classes]
    )  # fmt: skip
    rates, before = test / test.sum(axis=0), np.array([606, 2881, 1363])  # metrics/download.json
    again = np.stack([rng.multinomial(200, rate) for rate in rates.T], axis=1)
    new = rng.multinomial(200, rates @ (before / before.sum()))
    found = estimate(again, rng.multinomial(4850, before / before.sum()), new, 1)
    assert found
    return found.p_value


def measure_files(one: Path, other: Path) -> None:
    texts, others = (read_lines(file) for file in (one, other))
    tell_alarms(
        f"{one.name}, 500 old rows and 200 new ones",
        lambda rng: split(texts, 500, 200, rng),
    )
    print(f"found in {DRAWS} draws, with {OLD} old rows of {one.name}, foreign of {other.name}:")
    for rows in ROWS:
        for share in SHARES:
            began = time.monotonic()
            found = count_alarms(lambda rng, r=rows, s=share: mix(texts, others, r, s, rng), DRAWS)
            seconds = (time.monotonic() - began) / DRAWS
            print(
                f"  {rows} rows, {share:.0%} foreign: {found / DRAWS:.2f} ({seconds:.1f} s each)",
                flush=True,
            )


def read_lines(file: Path) -> list[str]:
    lines = file.read_text("utf-8", "replace").splitlines()
    return [line.strip() for line in lines if line.strip()]


def main() -> None:
    measure_headlines()


if __name__ == "__main__":
    measure_files(*map(Path, sys.argv[1:3]))
