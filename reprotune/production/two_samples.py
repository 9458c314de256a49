"""Whether two sets of texts come from the same source, without labels, by permutations.

Four statistics, each held against the same with old and new exchanged by chance: how well a
classifier tells them apart (Lopez-Paz and Oquab 2017), how many words are new, lengths, scripts.
Near-duplicates are in one fold of the classifier, and are exchanged as a whole, with groups as
large as theirs: so the p-values hold for rows that are independent, and for such that come in
copies. They are adjusted for one another by the same exchanges (Westfall and Young 1993).
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import rankdata
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer

from reprotune.data.duplicates import near_duplicate_groups

DIMENSIONS = 100
RIDGE = 1.0
FOLDS = 5
PERMUTATIONS = 999
DECIMALS = 6  # of a statistic, so that equal ones stay so
TIE = 1e-9  # between shares that are equal but for rounding
LETTERS = 200  # of a text, by which its script is known
NO_SCRIPT = "none"


class Kinds(NamedTuple):
    """What counts as nearly the same text, and what a text is made of; as in the parameters."""

    threshold: float  # of near-duplicates
    units: str  # words | characters
    seed: int


@dataclass(frozen=True)
class Shuffled:
    """Which rows are new (1) or old (0): as it is in column 0, then exchanged by chance."""

    labels: np.ndarray  # (rows, 1 + permutations)
    groups: np.ndarray  # (rows,) of near-duplicates

    def compare_means(self, values: np.ndarray) -> np.ndarray:
        """Mean of the new rows minus that of the old ones; ``values`` has a row each."""
        new = self.labels.sum(axis=0)
        sums = values.T @ self.labels
        rest = values.sum(axis=0)[:, None] - sums
        return np.asarray(sums / new - rest / (len(self.labels) - new))


def shuffle(is_new: np.ndarray, groups: np.ndarray, count: int, seed: int) -> Shuffled:
    """Exchange whole groups with such of the same size, ``count`` times."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(is_new.astype(np.float32)[:, None], count + 1, axis=1)
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    sizes = np.diff(np.append(starts, len(order)))
    for size in np.unique(sizes):
        rows = order[starts[sizes == size][:, None] + np.arange(size)]  # (groups, size)
        for column in range(1, count + 1):
            labels[rows, column] = labels[rng.permutation(rows), 0]
    return Shuffled(labels, groups)


def extract(texts: Sequence[str], kinds: Kinds) -> np.ndarray:
    """Latent semantic features; shape (texts, dimensions). Nothing tells them old from new."""
    counted = TfidfVectorizer(**name_units(kinds), sublinear_tf=True, min_df=2, dtype=np.float32)
    try:
        counts = counted.fit_transform(texts)
    except ValueError:  # no word is in two texts
        return np.zeros((len(texts), 1), dtype=np.float32)
    size = min(DIMENSIONS, min(counts.shape) - 1)
    if size < 1:
        return np.asarray(counts.todense(), dtype=np.float32)
    reduced = make_pipeline(TruncatedSVD(size, random_state=kinds.seed), Normalizer(copy=False))
    return np.asarray(reduced.fit_transform(counts))


def name_units(kinds: Kinds) -> dict[str, Any]:
    """What a vectorizer takes for the words of a text: signs, too, or pairs of characters."""
    if kinds.units == "words":
        return {"analyzer": "word", "token_pattern": r"(?u)\w+|[^\w\s]"}
    return {"analyzer": "char", "ngram_range": (1, 2)}


def count_unseen(texts: Sequence[str], shuffled: Shuffled, kinds: Kinds) -> np.ndarray:
    """By how much the share of words that no (other) old text has is larger in the new texts."""
    counted = CountVectorizer(**name_units(kinds), binary=True, dtype=np.float32)
    try:
        words = counted.fit_transform(texts).tocsr()
    except ValueError:  # there are none
        return np.zeros(shuffled.labels.shape[1])
    length = np.maximum(np.asarray(words.sum(axis=1)), 1)
    is_single = np.asarray(words.sum(axis=0)).ravel() == 1  # unseen, whoever is old
    single = np.asarray(words[:, is_single].sum(axis=1))
    words = words[:, ~is_single]
    old = words.T @ (1 - shuffled.labels)  # texts that have each word
    of_new = words @ (old == 0).astype(np.float32)
    of_old = words @ (old == 1).astype(np.float32)  # itself alone
    unseen = np.where(shuffled.labels > 0, of_new, of_old) + single
    return compare_scores(unseen / length, shuffled)


