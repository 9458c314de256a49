"""A small queue with one of everything, and sessions of reviewers on one decisions file."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from reprotune.review.log import DecisionFile
from reprotune.review.queue import Queue
from reprotune.review.session import Session

CLASSES = ["bad", "good"]
TEXTS = [
    "the same words twice",
    "the same words twice",
    "profits rose in the first quarter",
    "profits rose in the second quarter",
    "profits rose in the third quarter",
    "<b>sales</b> fell, \u202eand nobody knows why",
    "a row that nobody doubts",
]
IDS = [f"{n:016x}" for n in range(len(TEXTS))]
ROWS = pd.DataFrame({
    "id": IDS,
    "text": TEXTS,
    "label": ["good", "bad", "bad", "good", "good", "bad", "good"],
    "role": ["train", "train", "train", "train", "test", "validation", "train"],
})  # fmt: skip
FINDINGS = pd.DataFrame(
    [
        (IDS[0], "conflict", 0.0, ""),
        (IDS[1], "conflict", 0.0, ""),
        (IDS[2], "label", 0.1, "good"),
        (IDS[5], "label", 0.3, "good"),
        (IDS[3], "near_duplicate", 0.0, ""),
        (IDS[4], "near_duplicate", 0.0, ""),
    ],
    columns=["id", "issue", "score", "suggested"],
)
Start = Callable[..., Session]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "decisions.csv"


@pytest.fixture
def start(file: Path) -> Start:
    """``start("ann")``: a session of hers."""

    def make(reviewer: str = "ann", classes: list[str] = CLASSES) -> Session:
        return Session(Queue(ROWS, FINDINGS), DecisionFile(file), reviewer, classes)

    return make
