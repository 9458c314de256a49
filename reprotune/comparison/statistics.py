"""Whether one model is better than another on the same rows, and where."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.stats import t, ttest_1samp

from reprotune.comparison.swapping import count_answers, draw_rows, swap_models
from reprotune.core.params import Gate
from reprotune.evaluation.calibration import LEAST
from reprotune.evaluation.metrics import Resampling, compare_accuracy, holm

RESAMPLES = 2000
LEAST_ROWS = 30  # that both sides must have, to say anything


@dataclass(frozen=True)
class Change:
    """One figure on both sides, and the difference with what chance could make of it."""

    name: str
    base: float
    head: float
    interval: tuple[float, float]
    p_value: float
    corrected: float = 1.0  # p-value, for the number of figures (Holm 1979)

    @property
    def difference(self) -> float:
        return self.head - self.base

    def as_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "base": self.base,
            "head": self.head,
            "difference": self.difference,
            "interval": list(self.interval),
            "p_value": self.p_value,
            "p_corrected": self.corrected,
        }


def correct(changes: Sequence[Change]) -> list[Change]:
    values = holm([change.p_value for change in changes])
    return [replace(c, corrected=v) for c, v in zip(changes, values, strict=True)]


def is_right(table: pd.DataFrame) -> np.ndarray:
    """Whether each row is predicted rightly; shape (rows,)."""
    return np.asarray(table["predicted"].to_numpy() == table["label"].to_numpy())


def score_classes(said: pd.DataFrame, classes: Sequence[str]) -> tuple[pd.Series, float]:
    """The precision of each class, 0 if it was never said, and the mean of the recalls."""
    right = said["predicted"] == said["label"]
    precision = right.groupby(said["predicted"]).mean().reindex(list(classes), fill_value=0.0)
    return precision, float(right.groupby(said["label"]).mean().mean())


def compare_proportions(
    name: str, base: np.ndarray, head: np.ndarray, confidence: float, seed: int
) -> Change:
    """A share of rows, right or not on each side, with its interval and exact McNemar test."""
    gain = compare_accuracy(head, base, Resampling(confidence, RESAMPLES, seed))
    return Change(name, float(base.mean()), float(head.mean()), gain.interval, gain.p_value)


def compare_macro_f1(
    base: pd.DataFrame, head: pd.DataFrame, classes: Sequence[str], confidence: float, seed: int
) -> Change:
    """Macro-F1: paired bootstrap interval, and a permutation test that swaps the models."""
    answers = count_answers(base, head, classes)
    before, after = (float(answers.score(said, answers.counts)[0]) for said in (1, 2))
    rng = np.random.default_rng(seed)
    interval = draw_rows(answers, confidence, RESAMPLES, rng)
    return Change("macro-F1", before, after, interval, swap_models(answers, RESAMPLES, rng))


def compare_log_loss(
    base: pd.DataFrame, head: pd.DataFrame, classes: Sequence[str], confidence: float
) -> Change:
    """Mean negative log-probability of the label, in nats: paired t-test."""
    column = pd.Categorical(head["label"], categories=list(classes)).codes
    rows = np.arange(len(head))
    old, new = (
        -np.log(np.clip(table[list(classes)].to_numpy(dtype=float)[rows, column], LEAST, 1))
        for table in (base, head)
    )
    before, after = float(old.mean()), float(new.mean())
    if np.allclose(new, old):
        return Change("log loss", before, after, (0.0, 0.0), 1.0)
    test = ttest_1samp(new - old, 0)
    low, high = test.confidence_interval(confidence)
    return Change("log loss", before, after, (float(low), float(high)), float(test.pvalue))


def compare_metrics(
    bases: Sequence[pd.DataFrame],
    heads: Sequence[pd.DataFrame],
    classes: Sequence[str],
    confidence: float,
    seed: int,
) -> list[Change]:
    """Accuracy of all runs, macro-F1 and log loss of the first two, corrected for being three."""
    base, head = bases[0], heads[0]
    return correct(
        [
            compare_accuracies(bases, heads, confidence, seed),
            compare_macro_f1(base, head, classes, confidence, seed),
            compare_log_loss(base, head, classes, confidence),
        ]
    )


def compare_accuracies(
    bases: Sequence[pd.DataFrame], heads: Sequence[pd.DataFrame], confidence: float, seed: int
) -> Change:
    """Accuracy of two runs, or of several training seeds."""
    if len(bases) + len(heads) > 2:
        return compare_over_seeds(bases, heads, confidence)
    return compare_proportions("accuracy", is_right(bases[0]), is_right(heads[0]), confidence, seed)


def measure_primary(
    bases: Sequence[pd.DataFrame],
    heads: Sequence[pd.DataFrame],
    classes: Sequence[str],
    gate: Gate,
    seed: int,
) -> Change:
    """The one figure that decides: that of the gate or, of several seeds, the accuracy."""
    if gate.metric == "macro_f1" and len(bases) + len(heads) == 2:
        return compare_macro_f1(bases[0], heads[0], classes, gate.confidence, seed)
    return compare_accuracies(bases, heads, gate.confidence, seed)


def compare_recalls(
    base: pd.DataFrame, head: pd.DataFrame, classes: Sequence[str], confidence: float, seed: int
) -> list[Change]:
    """Recall of each class that has rows, corrected for their number."""
    changes = []
    for name in classes:
        rows = (head["label"] == name).to_numpy()
        if rows.any():
            was, now = ((t["predicted"] == name).to_numpy()[rows] for t in (base, head))
            changes.append(compare_proportions(name, was, now, confidence, seed))
    return correct(changes)


def compare_over_seeds(
    bases: Sequence[pd.DataFrame], heads: Sequence[pd.DataFrame], confidence: float
) -> Change:
    """Accuracy of several training seeds on each side; their spread counts as noise.

    The difference of two means over seeds, on the same rows: its variance is that of the rows'
    differences plus that of each side's seeds. A side of one run is taken to spread as the other
    does. A t-test, for a spread that is known from few seeds is known badly; its degrees of freedom
    are those of Welch (1947).
    """
    old, new = (np.array([is_right(table) for table in side]) for side in (bases, heads))
    rows = new.mean(axis=0) - old.mean(axis=0)
    seeds = [side.mean(axis=1) for side in (old, new)]
    counts: list[float] = [len(side) for side in seeds]
    if 1 in counts:
        seeds, counts = [max(seeds, key=len)], [1 / sum(1 / count for count in counts)]
    samples, counts = [rows, *seeds], [len(rows), *counts]
    parts = np.array([one.var(ddof=1) / count for one, count in zip(samples, counts, strict=True)])
    before, after, error = float(old.mean()), float(new.mean()), float(np.sqrt(parts.sum()))
    if not error:
        return Change("accuracy", before, after, (after - before,) * 2, 1.0)
    spare = np.array([len(sample) - 1 for sample in samples])
    chance = t(parts.sum() ** 2 / (parts**2 / spare).sum())
    wide = float(chance.ppf(0.5 + confidence / 2)) * error
    interval = (after - before - wide, after - before + wide)
    p_value = float(2 * chance.sf(abs(after - before) / error))
    return Change("accuracy", before, after, interval, p_value)


def find_flips(
    base: pd.DataFrame, head: pd.DataFrame, classes: Sequence[str]
) -> dict[str, pd.DataFrame]:
    """Rows that only one side gets right, the surest of ``head`` first: fixed and broken."""
    was, now = is_right(base), is_right(head)
    table = head[["id", "text", "label"]].assign(
        before=base["predicted"].to_numpy(),
        after=head["predicted"],
        confidence=head[list(classes)].to_numpy(dtype=float).max(axis=1),
    )
    order = ["confidence", "id"]
    return {
        name: table[rows].sort_values(order, ascending=[False, True])
        for name, rows in (("fixed", now & ~was), ("broken", was & ~now))
    }


def diff_rows(base: pd.DataFrame, head: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """What became of the rows (id, label, role): added, removed, relabelled, moved."""
    base, head = (side.drop_duplicates("id") for side in (base, head))  # the proof names them
    both = base.merge(head, on="id", how="outer", suffixes=("_base", "_head"), indicator=True)
    known = both[both["_merge"] == "both"]
    return {
        "added": both[both["_merge"] == "right_only"],
        "removed": both[both["_merge"] == "left_only"],
        "relabelled": known[known["label_base"] != known["label_head"]],
        "moved": known[known["role_base"] != known["role_head"]],
    }


def split_words(texts: pd.Series) -> pd.Series:
    return texts.str.lower().str.findall(r"[^\W\d_]+")


def measure_drift(base: pd.DataFrame, head: pd.DataFrame) -> dict[str, float]:
    """How the texts of two test sets differ: length in characters, and words unseen before."""
    seen = set(split_words(base["text"]).explode().dropna())
    now = split_words(head["text"]).explode().dropna()
    return {
        "median length before": float(base["text"].str.len().median()),
        "median length after": float(head["text"].str.len().median()),
        "words not in the earlier test rows": float((~now.isin(seen)).mean()) if len(now) else 0.0,
    }
