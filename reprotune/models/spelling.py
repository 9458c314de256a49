"""Texts that spell out a tokenizer's added tokens ("</s>", "</think>") stay text."""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, cast

from tokenizers import AddedToken, Tokenizer
from transformers import PreTrainedTokenizerBase

BEFORE = "\ue001"  # in place of the token before a piece: the first of all is special
OTHER = "\ue002"  # in place of ``BEFORE`` in a text: as private, and no token
Span = tuple[int, int]  # first character, and the one after the last


def encode_text(
    tokenizer: PreTrainedTokenizerBase, text: str, limit: int | None = None
) -> list[int]:
    """Token ids, ``limit`` at most, with the tokenizer's own marks; all of the text is text."""
    ids: list[int] = tokenizer(
        text, split_special_tokens=True, truncation=limit is not None, max_length=limit
    )["input_ids"]
    added = {i for i, token in tokenizer.added_tokens_decoder.items() if not token.special}
    if added.isdisjoint(ids) or not tokenizer.is_fast:
        return ids
    plain = forget_added(tokenizer)
    if limit is None:
        plain.no_truncation()
    else:
        plain.enable_truncation(limit)
    return plain.encode(text.replace(BEFORE, OTHER)).ids


def encode_plain(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """Token ids of a text alone, without marks; all of it is text."""
    plain = forget_added(tokenizer)
    plain.no_truncation()
    return list(plain.encode(text.replace(BEFORE, OTHER), add_special_tokens=False).ids)


def encode_frame(
    tokenizer: PreTrainedTokenizerBase, text: str, contents: Sequence[Span]
) -> list[int]:
    """Token ids without marks of a chat as a whole; ``contents`` are what its turns say.

    Added tokens around the contents are the template's, those within are text. A piece between
    two of the template's is encoded anew, without added tokens, if a content spells one out.
    """
    found = cast(Any, tokenizer)(text, add_special_tokens=False, return_offsets_mapping=True)
    ids, offsets = list(found["input_ids"]), list(found["offset_mapping"])
    added = tokenizer.added_tokens_decoder
    cuts: list[int] = []  # places of the template's own
    spelt: list[int] = []  # and of those that are none
    for place, (i, (start, end)) in enumerate(zip(ids, offsets, strict=True)):
        if i in added and end > start:
            first = end - len(text[start:end].lstrip())  # a token may take spaces before it along
            spelt_out = any(a <= first < b for a, b in contents)
            (spelt if spelt_out else cuts).append(place)
    if not spelt:
        return ids
    plain = forget_added(tokenizer)
    plain.no_truncation()
    result: list[int] = []
    for left, right in zip([-1, *cuts], [*cuts, len(ids)], strict=True):
        if left >= 0:
            result.append(ids[left])
        if any(left < place < right for place in spelt):
            begin = offsets[left][1] if left >= 0 else 0
            stop = offsets[right][0] if right < len(ids) else len(text)
            mark = BEFORE if left >= 0 else ""
            words = text[begin:stop].replace(BEFORE, OTHER)
            piece = plain.encode(mark + words, add_special_tokens=False).ids
            result += piece[len(mark) :]
        else:
            result += ids[left + 1 : right]
    return result


@lru_cache(maxsize=4)
def forget_added(tokenizer: PreTrainedTokenizerBase) -> Tokenizer:
    """A copy that knows no added tokens but ``BEFORE``; making it takes a tenth of a second."""
    values = json.loads(cast(Any, tokenizer).backend_tokenizer.to_str())
    values |= {"added_tokens": [], "truncation": None, "padding": None}
    plain = Tokenizer.from_str(json.dumps(values))
    plain.add_special_tokens([AddedToken(BEFORE, special=True, normalized=False)])
    return plain
