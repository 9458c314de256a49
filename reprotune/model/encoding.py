"""The two ways to put a text to a model, and the one that the parameters ask for."""

from collections.abc import Sequence

from transformers import PretrainedConfig, PreTrainedTokenizerBase

from reprotune.model.heads import TextEncoder
from reprotune.model.prompts import PromptEncoder
from reprotune.params import InputError, Prompt

Encoder = PromptEncoder | TextEncoder
FROM_PADDING = {  # types whose positions count from behind the padding token's number
    *("roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "roberta-prelayernorm", "mpnet"),
    *("longformer", "ibert", "luke", "mluke", "xmod", "data2vec-text", "esm"),
}


def encoder_for(
    tokenizer: PreTrainedTokenizerBase, task: str, prompt: Prompt, classes: Sequence[str]
) -> Encoder:
    """The encoder that ``model.task`` and ``prompt`` describe, its answers in class order."""
    if task == "classification":
        tokenizer.padding_side = "right"  # position embeddings count from the left
        tokenizer.init_kwargs["padding_side"] = "right"  # which is what is saved
        tokenizer.model_max_length = prompt.max_length
        return TextEncoder(tokenizer, classes, prompt.max_length)
    verbalizers = {name: prompt.verbalizers[name] for name in classes}
    if prompt.chat == "required" and tokenizer.chat_template is None:
        raise InputError(
            "prompt.chat required: the tokenizer has no chat template; take an instruct model, or "
            "set prompt.chat to none"
        )
    chat = prompt.chat != "none" and tokenizer.chat_template is not None
    return PromptEncoder(tokenizer, prompt.template, verbalizers, prompt.max_length, chat)


def context(config: PretrainedConfig) -> int | None:
    """The longest sequence that a model can read, in tokens; None if nothing limits it."""
    length = getattr(config, "max_position_embeddings", None)
    if length is None or length <= 0:
        return None
    taken = config.pad_token_id + 1 if config.model_type in FROM_PADDING else 0
    return int(length) - taken


def check_fits(encoder: Encoder, config: PretrainedConfig) -> None:
    """Raise InputError if the model cannot read what the encoder writes."""
    if encoder.tokenizer.pad_token_id >= config.vocab_size:
        raise InputError(
            "the model has no embedding for the pad token of its tokenizer; set "
            "tokenizer.pad_token to one of its own tokens and save_pretrained() it beside the model"
        )
    limit = context(config)
    if limit is not None and encoder.max_length > limit:
        raise InputError(
            f"prompt.max_length {encoder.max_length} is more than the model's context of "
            f"{limit} tokens; lower it"
        )
