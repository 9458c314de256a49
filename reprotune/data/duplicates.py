"""Groups of near-duplicate texts.

Candidates come from MinHash signatures cut into bands (Broder 1997; Leskovec, Rajaraman and
Ullman, *Mining of Massive Datasets*, chapter 3), computed by rensa; each candidate pair is then
checked by its exact Jaccard similarity.
"""

from array import array
from collections.abc import Collection, Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import islice

import numpy as np
import pandas as pd
from rensa import RMinHash
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components

from reprotune.core.progress import show_progress
from reprotune.data.ids import normalize

PERMUTATIONS = 128
MISSED = 1e-4  # highest probability that a pair at the threshold shares no band
NEIGHBOURS = 64  # of its bucket, with which a text is compared at most
SHINGLE = 2
CHUNK = 4096  # texts whose shingles are held as words at once
PAIRS = 65_536  # that are compared at once


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


def chunk_sets(texts: Iterable[str], units: str) -> Iterator[list[set[str]]]:
    """The shingles of the texts, a few thousand texts at a time."""
    left = iter(texts)
    while chunk := [split_shingles(text, units) for text in islice(left, CHUNK)]:
        yield chunk


def read_codes(sets: Sequence[set[str]]) -> list[np.ndarray]:
    """Each set of shingles as sorted 63-bit hashes."""
    flat = np.array([shingle for one in sets for shingle in one], dtype=object)
    codes = (pd.util.hash_array(flat, categorize=False) >> np.uint64(1)).astype(np.int64)
    parts = np.split(codes, np.cumsum([len(one) for one in sets])[:-1])
    return [np.sort(part) for part in parts]


def digest_sets(sets: Sequence[set[str]], seed: int) -> np.ndarray:
    """MinHash signatures; shape (sets, permutations)."""
    digests = RMinHash.digest_matrix_from_token_sets([sorted(s) for s in sets], PERMUTATIONS, seed)
    return np.array(digests.to_rows(), dtype=np.uint32)


def gather(
    texts: Collection[str], units: str, seed: int
) -> tuple[np.ndarray, csr_matrix, np.ndarray]:
    """The different sets of shingles: the set of each text, the sets, and their signatures.

    A row of the matrix is a set, a column a hash of a shingle.
    """
    number: dict[bytes, int] = {}
    row_set, lengths = array("q"), array("q", [0])
    codes, digests = [np.empty(0, np.int64)], [np.empty((0, PERMUTATIONS), np.uint32)]
    with show_progress("near-duplicates: texts", len(texts), "text") as bar:
        for sets in chunk_sets(texts, units):
            new = []
            for one, code in zip(sets, read_codes(sets), strict=True):
                key, found = blake2b(code.tobytes(), digest_size=16).digest(), len(number)
                if number.setdefault(key, found) == found:
                    new.append((one, code))
                    lengths.append(len(code))
                row_set.append(number[key])
            if new:
                codes.append(np.concatenate([code for _, code in new]))
                digests.append(digest_sets([one for one, _ in new], seed))
            bar.update(len(sets))
    columns = np.concatenate(codes)
    shape = (len(number), np.iinfo(np.int64).max)
    held = csr_matrix((np.ones(len(columns), np.int8), columns, np.cumsum(lengths)), shape=shape)
    held.has_sorted_indices = held.has_canonical_format = True
    return np.asarray(row_set), held, np.concatenate(digests)


def find_candidates(digests: np.ndarray, threshold: float) -> np.ndarray:
    """Pairs of rows that share a band of their signatures; shape (pairs, 2).

    In a bucket a row is paired with its ``NEIGHBOURS`` next ones: the number of pairs grows with
    the rows, not with the square of a bucket. Bands are told apart by hashes of 64 bits: two that
    share one by chance make a pair too many, which the similarity parts again.
    """
    width = choose_width(threshold)
    mix = np.random.default_rng(0).integers(1 << 63, size=width, dtype=np.uint64) * 2 + 1
    pairs = [np.empty(0, dtype=np.int64)]
    starts = range(0, PERMUTATIONS - width + 1, width)
    with show_progress("near-duplicates: bands", len(starts), "band") as bar:
        for start in starts:
            bucket = digests[:, start : start + width].astype(np.uint64) @ mix
            order = np.argsort(bucket, kind="stable")
            for step in range(1, NEIGHBOURS + 1):
                shared = bucket[order[step:]] == bucket[order[:-step]]
                if not shared.any():
                    break
                pairs.append(order[:-step][shared] * len(digests) + order[step:][shared])
            bar.update()
    return np.column_stack(np.divmod(np.unique(np.concatenate(pairs)), len(digests)))


def compare_sets(held: csr_matrix, pairs: np.ndarray) -> np.ndarray:
    """The Jaccard similarity of each pair of rows of ``held``."""
    sizes = np.diff(held.indptr)
    found = [np.empty(0)]
    with show_progress("near-duplicates: pairs", len(pairs), "pair") as bar:
        for start in range(0, len(pairs), PAIRS):
            left, right = pairs[start : start + PAIRS].T
            both = np.diff(held[left].multiply(held[right]).indptr)
            found.append(both / (sizes[left] + sizes[right] - both))
            bar.update(len(left))
    return np.concatenate(found)


def near_duplicate_groups(
    texts: Collection[str], threshold: float, seed: int, units: str = "words"
) -> np.ndarray:
    """The group of each text, an integer; shape (texts,).

    Two texts whose shingles of ``units`` (words or characters) have a Jaccard similarity of
    ``threshold`` or more, in (0, 1], are in one group, directly or through others.
    """
    row_set, held, digests = gather(texts, units, seed)
    pairs = find_candidates(digests, threshold)
    left, right = pairs[compare_sets(held, pairs) >= threshold].T
    graph = coo_matrix((np.ones(len(left)), (left, right)), shape=(held.shape[0],) * 2)
    return np.asarray(connected_components(graph, directed=False)[1][row_set])
