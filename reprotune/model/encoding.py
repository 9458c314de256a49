"""The two ways to put a text to a model, and the one that the parameters ask for."""

from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase

from reprotune.model.heads import TextEncoder
from reprotune.model.prompts import PromptEncoder
from reprotune.params import InputError, Prompt

Encoder = PromptEncoder | TextEncoder


def encoder_for(
    tokenizer: PreTrainedTokenizerBase, task: str, prompt: Prompt, classes: Sequence[str]
) -> Encoder:
    """The encoder that ``model.task`` and ``prompt`` describe, its answers in class order."""
    if task == "classification":
        return TextEncoder(tokenizer, classes, prompt.max_length)
    verbalizers = {name: prompt.verbalizers[name] for name in classes}
    return PromptEncoder(tokenizer, prompt.template, verbalizers, prompt.max_length)


def check_fits(encoder: Encoder, context: int | None) -> None:
    """Raise InputError if sequences may be longer than the model's context, in tokens."""
    if context is not None and encoder.max_length > context:
        raise InputError(
            f"prompt.max_length {encoder.max_length} is more than the model's context of "
            f"{context} tokens; lower it"
        )