def score_folds(features: np.ndarray, shuffled: Shuffled, seed: int) -> np.ndarray:
    """How new each row looks to a regression that saw neither it nor its near-duplicates."""
    rng = np.random.default_rng(seed)
    fold = rng.permutation(int(shuffled.groups.max()) + 1)[shuffled.groups] % FOLDS
    scores = np.zeros_like(shuffled.labels)
    for held in range(FOLDS):
        is_held = fold == held
        if not is_held.any() or is_held.all():
            continue
        seen, labels = features[~is_held], shuffled.labels[~is_held]
        centre = seen.mean(axis=0)
        seen = seen - centre
        system = seen.T @ seen + RIDGE * np.eye(seen.shape[1], dtype=seen.dtype)
        weights = np.linalg.solve(system, seen.T @ (labels - labels.mean(axis=0)))
        scores[is_held] = (features[is_held] - centre) @ weights
    return scores


def compare_scores(scores: np.ndarray, shuffled: Shuffled) -> np.ndarray:
    """How far the mean score of new rows lies above that of old ones, in each column."""
    new = shuffled.labels.sum(axis=0)
    sums = (scores * shuffled.labels).sum(axis=0)
    rest = scores.sum(axis=0) - sums
    return np.asarray(sums / new - rest / (len(scores) - new))


def find_auc(scores: np.ndarray, is_new: np.ndarray) -> float:
    """How often a new row scores above an old one: 0.5 if they cannot be told apart."""
    new = int(is_new.sum())
    above = rankdata(scores)[is_new].sum() - new * (new + 1) / 2
    return float(above / (new * (len(is_new) - new)))


def compare_lengths(lengths: np.ndarray, shuffled: Shuffled) -> np.ndarray:
    """The largest distance between the two distributions (Kolmogorov and Smirnov)."""
    order = np.argsort(lengths, kind="stable")
    is_last = np.append(np.diff(lengths[order]) > 0, True)
    new = shuffled.labels[order]
    sizes = new.sum(axis=0)
    below = np.cumsum(new, axis=0)[is_last] / sizes
    others = np.cumsum(1 - new, axis=0)[is_last] / (len(new) - sizes)
    return np.asarray(np.abs(below - others).max(axis=0))


def compare_scripts(scripts: np.ndarray, shuffled: Shuffled) -> np.ndarray:
    """How far the shares of the scripts lie apart, in units of what chance makes of each."""
    names = np.unique(scripts)
    is_script = (scripts[:, None] == names).astype(np.float32)
    share = is_script.mean(axis=0)[:, None]
    return np.asarray((shuffled.compare_means(is_script) ** 2 / share).sum(axis=0))


@lru_cache(maxsize=4096)
def name_script(letter: str) -> str:
    return unicodedata.name(letter, NO_SCRIPT).split(" ")[0].split("-")[0]


def find_script(text: str) -> str:
    """The script of most letters of a text, as Unicode calls it."""
    found = [name_script(letter) for letter in text[:LETTERS] if letter.isalpha()]
    return max(set(found), key=lambda name: (found.count(name), name)) if found else NO_SCRIPT


def group(texts: Sequence[str], kinds: Kinds) -> np.ndarray:
    """The group of near-duplicates of each text."""
    return near_duplicate_groups(texts, kinds.threshold, kinds.seed, kinds.units)


def adjust(statistics: np.ndarray) -> np.ndarray:
    """A p-value for each row of statistics, all of which may be looked at; column 0 is as it is."""
    count = statistics.shape[1]
    rounded = np.round(statistics, DECIMALS)
    shares = rankdata(-rounded, method="max", axis=1) / count  # of columns that are as large
    least = shares.min(axis=0)
    return np.asarray((least[None, :] <= shares[:, :1] + TIE).mean(axis=1))
