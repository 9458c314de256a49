"""Prompts in the turns of a chat, as an instruct model's own template has them."""

from collections.abc import Sequence
from typing import Any

from jinja2 import TemplateError
from transformers import PreTrainedTokenizerBase

from reprotune.core.errors import InputError

DAY = "26 Jul 2024"  # for templates that tell the date: today's would change every run
TODAY = f"{{% macro strftime_now(form) %}}{DAY}{{% endmacro %}}"
MARK = "\ue000"  # where the content of a turn goes; no template changes a private character


def render(tokenizer: PreTrainedTokenizerBase, turns: Sequence[str]) -> str:
    """The turns, of user and assistant by turns, and the start of the assistant's next one."""
    roles = ("user", "assistant")
    messages = [{"role": roles[i % 2], "content": turn} for i, turn in enumerate(turns)]
    try:
        text: Any = tokenizer.apply_chat_template(
            messages,
            tokenize=False,
            add_generation_prompt=True,
            enable_thinking=False,
            date_string=DAY,
            chat_template=TODAY + tokenizer.get_chat_template(),
        )
    except TemplateError as error:
        raise InputError(
            f"the tokenizer's chat template fails: {error}; set prompt.chat none"
        ) from None
    return str(text)


class Frame:
    """What the template puts around the contents of so many turns.

    Its special tokens are special, those that a content spells out are plain text.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, turns: int) -> None:
        self.tokenizer = tokenizer
        *self.parts, self.end = render(tokenizer, [MARK] * turns).split(MARK)
        if len(self.parts) != turns:
            raise InputError(
                "the tokenizer's chat template leaves turns out or repeats them; set prompt.chat "
                "none"
            )

    def tokens(self, turns: Sequence[str], answer: str) -> list[int]:
        ids: list[int] = []
        for part, turn in zip(self.parts, turns, strict=True):
            ids += self.ids(part, plain=False) + self.ids(turn, plain=True)
        return ids + self.ids(self.end + answer, plain=False)

    def ids(self, text: str, plain: bool) -> list[int]:
        found: list[int] = self.tokenizer(
            text, add_special_tokens=False, split_special_tokens=plain
        )["input_ids"]
        return found
