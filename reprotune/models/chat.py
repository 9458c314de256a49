"""Prompts in the turns of a chat, as an instruct model's own template has them."""

import contextlib
import multiprocessing
import os
import resource
import signal
import warnings
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

from psutil import Process
from transformers import PreTrainedTokenizerBase

from reprotune.core.errors import InputError
from reprotune.core.supervision import die_with
from reprotune.models.spelling import encode_frame

SECONDS = 20.0
MEMORY = 1 << 30  # bytes, beside what this process has
LONGEST = 1_000_000  # characters around the turns
SHOWN = 500  # of a message
DAY = "26 Jul 2024"  # for templates that tell the date: today's would change every run
TODAY = f"{{% macro strftime_now(form) %}}{DAY}{{% endmacro %}}"
MARK = "\ue000"  # where the content of a turn goes; no template changes a private character


def render(tokenizer: PreTrainedTokenizerBase, turns: Sequence[str], answered: bool = False) -> str:
    """The turns, of user and assistant by turns, and the start of the assistant's next one.

    ``answered``: the last turn is the assistant's already.
    """
    receiver, sender = multiprocessing.Pipe(duplex=False)
    parent = os.getpid()
    with warnings.catch_warnings():  # a child that runs Python alone needs no other thread
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()  # not a Process, which the workers of a pool may not start
    if not child:
        try:
            answer(sender, parent, tokenizer, turns, answered)
        finally:
            os._exit(0)
    sender.close()
    text, failure = None, f"it takes more than {SECONDS:.0f} s"
    try:
        if receiver.poll(SECONDS):
            text, failure = receiver.recv()
    except EOFError:
        failure = "its process was ended, as if it took too much memory"
    finally:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):  # who forked us may wait
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        receiver.close()
    if text is None:
        raise InputError(f"the tokenizer's chat template fails: {failure}; set prompt.chat none")
    return str(text)


def answer(
    sender: Connection,
    parent: int,
    tokenizer: PreTrainedTokenizerBase,
    turns: Sequence[str],
    answered: bool,
) -> None:
    """In a process of its own: send the text, or None and why the template fails.

    A template is a program that somebody else wrote: it gets so much memory, and no more.
    """
    die_with(parent)  # a template that does not end would go on without it
    with contextlib.suppress(OSError, ValueError):  # where a process cannot be limited, as on macOS
        resource.setrlimit(resource.RLIMIT_AS, (Process().memory_info().vms + MEMORY,) * 2)
    try:
        text = fill(tokenizer, turns, answered)
        sender.send((text, "") if len(text) <= LONGEST else (None, "its text does not end"))
    except Exception as error:  # whatever a program can raise
        sender.send((None, f"{type(error).__name__} {error}"[:SHOWN]))


def fill(tokenizer: PreTrainedTokenizerBase, turns: Sequence[str], answered: bool) -> str:
    """The template with the turns in it."""
    roles = ("user", "assistant")
    messages = [{"role": roles[i % 2], "content": turn} for i, turn in enumerate(turns)]
    text: Any = tokenizer.apply_chat_template(
        messages,
        tokenize=False,
        add_generation_prompt=not answered,
        enable_thinking=False,
        date_string=DAY,
        chat_template=TODAY + tokenizer.get_chat_template(),
    )
    return str(text)


def check_template(tokenizer: PreTrainedTokenizerBase, chat: str) -> None:
    """Raise InputError if prompts would use a chat template that fails or does harm.

    ``chat`` is ``prompt.chat``.
    """
    if chat != "none" and tokenizer.chat_template is not None:
        Frame(tokenizer, turns=1)


class Frame:
    """What the template puts around the contents of so many turns, and before the answer.

    Its special tokens are special, those that a content spells out are plain text; a chat becomes
    tokens as a whole, as the model has seen it.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, turns: int) -> None:
        self.tokenizer = tokenizer
        *self.parts, self.end = render(tokenizer, [MARK] * turns).split(MARK)
        if len(self.parts) != turns:
            raise InputError(
                "the tokenizer's chat template leaves turns out or repeats them; set prompt.chat "
                "none"
            )
        self.trims = f" {MARK} " not in render(tokenizer, [f" {MARK} "] * turns)
        # Llama-2's "[/INST]" is followed by a space once there is an answer.
        before = render(tokenizer, [MARK] * (turns + 1), answered=True).split(MARK)[turns]
        more = before.removeprefix(self.end)
        self.gap = more if before.startswith(self.end) and more.isspace() else ""

    def tokens(self, turns: Sequence[str], answer: str) -> list[int]:
        text, contents = "", []
        for part, turn in zip(self.parts, turns, strict=True):
            begin = len(text) + len(part)
            text += part + (turn.strip() if self.trims else turn)
            contents.append((begin, len(text)))
        text += self.end
        if answer:
            contents.append((len(text) + len(self.gap), len(text) + len(self.gap) + len(answer)))
            text += self.gap + answer
        return encode_frame(self.tokenizer, text, contents)
