"""What stands around a text's own tokens in a prompt: the same, whatever the text."""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from transformers import PreTrainedTokenizerBase

from reprotune.models.spelling import encode_plain

PROBES = ("Net sales rose 3 %.", "x", "“No”, they said: 1,000 (öß)", "a\nb", "Up?")
Ids = tuple[int, ...]


class Surround(NamedTuple):
    """Tokens around a text, and the characters that make tokens with it."""

    before: Ids
    after: Ids
    lead: str = ""
    tail: str = ""
    strips: tuple[bool, bool] = (False, False)  # spaces of the text, on the left and on the right

    def find_own(self, tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
        left, right = self.strips
        text = text.lstrip() if left else text
        text = text.rstrip() if right else text
        return encode_plain(tokenizer, self.lead + text + self.tail)

    def cut(self, tokenizer: PreTrainedTokenizerBase, text: str, whole: Sequence[int], room: int
            ) -> list[int] | None:  # fmt: skip
        """The prompt with as much of the text as has room; None if it is not of these parts."""
        own, left = self.find_own(tokenizer, text), room - len(self.before) - len(self.after)
        exact = [*self.before, *own, *self.after] == list(whole)
        return [*self.before, *own[:left], *self.after] if exact and left > 0 else None


def find_surround(
    tokenizer: PreTrainedTokenizerBase,
    ask: Callable[[str], list[int]],
    edges: tuple[str, str],
    strips: tuple[bool, bool],
) -> Surround | None:
    """What ``ask`` puts around texts; ``edges`` are the characters next to them.

    A space before a text, or a line break after it, is one token with it in many tokenizers. None
    if the text's tokens are not to be found in those of its prompt.
    """
    if not tokenizer.is_fast:
        return None
    lead = re.findall(r"\s*\Z", edges[0])[0]
    tail = re.findall(r"\A\s*", edges[1])[0]
    for first, last in dict.fromkeys([("", ""), (lead, ""), ("", tail), (lead, tail)]):
        found = Surround((), (), first, last, strips)
        places = [find_places(ask(probe), found.find_own(tokenizer, probe)) for probe in PROBES]
        if common := set.intersection(*places):
            before, after = min(common)
            return found._replace(before=before, after=after)
    return None


def find_places(whole: list[int], part: list[int]) -> set[tuple[Ids, Ids]]:
    """What stands before and after each place of a part."""
    size = len(part)
    return {
        (tuple(whole[:i]), tuple(whole[i + size :]))
        for i in range(len(whole) - size + 1)
        if whole[i : i + size] == part
    }
