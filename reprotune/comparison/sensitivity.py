"""What loss a gate would have found: "no significant change" says no more than that."""

import numpy as np
from scipy.stats import binom, norm

from reprotune.comparison.statistics import Change

POWER = 0.8  # chance with which a loss is to be found
STEPS = 20  # of the bisection: to a millionth


def find_detectable_loss(rows: int, discordant: int, confidence: float) -> float:
    """The least loss of accuracy that McNemar's exact test finds with a chance of POWER.

    Of ``rows``, ``discordant`` are right on one side alone. Two models of which one is worse are
    taken to differ on as large a share of rows, or on as many as the loss takes.
    """
    low, high = 0.0, 1.0
    for _ in range(STEPS):
        loss = (low + high) / 2
        share = max(discordant / rows, loss)
        found = find_power(loss, share, rows, confidence) >= POWER
        low, high = (low, loss) if found else (loss, high)
    return high


def find_power(loss: float, share: float, rows: int, confidence: float) -> float:
    """The chance that a loss is significant, if the models differ on a share of the rows."""
    least, most = binom.ppf([1e-6, 1 - 1e-6], rows, share)
    differ = np.arange(least, most + 1)
    needed = binom.isf((1 - confidence) / 2, differ, 0.5) + 1  # rows lost
    found = binom.sf(needed - 1, differ, (1 + loss / share) / 2)
    return float(binom.pmf(differ, rows, share) @ found)


def approximate_detectable_loss(change: Change, confidence: float) -> float | None:
    """The same of any figure, from the width of its interval; None if it has none."""
    low, high = change.interval
    wide = float(norm.ppf(0.5 + confidence / 2))
    error = (high - low) / (2 * wide)
    return error * (wide + float(norm.ppf(POWER))) or None
