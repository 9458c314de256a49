"""A tuned model as an object: ``Classifier.load("models/merged").predict(texts)``."""

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
from transformers import PreTrainedModel

from reprotune.core.errors import InputError
from reprotune.core.printing import count_of
from reprotune.core.seals import check_seal
from reprotune.core.signing import verify
from reprotune.core.supervision import is_written
from reprotune.data.reading.cleaning import clean
from reprotune.models.encoders import Encoder
from reprotune.models.exported import load_certainties, load_classifier
from reprotune.scoring.scores import Tell, normalize, score_texts
from reprotune.tables.predictions import DECIMALS

CONFIDENCE = 0.95  # with which an accuracy is proven
PATIENCE = 20.0  # seconds; DVC removes an export, and its stage puts it back when it has started


class Classifier:
    """An exported model. ``predict`` and ``predict_proba`` are those of scikit-learn."""

    def __init__(
        self, model: PreTrainedModel, encoder: Encoder, certainties: pd.DataFrame | None = None
    ) -> None:
        self.model = model
        self.encoder = encoder
        self.certainties = certainties  # of validation rows

    @classmethod
    def load(cls, folder: str | Path, key: str | Path | None = None) -> Self:
        """Read an exported folder, such as ``models/merged``; it needs nothing beside it.

        With a public ``key`` only what its owner has signed.

        Raises:
            InputError: there is no exported model, it is damaged or of another version, or it is
                not what was signed.
        """
        wait_for_seal(Path(folder))
        if key is not None:
            verify(Path(folder), Path(key))
        return cls(*load_classifier(Path(folder)), load_certainties(Path(folder)))

    @property
    def classes(self) -> list[str]:
        """The names of the classes, in the order of the columns of ``predict_proba``."""
        return list(self.encoder.classes)

    def predict(
        self, texts: Iterable[str], batch_size: int = 64, abstain: float | None = None
    ) -> np.ndarray:
        """The name of the most probable class of each text; shape (texts,).

        With ``abstain``, an accuracy, the name is empty where the model is not sure enough for its
        other answers to have that accuracy.

        Raises:
            InputError: as ``predict_proba`` and ``find_threshold``.
        """
        threshold = self.find_threshold(abstain)
        return self.name(self.predict_proba(texts, batch_size), threshold)

    def predict_proba(
        self, texts: Iterable[str], batch_size: int = 64, tell: Tell | None = None
    ) -> np.ndarray:
        """The probability of each class; shape (texts, classes), rows sum to 1.

        In place of a bar, ``tell`` hears of each batch which share of the work it was.

        Raises:
            InputError: one bare string in place of a list, or one of the texts is no string.
        """
        found = [clean(text) for text in check_texts(texts)]
        if batch_size < 1:
            raise InputError(f"batch_size is {batch_size}; at least one text is scored at once")
        if not found:
            return np.zeros((0, len(self.classes)))
        scores = score_texts(self.model, self.encoder, found, batch_size, "texts", tell)
        return normalize(scores)

    def label(
        self, texts: Iterable[str], batch_size: int = 64, abstain: float | None = None
    ) -> pd.DataFrame:
        """Both in one frame: ``predicted``, then a column of probabilities for each class.

        Raises:
            InputError: as ``predict``.
        """
        threshold = self.find_threshold(abstain)
        shares = self.predict_proba(texts, batch_size)
        frame = pd.DataFrame(shares, columns=self.classes)
        frame.insert(0, "predicted", self.name(shares, threshold))
        return frame

    def name(self, shares: np.ndarray, threshold: float = 0.0) -> np.ndarray:
        """The most probable class of each row of ``predict_proba``; empty up to the threshold."""
        names = np.array(self.classes)[shares.argmax(axis=1)]
        return np.where(shares.max(axis=1, initial=0).round(DECIMALS) > threshold, names, "")

    def find_threshold(self, promised: float | None) -> float:
        """The probability above which answers are proven to have this accuracy; 0 if None is asked.

        Proven on the validation rows of the training.

        Raises:
            InputError: no threshold is, or the folder is of an earlier version.
        """
        if promised is None:
            return 0.0
        from reprotune.evaluation.abstention import choose_threshold  # scikit-learn takes a second

        if not 0 < promised < 1:
            raise InputError(f"abstain is {promised}; it is an accuracy between 0 and 1, as 0.9")
        if self.certainties is None:
            raise InputError("this model was exported without certainties; run dvc repro export")
        found = choose_threshold(self.certainties, promised, CONFIDENCE)
        if found is None:
            raise InputError(
                f"on {count_of(len(self.certainties), 'validation row')} no threshold is proven "
                f"above which {promised:g} of the answers are right; ask for less, or validate on "
                "more rows "
                "(roles.validation_per_class)"
            )
        return found


def wait_for_seal(folder: Path) -> None:
    """See that an export is whole; where a stage at work has just removed it, once it is there.

    Raises:
        InputError: as ``check_seal``.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return check_seal(folder)
        except InputError:
            if time.monotonic() > deadline or not is_written(folder):
                raise
        time.sleep(0.1)


def check_texts(texts: Iterable[str]) -> list[str]:
    """The texts as a list.

    Raises:
        InputError: they are no list of strings; says what to pass, or which one is wrong.
    """
    if isinstance(texts, str | bytes):
        raise InputError("texts is one string; pass a list of them: [text]")
    if isinstance(texts, Mapping | pd.DataFrame):
        raise InputError("texts is a table; pass one column of it: table['text']")
    found = list(texts)
    for number, text in enumerate(found):
        if not isinstance(text, str):
            raise InputError(f"texts[{number}] is {text!r}, no string; fill or drop such texts")
    return found
