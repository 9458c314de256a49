"""A tuned model as an object: ``Classifier.load("models/merged").predict(texts)``."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
from transformers import PreTrainedModel

from reprotune.core.errors import InputError
from reprotune.data.reading.files import unify_line_breaks
from reprotune.models.encoders import Encoder
from reprotune.models.exported import check_seal, load_classifier
from reprotune.scoring.scores import normalize, score_texts


class Classifier:
    """An exported model. ``predict`` and ``predict_proba`` are those of scikit-learn."""

    def __init__(self, model: PreTrainedModel, encoder: Encoder) -> None:
        self.model = model
        self.encoder = encoder

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read an exported folder, such as ``models/merged``; it needs nothing beside it.

        Raises:
            InputError: there is no exported model, or it is damaged or of another version.
        """
        check_seal(Path(folder))
        return cls(*load_classifier(Path(folder)))

    @property
    def classes(self) -> list[str]:
        """The names of the classes, in the order of the columns of ``predict_proba``."""
        return list(self.encoder.classes)

    def predict(self, texts: Iterable[str], batch_size: int = 64) -> np.ndarray:
        """The name of the most probable class of each text; shape (texts,).

        Raises:
            InputError: as ``predict_proba``.
        """
        return self.name(self.predict_proba(texts, batch_size))

    def predict_proba(self, texts: Iterable[str], batch_size: int = 64) -> np.ndarray:
        """The probability of each class; shape (texts, classes), rows sum to 1.

        Raises:
            InputError: one bare string in place of a list, or one of the texts is no string.
        """
        found = [unify_line_breaks(text) for text in check_texts(texts)]
        if batch_size < 1:
            raise InputError(f"batch_size is {batch_size}; at least one text is scored at once")
        if not found:
            return np.zeros((0, len(self.classes)))
        return normalize(score_texts(self.model, self.encoder, found, batch_size, "texts"))

    def label(self, texts: Iterable[str], batch_size: int = 64) -> pd.DataFrame:
        """Both in one frame: ``predicted``, then a column of probabilities for each class.

        Raises:
            InputError: as ``predict_proba``.
        """
        shares = self.predict_proba(texts, batch_size)
        frame = pd.DataFrame(shares, columns=self.classes)
        frame.insert(0, "predicted", self.name(shares))
        return frame

    def name(self, shares: np.ndarray) -> np.ndarray:
        """The most probable class of each row of ``predict_proba``."""
        names = np.array(self.classes)
        return np.asarray(names[shares.argmax(axis=1)])


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
