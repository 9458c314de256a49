"""Groups of near-duplicate texts.

Candidates come from MinHash signatures cut into bands (Broder 1997; Leskovec, Rajaraman and
Ullman, *Mining of Massive Datasets*, chapter 3), computed by rensa; each candidate pair is then
checked by its exact Jaccard similarity.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from rensa import RMinHash
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from reprotune.data.ids import normalize

PERMUTATIONS = 128
MISSED = 1e-4  # highest probability that a pair at the threshold shares no band
NEIGHBOURS = 64  # of its bucket, with which a text is compared at most
SHINGLE = 2


def split_shingles(text: str, units: str = "words") -> set[str]:
    """The pairs of words, or of characters, of a text; one that has no pair is its own shingle."""
    words = normalize(text).split()
    if units == "characters":
        words = list("".join(words))
    pairs = {" ".join(words[i : i + SHINGLE]) for i in range(len(words) - SHINGLE + 1)}
    return pairs or {" ".join(words)}


def choose_width(threshold: float) -> int:
    """Signature rows in a band: the most that keep the probability of a miss below ``MISSED``."""
    sizes = range(1, PERMUTATIONS // 4)
    kept = [r for r in sizes if (1 - threshold**r) ** (PERMUTATIONS // r) <= MISSED]
    return max(kept, default=1)


def find_candidates(sets: Sequence[frozenset[str]], threshold: float, seed: int) -> np.ndarray:
    """Pairs of rows that share a band of their signatures; shape (pairs, 2).

    In a bucket a row is paired with its ``NEIGHBOURS`` next ones: the number of pairs grows with
    the rows, not with the square of a bucket.
    """
    digests = RMinHash.digest_matrix_from_token_sets([sorted(s) for s in sets], PERMUTATIONS, seed)
    matrix = pd.DataFrame(np.array(digests.to_rows(), dtype=np.uint32))
    width = choose_width(threshold)
    pairs = [np.empty((0, 2), dtype=np.int64)]
    for start in range(0, PERMUTATIONS - width + 1, width):
        band = [matrix[start + i] for i in range(width)]
        bucket = matrix.groupby(band).ngroup().to_numpy()
        order = np.argsort(bucket, kind="stable")
        for step in range(1, NEIGHBOURS + 1):
            shared = bucket[order[step:]] == bucket[order[:-step]]
            if not shared.any():
                break
            pairs.append(np.column_stack([order[:-step][shared], order[step:][shared]]))
    return np.unique(np.concatenate(pairs), axis=0)


def jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    return len(a & b) / len(a | b)


def near_duplicate_groups(
    texts: Iterable[str], threshold: float, seed: int, units: str = "words"
) -> np.ndarray:
    """The group of each text, an integer; shape (texts,).

    Two texts whose shingles of ``units`` (words or characters) have a Jaccard similarity of
    ``threshold`` or more, in (0, 1], are in one group, directly or through others.
    """
    unique: dict[frozenset[str], int] = {}
    row_set = [
        unique.setdefault(frozenset(split_shingles(text, units)), len(unique)) for text in texts
    ]
    sets = list(unique)
    pairs = find_candidates(sets, threshold, seed)
    close = np.array([jaccard(sets[a], sets[b]) >= threshold for a, b in pairs], dtype=bool)
    left, right = pairs[close].T
    graph = coo_matrix((np.ones(len(left)), (left, right)), shape=(len(sets), len(sets)))
    return np.asarray(connected_components(graph, directed=False)[1])[row_set]
