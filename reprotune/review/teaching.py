"""Which rows would teach most: those that a model is unsure of, and no two of a kind."""

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from sklearn.cluster import kmeans_plusplus

from reprotune.review.neighbours import Neighbours

CHOSEN = 300  # rows that are chosen so; the others follow, the most doubtful first
CANDIDATES = 10  # times as many rows that are looked at, the most doubtful


def measure_doubt(shares: np.ndarray) -> np.ndarray:
    """How unsure a model is of each row, 0 to 1: how close its two best classes are.

    ``shares`` has the probability of each class; shape (rows, classes).
    """
    second, first = np.sort(shares, axis=1)[:, -2:].T
    doubt: np.ndarray = 1 - (first - second)
    return doubt


def order_to_teach(rows: csr_matrix, doubt: np.ndarray, count: int = CHOSEN) -> np.ndarray:
    """Every place once: first ``count`` that teach most, then the others from the most doubtful on.

    ``rows`` has a vector a row, of length one. Scaled by the doubt they stand for the gradient that
    a row's label would give, and k-means++ draws long ones that are far from one another, as BADGE
    does (Ash et al. 2020). The same rows give the same order.
    """
    ranked = np.argsort(-doubt, kind="stable")
    likely = ranked[: CANDIDATES * count]
    likely = likely[doubt[likely] > 0]
    if not len(likely):
        return ranked
    scaled = csr_matrix(rows[likely].multiply(doubt[likely][:, None]))
    _, drawn = kmeans_plusplus(scaled, min(count, len(likely)), random_state=0)
    chosen = likely[list(dict.fromkeys(drawn.tolist()))]
    return np.concatenate([chosen, ranked[~np.isin(ranked, chosen)]])


def arrange(table: pd.DataFrame) -> np.ndarray:
    """The places of a queue's rows, those whose label is doubted in the order that teaches most.

    ``table`` has text, issue and score, a low one where the label is doubtful.
    """
    order = np.arange(len(table))
    doubted = np.flatnonzero(table["issue"] == "label")
    if len(doubted):
        held = table.iloc[doubted]
        words = Neighbours(held["text"].tolist()).rows
        order[doubted] = doubted[order_to_teach(words, 1 - held["score"].to_numpy())]
    return order
