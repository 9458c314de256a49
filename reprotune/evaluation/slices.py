"""Kinds of test rows on which the model is worse than on the others.

None depends on a prediction, so that the tests of all together hold after Holm (1979).
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.stats import hypergeom
from sklearn.cluster import KMeans
from sklearn.feature_extraction.text import TfidfVectorizer

from reprotune.evaluation.metrics import holm, wilson
from reprotune.tables.limits import Slice

BINS = 4  # of the texts' lengths
TOPICS = 6  # clusters of texts, at most
NAMED = 3  # words of a topic
LEAST = 10  # rows of a slice


def cut_slices(
    table: pd.DataFrame, doubted: set[str], seed: int, units: str = "words"
) -> pd.DataFrame:
    """Columns id, length, words and doubt: of which kind each row is; empty is of none."""
    return pd.DataFrame(
        {
            "id": table["id"],
            "length": bin_lengths(table["text"].str.len().to_numpy()),
            "words": find_topics(table["text"], seed, units),
            "doubt": np.where(table["id"].isin(list(doubted)), "label doubted", ""),
        }
    )


def bin_lengths(lengths: np.ndarray) -> list[str]:
    """Quarters of the rows by length, with their shortest and longest text as names."""
    edges = np.quantile(lengths, np.linspace(0, 1, BINS + 1)[1:-1], method="lower")
    place = np.searchsorted(edges, lengths, side="right")
    bounds = {k: (lengths[place == k].min(), lengths[place == k].max()) for k in np.unique(place)}
    return ["{} to {} characters".format(*bounds[k]) for k in place]


def find_topics(texts: pd.Series, seed: int, units: str = "words") -> list[str]:
    """Clusters of TF-IDF, each named after the words, or character pairs, that set it apart."""
    pairs = {} if units == "words" else {"analyzer": "char", "ngram_range": (2, 2)}
    count = min(TOPICS, len(texts) // (2 * LEAST))
    try:
        vectorizer = TfidfVectorizer(min_df=2, max_df=0.5, sublinear_tf=True, **pairs)
        weights = vectorizer.fit_transform(texts)
    except ValueError:  # no word that some texts share and some not
        count = 0
    if count < 2:
        return [""] * len(texts)
    found = KMeans(count, n_init=3, random_state=seed).fit(weights)
    words, common = vectorizer.get_feature_names_out(), np.asarray(weights.mean(axis=0)).ravel()
    ranked = np.argsort(common - found.cluster_centers_, axis=1, kind="stable")[:, :NAMED]
    names = [", ".join(words[row]) for row in ranked]
    return [names[k] for k in found.labels_]


def list_masks(kinds: pd.DataFrame, ids: pd.Series) -> Iterator[tuple[str, np.ndarray]]:
    """Which of the rows with these ids each slice has, by its name."""
    known = kinds.astype("str").drop_duplicates("id").set_index("id")
    for kind, column in known.reindex(ids).fillna("").items():
        yield from list_values(str(kind), column)


def list_values(kind: str, column: pd.Series) -> Iterator[tuple[str, np.ndarray]]:
    """The rows with each value of a column, if they are enough and not all."""
    values = column.to_numpy()
    for value in sorted(set(values) - {""}):
        mask = values == value
        if LEAST <= mask.sum() < len(mask):
            yield f"{kind}: {value}", mask


def score_slices(table: pd.DataFrame, kinds: pd.DataFrame, confidence: float) -> dict[str, Slice]:
    """Accuracy of each slice, and the p-value of its being no worse than the other rows."""
    right = (table["predicted"] == table["label"]).to_numpy()
    masks = dict(list_values("class", table["label"])) | dict(list_masks(kinds, table["id"]))
    counts = np.array([mask.sum() for mask in masks.values()], dtype=int)
    hits = np.array([right[mask].sum() for mask in masks.values()], dtype=int)
    raw = hypergeom.cdf(hits, len(right), right.sum(), counts)
    return {
        name: Slice(
            rows=rows,
            accuracy=found / rows,
            interval=wilson(found, rows, confidence),
            p_value=p_value,
        )
        for name, rows, found, p_value in zip(
            masks, counts.tolist(), hits.tolist(), holm(np.asarray(raw)), strict=True
        )
    }
