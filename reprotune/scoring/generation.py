"""Answers as text, as the reference systems take them: generated, kept raw, and read."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import torch
from peft import PeftModel
from transformers import GenerationConfig, PreTrainedModel

from reprotune.core.progress import show_progress
from reprotune.models.adapters import Tuned
from reprotune.models.prompts import PromptEncoder

BATCH = 32


@torch.inference_mode()
def generate_answers(
    model: PreTrainedModel | Tuned,
    encoder: PromptEncoder,
    texts: Sequence[str],
    temperature: float,
    tokens: int,
    seed: int,
) -> list[str]:
    """What the model says after each prompt, at most ``tokens`` long; at temperature 0 greedily."""
    model.eval()
    torch.manual_seed(seed)
    tokenizer, device = encoder.tokenizer, next(model.parameters()).device
    drawn = {"do_sample": True, "temperature": temperature} if temperature else {"do_sample": False}
    answers: list[str] = []
    with asking_plainly(model), show_progress("generate", len(texts), "text") as bar:
        for start in range(0, len(texts), BATCH):
            prompts = [encoder.prompt(text) for text in texts[start : start + BATCH]]
            width = max(map(len, prompts))
            pad = tokenizer.pad_token_id
            ids = torch.tensor([[pad] * (width - len(p)) + p for p in prompts], device=device)
            mask = torch.tensor(
                [[0] * (width - len(p)) + [1] * len(p) for p in prompts], device=device
            )
            said = cast(Any, model).generate(
                input_ids=ids, attention_mask=mask, max_new_tokens=tokens, pad_token_id=pad, **drawn
            )
            answers += tokenizer.batch_decode(said[:, width:], skip_special_tokens=True)
            bar.update(len(prompts))
    return answers


@contextmanager
def asking_plainly(model: PreTrainedModel | Tuned) -> Iterator[None]:
    """Without what a model's folder asks for: a penalty on words of the prompt hits the answers."""
    inner: Any = model.get_base_model() if isinstance(model, PeftModel) else model
    own = inner.generation_config
    inner.generation_config = GenerationConfig(eos_token_id=own.eos_token_id)
    try:
        yield
    finally:
        inner.generation_config = own


def read_answer(answer: str, verbalizers: Mapping[str, str]) -> str:
    """The class whose verbalizer the answer begins with, the longest of several; empty if none."""
    plain = answer.strip().casefold()
    found = [
        name for name, said in verbalizers.items() if plain.startswith(said.strip().casefold())
    ]
    return max(found, key=lambda name: len(verbalizers[name]), default="")
