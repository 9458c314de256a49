"""A tuned model as an object: ``Classifier.load("models/merged").predict(texts)``."""

import os
import re
import reprlib
import time
from collections.abc import Iterable, Mapping
from copy import deepcopy
from functools import cache, lru_cache
from itertools import chain
from numbers import Integral, Real
from pathlib import Path
from threading import current_thread, main_thread
from typing import Any, NamedTuple, Self, SupportsIndex

import numpy as np
import pandas as pd
import torch
from transformers import PreTrainedModel

from reprotune.core.errors import InputError
from reprotune.core.printing import count_of
from reprotune.core.seals import SEAL, check_seal, hash_file
from reprotune.core.signing import verify
from reprotune.core.supervision import is_written
from reprotune.data.reading.bad_rows import name_damage
from reprotune.data.reading.cleaning import clean
from reprotune.models.encoders import Encoder
from reprotune.models.exported import load_certainties, load_classifier
from reprotune.scoring.scores import Tell, normalize, score_texts
from reprotune.tables.predictions import DECIMALS

CONFIDENCE = 0.95  # with which an accuracy is proven
PATIENCE = 20.0  # seconds; DVC removes an export, and its stage puts it back when it has started
UNPICKLED = 2  # models that a process keeps of those that were sent to it
HOME = os.getpid()
OF_TABLES = ("columns", "column_names")  # of pandas, polars, pyarrow, datasets
LONE = re.compile("[\ud800-\udfff]")  # half a character, which no tokenizer reads


class Source(NamedTuple):
    """Where a model lies, and the hash of its seal, in which those of all its files are."""

    folder: Path
    digest: str


class Classifier:
    """An exported model; its methods may be called from several threads at once.

    ``predict`` and ``predict_proba`` are those of a fitted classifier of scikit-learn. It is no
    estimator: ``clone`` and ``cross_val_score`` would fit it.

    Pickled, it is the path of its folder and the hash of what lies there: a process to which it is
    sent loads it once, and refuses another model.
    """

    def __init__(
        self, model: PreTrainedModel, encoder: Encoder, certainties: pd.DataFrame | None = None
    ) -> None:
        self.model = model
        self.encoder = encoder
        self.certainties = certainties  # of validation rows
        self.source: Source | None = None  # of one that was loaded

    @classmethod
    def load(cls, folder: str | Path, key: str | Path | None = None) -> Self:
        """Read an exported folder, such as ``models/merged``; it needs nothing beside it.

        With a public ``key`` only what its owner has signed.

        Raises:
            InputError: there is no exported model, it is damaged or of another version, or it is
                not what was signed.
        """
        folder = Path(folder)
        wait_for_seal(folder)
        if key is not None:
            verify(folder, Path(key))
        go_on_alone(os.getpid())
        source = Source(folder.absolute(), hash_file(folder / SEAL))
        found = cls(*load_classifier(folder), load_certainties(folder))
        own_weights(found.model)
        found.encoder.prompt("")  # a template of chats is filled in by a child process: now
        found.source = source
        return found

    def __reduce_ex__(self, protocol: SupportsIndex) -> str | tuple[Any, ...]:
        if self.source is None:
            return super().__reduce_ex__(protocol)
        return load_once, (type(self), self.source)

    def __copy__(self) -> Self:
        return type(self)(self.model, self.encoder, self.certainties)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """One with weights of its own, which is pickled with them."""
        return type(self)(*deepcopy((self.model, self.encoder, self.certainties), memo))

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

        In place of a bar, ``tell`` hears of each batch which share of the work it was. Threads but
        the main one, as those of a server, draw none.

        Raises:
            InputError: one bare string in place of a list, or one of the texts is no string.
        """
        found = [clean(text) for text in check_texts(texts)]
        if not isinstance(batch_size, Integral) or batch_size < 1:
            raise InputError(
                f"batch_size is {batch_size}; so many texts are scored at once: 1, 2 ..."
            )
        if not found:
            return np.zeros((0, len(self.classes)))
        go_on_alone(os.getpid())
        if tell is None and current_thread() is not main_thread():
            tell = keep_quiet
        scores = score_texts(self.model, self.encoder, found, batch_size, "texts", tell)
        return normalize(scores)

    def label(
        self, texts: Iterable[str], batch_size: int = 64, abstain: float | None = None
    ) -> pd.DataFrame:
        """Both in one frame: ``predicted``, then a column of probabilities for each class.

        Of a Series it has the index, so that ``frame.join(classifier.label(frame["text"]))`` is
        right whatever rows were left out.

        Raises:
            InputError: as ``predict``.
        """
        threshold = self.find_threshold(abstain)
        shares = self.predict_proba(texts, batch_size)
        index = texts.index if isinstance(texts, pd.Series) else None
        frame = pd.DataFrame(shares, columns=self.classes, index=index)
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

        if not isinstance(promised, Real) or not 0 < promised < 1:
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


def own_weights(model: PreTrainedModel) -> None:
    """Read the weights, which are a part of the file: who overwrites it would change them.

    On a GPU they are a copy already.
    """
    for weight in chain(model.parameters(), model.buffers()):
        if weight.device.type == "cpu":
            weight.data = weight.data.clone()


@lru_cache(maxsize=UNPICKLED)
def load_once(kind: type[Classifier], source: Source) -> Classifier:
    """What was pickled, loaded once in each process.

    Raises:
        InputError: as ``Classifier.load``, or another model lies in its place.
    """
    found = kind.load(source.folder)
    if found.source != source:
        raise InputError(
            f"{source.folder}: not the model that was sent here; leave a model in its folder while "
            "it is at work, or give each version a folder"
        )
    return found


@cache
def go_on_alone(process: int) -> None:
    """In a process that was forked compute in one thread: its parent's are not there.

    It would wait for them without end.
    """
    if process != HOME:
        torch.set_num_threads(1)


def keep_quiet(share: float) -> None:
    """In place of a bar: nothing."""


def check_texts(texts: Any) -> list[str]:
    """The texts as a list, also those of pyarrow.

    Raises:
        InputError: they are no list of strings; says what to pass, or which one is wrong.
    """
    if isinstance(texts, str | bytes | bytearray):
        raise InputError("texts is one string; pass a list of them: [text]")
    if isinstance(texts, Mapping) or any(hasattr(type(texts), name) for name in OF_TABLES):
        raise InputError("texts is a table; pass one column of it: table['text']")
    if not isinstance(texts, Iterable) or getattr(texts, "ndim", 1) != 1:
        raise InputError(f"texts is {reprlib.repr(texts)}; pass a list of texts")
    found = list(texts.to_pylist() if hasattr(texts, "to_pylist") else texts)
    for number, text in enumerate(found):
        if not isinstance(text, str):
            raise InputError(
                f"texts[{number}] is {reprlib.repr(text)}, no string; fill or drop such texts"
            )
        if lone := LONE.search(text):
            raise InputError(
                f"texts[{number}]: {name_damage(ord(lone[0]), 'text')}; correct or drop such texts"
            )
    return found
