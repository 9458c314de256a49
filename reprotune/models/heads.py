"""How a text becomes tokens for a model with a classification head."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from transformers import (
    AutoModelForSequenceClassification,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from reprotune.core.params import Prompt
from reprotune.models.spelling import encode_text

IGNORED = -100  # labels that carry no loss


@dataclass(frozen=True)
class TextEncoder:
    """The tokenizer, with the classes that the head tells apart."""

    task: ClassVar[str] = "classification"
    model_class: ClassVar[Any] = AutoModelForSequenceClassification
    peft_task: ClassVar[str] = "SEQ_CLS"
    has_head: ClassVar[bool] = True
    pads_left: ClassVar[bool] = False

    tokenizer: PreTrainedTokenizerBase
    classes: Sequence[str]  # in class order
    max_tokens: int  # tokens, those that the tokenizer adds included

    @classmethod
    def create(
        cls, tokenizer: PreTrainedTokenizerBase, prompt: Prompt, classes: Sequence[str]
    ) -> Self:
        tokenizer.padding_side = "right"  # position embeddings count from the left
        tokenizer.init_kwargs["padding_side"] = "right"  # which is what is saved
        tokenizer.model_max_length = prompt.max_tokens
        return cls(tokenizer, classes, prompt.max_tokens)

    def configure(self, config: PretrainedConfig) -> PretrainedConfig:
        """The configuration with a head for the encoder's classes."""
        config = deepcopy(config)
        config.label2id = {name: number for number, name in enumerate(self.classes)}
        config.id2label = dict(enumerate(self.classes))
        config.problem_type = "single_label_classification"
        config.pad_token_id = self.tokenizer.pad_token_id  # decoders look for the last token before
        return config

    def prompt(self, text: str) -> list[int]:
        """The tokens of a text with the tokenizer's own marks; an over-long text is cut.

        Added tokens that a text spells out ("[SEP]") are plain text.
        """
        ids = encode_text(self.tokenizer, text, self.max_tokens)
        return ids or [self.tokenizer.pad_token_id]  # of an empty text, where no marks are added

    def is_cut(self, text: str) -> bool:
        return len(encode_text(self.tokenizer, text)) > self.max_tokens

    def example(self, text: str, label: str) -> Mapping[str, list[int] | int]:
        """One training example; ``labels`` is the number of the class."""
        return {"input_ids": self.prompt(text), "labels": list(self.classes).index(label)}

    def blank(self, length: int) -> int:
        """The target of a row that is not trained on."""
        return IGNORED


def head_modules(model: PreTrainedModel) -> list[str]:
    """The modules between the hidden states and the classes: the head, and a pooler if any.

    They are trained whole, saved with the adapter and never quantized.
    """
    backbone = model.base_model_prefix
    names = [
        name
        for name, module in model.named_children()
        if name != backbone and next(module.parameters(), None) is not None
    ]
    if getattr(model.base_model, "pooler", None) is not None:
        names.append(f"{backbone}.pooler")
    return names


def head_names(encoder: Any, config: PretrainedConfig) -> list[str]:
    """The head modules of the model that the encoder needs, without loading it."""
    if not encoder.has_head:
        return []
    with torch.device("meta"):
        return head_modules(encoder.model_class.from_config(config))
