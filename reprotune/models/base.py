"""The pinned base model, opened for a task: the one way in which stages come to a model."""

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch
from transformers import PreTrainedModel

from reprotune.core.params import Model, Prompt
from reprotune.models.adapters import Tuned, apply, is_whole
from reprotune.models.encoders import Encoder, encoder_for
from reprotune.models.loading import WHOLE, Precision, load_model
from reprotune.models.manifest import Manifest
from reprotune.models.tokenizer import load_tokenizer


@dataclass(frozen=True)
class Base:
    """Where the base lies, in which number formats it is loaded, and how it is asked."""

    folder: Path
    precision: Precision
    encoder: Encoder
    parameters: int = 0

    @classmethod
    def open(cls, base: Path, model: Model, prompt: Prompt, classes: Sequence[str]) -> Self:
        """What ``base_model`` pinned in ``base``; ``classes`` in class order.

        Raises:
            InputError: a file is not the pinned one, or the prompt does not go with the tokenizer.
        """
        manifest = Manifest.read(base)
        folder = manifest.locate()
        return cls(
            folder,
            Precision.of(model),
            encoder_for(load_tokenizer(folder), model.task, prompt, classes),
            manifest.parameters,
        )

    def count_bytes(self, dtype: str) -> int:
        """What all weights take in a number format, on the disk as in memory."""
        return self.parameters * int(getattr(torch, dtype).itemsize)

    def load(self, precision: Precision | None = None) -> PreTrainedModel:
        """The untuned model; a head for other classes is drawn anew."""
        return load_model(self.folder, precision or self.precision, self.encoder, new_head=True)

    def load_tuned(
        self, tuned: Path, observe: Callable[[PreTrainedModel], None] | None = None
    ) -> tuple[Tuned, Encoder]:
        """What ``train`` made, for inference, and the encoder that asks it.

        ``observe`` is shown the untuned model before; no two models are in memory at once.
        """
        if is_whole(tuned):
            if observe:
                observe(self.load().eval())
                gc.collect()
            return load_model(tuned, WHOLE, self.encoder).eval(), self.encoder
        model = self.load().eval()
        if observe:
            observe(model)
        return apply(model, tuned, self.encoder)
