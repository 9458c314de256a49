"""Load a tokenizer that can pad."""

from importlib.util import find_spec
from pathlib import Path

from transformers import AutoConfig, AutoTokenizer, PretrainedConfig, PreTrainedTokenizerBase

from reprotune.core.errors import InputError
from reprotune.core.libraries import raising_panics

SHOWN = 500  # characters of an error of a library
SENTENCEPIECE = ("tokenizer.model", "spiece.model")


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer of a model folder; without a pad token, padding uses the end token.

    Raises:
        InputError: it cannot be read or cannot pad, or the model lacks embeddings of its tokens.
    """
    try:
        with raising_panics():
            tokenizer = AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False)
    except Exception as error:
        if needs_sentencepiece(folder):
            raise InputError(
                f"{folder}: reading its tokenizer takes a package more: pip install sentencepiece"
            ) from None
        raise explain(folder, "tokenizer", error) from None
    if tokenizer.pad_token_id is None:
        if tokenizer.eos_token_id is None:
            raise InputError(
                f"{folder}: its tokenizer has neither a pad token nor an end token, and texts of "
                "different length need one; set tokenizer.pad_token and save_pretrained() it there"
            )
        tokenizer.pad_token = tokenizer.eos_token
    check_vocabulary(tokenizer, load_config(folder), f"{folder}: ")
    return tokenizer


def needs_sentencepiece(folder: Path) -> bool:
    """Whether it is not installed, and the tokenizer is of that kind alone."""
    alone = not (folder / "tokenizer.json").is_file()
    kind = any((folder / name).is_file() for name in SENTENCEPIECE)
    return alone and kind and find_spec("sentencepiece") is None


def load_config(folder: Path) -> PretrainedConfig:
    """The configuration of a model folder, whose values transformers can use.

    Raises:
        InputError: it cannot.
    """
    try:
        config: PretrainedConfig = AutoConfig.from_pretrained(str(folder), trust_remote_code=False)
    except Exception as error:  # whatever its class makes of a value
        raise explain(folder, "config.json", error) from None
    return config


def explain(folder: Path, what: str, error: Exception) -> InputError:
    """What is told of a part of a model folder with which transformers can do nothing."""
    told = f"{type(error).__name__}: {error}"[:SHOWN]
    return InputError(f"{folder}: its {what} cannot be read: {told}; fetch it or save it again")


def check_vocabulary(
    tokenizer: PreTrainedTokenizerBase, config: PretrainedConfig, where: str = ""
) -> None:
    """Raise InputError if a text or the padding can become a token that has no embedding.

    Added tokens of no use in a text ("<image>") may lie beyond: none is made of a text.
    """
    size = getattr(config.get_text_config(), "vocab_size", None)
    if size is None:
        return
    if (pad := tokenizer.pad_token_id) is not None and pad >= size:
        raise InputError(
            f"{where}the model has no embedding for the pad token of its tokenizer; set "
            "tokenizer.pad_token to one of its own tokens and save_pretrained() it beside the model"
        )
    words = {i for i in tokenizer.get_vocab().values() if i not in tokenizer.added_tokens_decoder}
    used = words | {i for i in (tokenizer.bos_token_id, tokenizer.eos_token_id) if i is not None}
    if (last := max(used, default=0)) >= size:
        raise InputError(
            f"{where}the tokenizer has tokens up to number {last}, the model embeddings of {size}: "
            "they are not of the same model; save the tokenizer that it was trained with beside it"
        )
