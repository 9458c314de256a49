"""The ways to put a text to a model, and the one that the parameters ask for."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol, Self, TypeGuard

from transformers import PretrainedConfig, PreTrainedTokenizerBase

from reprotune.core.errors import InputError
from reprotune.core.params import Prompt
from reprotune.core.printing import count_of
from reprotune.models.heads import TextEncoder
from reprotune.models.prompts import PromptEncoder
from reprotune.models.tokenizer import check_vocabulary

FROM_PADDING = {  # types whose positions count from behind the padding token's number
    *("roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "roberta-prelayernorm", "mpnet"),
    *("longformer", "ibert", "luke", "mluke", "xmod", "data2vec-text", "esm"),
}


class Encoder(Protocol):
    """What a task is to the rest of the library: a new one is a class with these.

    ``scoring`` and ``training`` look up how a task is scored and trained by its name.
    """

    task: ClassVar[str]  # as in ``model.task``
    model_class: ClassVar[Any]  # of transformers
    peft_task: ClassVar[str]
    has_head: ClassVar[bool]  # whether a head on top is trained too
    pads_left: ClassVar[bool]

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase: ...

    @property
    def classes(self) -> Sequence[str]:
        """In class order."""

    @property
    def max_tokens(self) -> int: ...

    @classmethod
    def create(
        cls, tokenizer: PreTrainedTokenizerBase, prompt: Prompt, classes: Sequence[str]
    ) -> Self:
        """The encoder that the section ``prompt`` describes."""

    def configure(self, config: PretrainedConfig) -> PretrainedConfig:
        """The configuration of a model folder, as this task needs it."""

    def prompt(self, text: str) -> list[int]:
        """The tokens that the model is given; an over-long text is cut."""

    def is_cut(self, text: str) -> bool: ...

    def example(self, text: str, label: str) -> Mapping[str, list[int] | int]:
        """One training example: ``input_ids`` and ``labels``."""

    def blank(self, length: int) -> Any:
        """The ``labels`` of a row of so many tokens that is not trained on."""


def is_prompted(encoder: Encoder) -> TypeGuard[PromptEncoder]:
    """Whether the model answers in words."""
    return not encoder.has_head


ENCODERS: dict[str, type[PromptEncoder] | type[TextEncoder]] = {
    kind.task: kind for kind in (PromptEncoder, TextEncoder)
}


def encoder_for(
    tokenizer: PreTrainedTokenizerBase, task: str, prompt: Prompt, classes: Sequence[str]
) -> Encoder:
    """The encoder that ``model.task`` and ``prompt`` describe, its answers in class order."""
    return ENCODERS[task].create(tokenizer, prompt, classes)


def context(config: PretrainedConfig) -> int | None:
    """The longest sequence that a model can read, in tokens; None if nothing limits it."""
    config = config.get_text_config()
    length = getattr(config, "max_position_embeddings", None)
    if length is None or length <= 0:
        return None
    taken = config.pad_token_id + 1 if config.model_type in FROM_PADDING else 0
    return int(length) - taken


def check_fits(encoder: Encoder, config: PretrainedConfig, more: int = 0) -> None:
    """Raise InputError if the model cannot read what the encoder writes.

    ``more``: tokens that come before it, such as a soft prompt.
    """
    check_vocabulary(encoder.tokenizer, config)
    limit, length = context(config), encoder.max_tokens + more
    if limit is not None and length > limit:
        raise InputError(
            f"prompt.max_tokens {length} is more than the model's context of "
            f"{count_of(limit, 'token')}; lower it"
        )
