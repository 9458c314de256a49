"""What loss a gate would have found: "no significant change" says no more than that."""

import numpy as np
from scipy.stats import binom, norm

from reprotune.comparison.pairing import Pairs
from reprotune.comparison.statistics import Change, is_right
from reprotune.core.params import Gate

POWER = 0.8  # chance with which a loss is to be found
STEPS = 20  # of the bisection: to a millionth


def find_detectable_loss(rows: int, discordant: int, confidence: float) -> float:
    """The least loss of accuracy that McNemar's exact test finds with a chance of POWER.

    Of ``rows``, ``discordant`` are right on one side alone. A loss is taken to add half of itself
    to their share, as it does with mistakes that go together like those of two models of a kind.
    """
    low, high = 0.0, 1.0
    for _ in range(STEPS):
        loss = (low + high) / 2
        share = min(1.0, max(loss, discordant / rows + loss / 2))
        found = find_power(loss, share, rows, confidence) >= POWER
        low, high = (low, loss) if found else (loss, high)
    return high


def find_power(loss: float, share: float, rows: int, confidence: float) -> float:
    """The chance that a loss is significant, if the models differ on a share of the rows."""
    least, most = (int(binom.ppf(end, rows, share)) for end in (1e-6, 1 - 1e-6))
    differ = np.arange(least, most + 1)
    needed = binom.isf((1 - confidence) / 2, differ, 0.5) + 1  # rows lost
    found = binom.sf(needed - 1, differ, (1 + loss / share) / 2)
    return float(binom.pmf(differ, rows, share) @ found)


def approximate_detectable_loss(change: Change, rows: int, confidence: float) -> float | None:
    """The same of any figure, from the width of its interval; None if it has none.

    What a loss adds to the share of differing rows, it adds to the variance of their mean.
    """
    low, high = change.interval
    wide = float(norm.ppf(0.5 + confidence / 2))
    error = (high - low) / (2 * wide)
    if not error:
        return None
    far = (wide + float(norm.ppf(POWER))) ** 2  # loss² = far · (error² + loss / 2 rows)
    added = far / (4 * rows)
    return added + float(np.sqrt(added**2 + far * error**2))


def find_detectable(primary: Change, pairs: Pairs, gate: Gate) -> float | None:
    """The loss that would have been found, if there was one."""
    if primary.name == "accuracy" and len(pairs.bases) + len(pairs.heads) == 2:
        differ = int((is_right(pairs.base) != is_right(pairs.head)).sum())
        return find_detectable_loss(len(pairs.head), differ, gate.confidence)
    return approximate_detectable_loss(primary, len(pairs.head), gate.confidence)
