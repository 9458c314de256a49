"""Load a tokenizer that can pad."""

from pathlib import Path

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from reprotune.core.errors import InputError


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer of a model folder; without a pad token, padding uses the end token."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False)
    except Exception as error:  # tokenizers raises no narrower one
        raise InputError(
            f"{folder}: its tokenizer cannot be read: {error}; fetch it or save it again"
        ) from None
    if tokenizer.pad_token_id is None:
        if tokenizer.eos_token_id is None:
            raise InputError(
                f"{folder}: its tokenizer has neither a pad token nor an end token, and texts of "
                "different length need one; set tokenizer.pad_token and save_pretrained() it there"
            )
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer
