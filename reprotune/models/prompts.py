"""How a text becomes a prompt, and a class an answer, for a causal model."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Self

from transformers import AutoModelForCausalLM, PretrainedConfig, PreTrainedTokenizerBase

from reprotune.core.errors import InputError
from reprotune.core.params import Prompt
from reprotune.core.printing import count_of
from reprotune.models.chat import Frame, render
from reprotune.models.heads import IGNORED
from reprotune.models.spelling import encode_text
from reprotune.models.surround import Surround, find_surround


@dataclass(frozen=True)
class PromptEncoder:
    """A prompt template, one answer for each class, and the tokenizer that reads them."""

    task: ClassVar[str] = "causal"
    model_class: ClassVar[Any] = AutoModelForCausalLM
    peft_task: ClassVar[str] = "CAUSAL_LM"
    has_head: ClassVar[bool] = False
    pads_left: ClassVar[bool] = True

    tokenizer: PreTrainedTokenizerBase
    template: str
    verbalizers: Mapping[str, str]  # class name: answer, in class order
    max_tokens: int  # tokens of prompt, answer and end token together
    chat: bool = False  # in the turns of the tokenizer's chat template
    shots: tuple[tuple[str, str], ...] = ()  # texts and answers that are shown before
    prefix: tuple[int, ...] = ()  # tokens of a soft prompt, which come first and do not count

    @classmethod
    def create(
        cls, tokenizer: PreTrainedTokenizerBase, prompt: Prompt, classes: Sequence[str]
    ) -> Self:
        verbalizers = {name: prompt.verbalizers[name] for name in classes}
        if tokenizer.eos_token_id is None:
            raise InputError(
                "model.task causal: the tokenizer has no end token, and answers need one; set "
                "tokenizer.eos_token and save_pretrained() it beside the model"
            )
        if prompt.chat == "required" and tokenizer.chat_template is None:
            raise InputError(
                "prompt.chat required: the tokenizer has no chat template; take an instruct model, "
                "or set prompt.chat to none"
            )
        chat = prompt.chat != "none" and tokenizer.chat_template is not None
        return cls(tokenizer, prompt.template, verbalizers, prompt.max_tokens, chat)

    def configure(self, config: PretrainedConfig) -> PretrainedConfig:
        return config

    @property
    def classes(self) -> list[str]:
        return list(self.verbalizers)

    @cached_property
    def answers(self) -> dict[str, tuple[int, ...]]:
        """The tokens of each class's answer, as they follow a prompt.

        Raises:
            InputError: two classes have the same answer there, or answers change the prompt.
        """
        head = self.ask("x")
        answers: dict[str, tuple[int, ...]] = {}
        for name, verbalizer in self.verbalizers.items():
            whole = self.ask("x", verbalizer)
            if whole[: len(head)] != head or len(whole) == len(head):
                raise InputError(
                    f"prompt.verbalizers.{name} {verbalizer!r} merges with the end of the "
                    "template; start it with a space and end the template without one"
                )
            answers[name] = tuple(whole[len(head) :])
        if len(set(answers.values())) < len(answers):
            raise InputError(f"prompt.verbalizers: two classes have the same tokens: {answers}")
        return answers

    @cached_property
    def targets(self) -> dict[str, tuple[int, ...]]:
        """The tokens that are scored for each class.

        The answers, and where one is the beginning of another (1 and 10), each with its end token:
        otherwise the shorter one could never lose.
        """
        answers = self.answers
        begins = any(
            a != b and b[: len(a)] == a for a in answers.values() for b in answers.values()
        )
        end = (self.tokenizer.eos_token_id,) if begins else ()
        return {name: (*answer, *end) for name, answer in answers.items()}

    def show(self, texts: Iterable[str], labels: Iterable[str]) -> "PromptEncoder":
        """The same with these examples in front, and as much longer as they are.

        Few-shot prompting (Brown et al. 2020).
        """
        answers = [self.verbalizers[label] for label in labels]
        few = replace(self, shots=tuple(zip(texts, answers, strict=True)))
        more = len(few.ask("")) - len(self.ask(""))
        return replace(few, max_tokens=self.max_tokens + more)

    def render(self, text: str) -> str:
        """The prompt as text."""
        if self.chat:
            return render(self.tokenizer, self.turns(text))
        shots = [f"{self.fill(shot)}{answer}\n\n" for shot, answer in self.shots]
        return "".join(shots) + self.fill(text)

    def fill(self, text: str) -> str:
        return self.template.replace("{text}", text)

    def turns(self, text: str) -> list[str]:
        """What user and assistant say in turn; the last one asks."""
        before = [turn for shot, answer in self.shots for turn in (self.fill(shot), answer.strip())]
        return [*before, self.fill(text)]

    @cached_property
    def frame(self) -> Frame:
        return Frame(self.tokenizer, len(self.turns("")))

    @cached_property
    def surround(self) -> Surround | None:
        """What stands around a text, if that is the same around every text."""
        before, after = self.template.split("{text}")
        if not self.chat:
            return find_surround(self.tokenizer, self.ask, (before, after), (False, False))
        edges = self.frame.parts[-1] + before, after + self.frame.end
        strips = [self.frame.trims and not edge.strip() for edge in (before, after)]
        return find_surround(self.tokenizer, self.ask, edges, (strips[0], strips[1]))

    def ask(self, text: str, answer: str = "") -> list[int]:
        """The tokens of a prompt, and of an answer to it."""
        if self.chat:
            return self.frame.tokens(self.turns(text), answer.strip())
        return self.tokens(self.render(text) + answer)

    @property
    def room(self) -> int:
        """Tokens that a prompt may take."""
        return self.max_tokens - max(map(len, self.answers.values())) - 1

    def tokens(self, text: str) -> list[int]:
        """Token ids with the tokenizer's own start token, without an end token.

        Added tokens that a text spells out ("</s>") are plain text.
        """
        ids = encode_text(self.tokenizer, text)
        if ids and ids[-1] == self.tokenizer.eos_token_id:
            ids = ids[:-1]
        return ids

    def prompt(self, text: str) -> list[int]:
        """The tokens before the answer; of an over-long text the end is cut, never the template.

        Raises:
            InputError: the template alone is too long.
        """
        ids = self.ask(text)
        if len(ids) > self.room and self.surround:
            ids = self.surround.cut(self.tokenizer, text, ids, self.room) or ids
        while len(ids) > self.room:
            if not text:
                raise InputError(
                    f"prompt.max_tokens {self.max_tokens} is too short for the template, which "
                    f"takes {count_of(len(ids), 'token')}"
                )
            excess = (len(ids) - self.room) / len(ids)
            text = text[: min(len(text) - 1, int(len(text) * (1 - excess)))]
            ids = self.ask(text)
        return [*self.prefix, *ids]

    def is_cut(self, text: str) -> bool:
        return len(self.ask(text)) > self.room

    def example(self, text: str, label: str) -> dict[str, list[int]]:
        """One training sequence: the loss is on the answer and the end token alone."""
        prompt = self.prompt(text)
        target = [*self.answers[label], self.tokenizer.eos_token_id]
        return {
            "input_ids": [*prompt, *target],
            "labels": [*[IGNORED] * len(prompt), *target],
        }

    def blank(self, length: int) -> list[int]:
        """The targets of a row that is not trained on."""
        return [IGNORED] * length
