import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from reprotune.review.queue import Queue
from reprotune.review.teaching import arrange, measure_doubt, order_to_teach


def test_doubt_is_how_close_the_two_best_classes_are() -> None:
    shares = np.array([[0.5, 0.5, 0.0], [0.2, 0.7, 0.1], [0.0, 0.0, 1.0]])
    assert measure_doubt(shares) == pytest.approx([1.0, 0.5, 0.0])


def test_no_two_of_a_kind_come_first() -> None:
    kinds = csr_matrix(np.eye(3)[[0, 0, 0, 1, 2]])
    doubt = np.array([0.9, 0.9, 0.9, 0.8, 0.7])
    order = order_to_teach(kinds, doubt, count=3)
    assert {*order[:3].tolist()} & {0, 1, 2}
    assert {3, 4} <= {*order[:3].tolist()}
    assert sorted(order.tolist()) == [0, 1, 2, 3, 4]


def test_what_is_sure_comes_last_and_the_order_is_the_same_again() -> None:
    rows = csr_matrix(np.eye(6))
    doubt = np.array([0.0, 0.4, 0.0, 0.9, 0.1, 0.0])
    order = order_to_teach(rows, doubt, count=2)
    assert {*order[3:].tolist()} == {0, 2, 5}
    assert order.tolist() == order_to_teach(rows, doubt, count=2).tolist()


def test_rows_without_doubt_keep_their_order() -> None:
    assert order_to_teach(csr_matrix(np.eye(3)), np.zeros(3)).tolist() == [0, 1, 2]


def test_a_queue_shows_like_rows_apart_and_conflicts_first() -> None:
    texts = ["profits rose again", "profits rose again", "sales fell", "nobody doubts this", "same"]
    ids = [f"{n:016x}" for n in range(len(texts))]
    rows = pd.DataFrame({"id": ids, "text": texts, "label": "good", "role": "train"})
    found = {
        "id": [ids[0], ids[1], ids[2], ids[4]],
        "issue": ["label", "label", "label", "conflict"],
        "score": [0.1, 0.11, 0.2, 0.0],
        "suggested": "",
    }
    findings = pd.DataFrame(found)
    usual = Queue(rows, findings).table["id"].tolist()
    assert usual == [ids[4], ids[0], ids[1], ids[2], ids[3]]
    first, second, third, *last = Queue(rows, findings, arrange).table["id"].tolist()
    assert first == ids[4]
    assert ids[2] in (second, third)
    assert last[-1] == ids[3]
