"""How a text becomes tokens for a model with a classification head."""

from collections.abc import Sequence
from dataclasses import dataclass

from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True)
class TextEncoder:
    """The tokenizer, with the classes that the head tells apart."""

    tokenizer: PreTrainedTokenizerBase
    classes: Sequence[str]  # in class order
    max_length: int  # tokens, those that the tokenizer adds included

    def prompt(self, text: str) -> list[int]:
        """The tokens of a text with the tokenizer's own marks; an over-long text is cut.

        Special tokens that a text spells out ("[SEP]") are plain text.
        """
        ids: list[int] = self.tokenizer(
            text, split_special_tokens=True, truncation=True, max_length=self.max_length
        )["input_ids"]
        return ids or [self.tokenizer.pad_token_id]  # of an empty text, where no marks are added

    def is_cut(self, text: str) -> bool:
        return len(self.tokenizer(text, split_special_tokens=True)["input_ids"]) > self.max_length

    def example(self, text: str, label: str) -> dict[str, list[int] | int]:
        """One training example; ``labels`` is the number of the class."""
        return {"input_ids": self.prompt(text), "labels": list(self.classes).index(label)}


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
