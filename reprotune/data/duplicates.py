"""Groups of near-duplicate texts.

Candidates come from MinHash signatures cut into bands (Broder 1997; Leskovec, Rajaraman and
Ullman, *Mining of Massive Datasets*, chapter 3), computed by rensa; each candidate pair is then
checked by its exact Jaccard similarity.
"""

import re
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from rensa import RMinHash
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

PERMUTATIONS = 64
ROWS_A_BAND = 4  # 16 bands of 4: a pair at similarity 0.8 is missed once in 5,000 times
SHINGLE = 2
NOISE = re.compile(r"https?://\S+|[^\w%.,+-]+")


def normalize(text: str) -> str:
    """Lower case, no addresses, no repeated white space or quotation marks."""
    return NOISE.sub(" ", text.lower()).strip(" .,")


def shingles(text: str) -> set[str]:
    """The word pairs of a text; a text of one word is its own shingle."""
    words = normalize(text).split()
    pairs = {" ".join(words[i : i + SHINGLE]) for i in range(len(words) - SHINGLE + 1)}
    return pairs or {" ".join(words)}


def candidates(sets: Sequence[set[str]], seed: int) -> np.ndarray:
    """Pairs of rows that share a band of their signatures; shape (pairs, 2).

    Within a band a row is paired with the first and the previous row of its bucket: their number
    grows with the rows, not with the square of a bucket.
    """
    digests = RMinHash.digest_matrix_from_token_sets([sorted(s) for s in sets], PERMUTATIONS, seed)
    matrix = pd.DataFrame(np.array(digests.to_rows(), dtype=np.uint32))
    rows = pd.Series(matrix.index)
    pairs = []
    for start in range(0, PERMUTATIONS, ROWS_A_BAND):
        bucket = matrix.groupby([matrix[start + i] for i in range(ROWS_A_BAND)]).ngroup()
        for other in (rows.groupby(bucket).transform("min"), rows.groupby(bucket).shift()):
            linked = other.notna() & (other != rows)
            pairs.append(np.column_stack([other[linked].astype(int), rows[linked]]))
    return np.unique(np.concatenate(pairs), axis=0)


def jaccard(a: set[str], b: set[str]) -> float:
    return len(a & b) / len(a | b)


def near_duplicate_groups(texts: Iterable[str], threshold: float, seed: int) -> np.ndarray:
    """The group of each text, an integer; shape (texts,).

    Two texts whose word shingles have a Jaccard similarity of ``threshold`` or more, in (0, 1],
    are in one group, directly or through others.
    """
    sets = [shingles(text) for text in texts]
    pairs = candidates(sets, seed)
    close = np.array([jaccard(sets[a], sets[b]) >= threshold for a, b in pairs], dtype=bool)
    left, right = pairs[close].T if close.any() else (np.empty(0, int), np.empty(0, int))
    graph = coo_matrix((np.ones(len(left)), (left, right)), shape=(len(sets), len(sets)))
    return np.asarray(connected_components(graph, directed=False)[1])
