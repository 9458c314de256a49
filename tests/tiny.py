"""A tiny random Llama with a tokenizer of its own, made by the project's own recipe."""

import itertools
from functools import cache
from pathlib import Path

from transformers import LlamaForCausalLM, PreTrainedTokenizerFast, set_seed

from reprotune.data import news
from reprotune.model.pretraining import ModelSettings, build_model, train_tokenizer

SETTINGS = ModelSettings(hidden_size=64, intermediate_size=128, layers=2, heads=1, context=256)


@cache
def tokenizer() -> PreTrainedTokenizerFast:
    return train_tokenizer(itertools.islice(news.items(1), 500), 512)


def model() -> LlamaForCausalLM:
    set_seed(0)
    return build_model(SETTINGS, tokenizer())


def save(folder: Path) -> Path:
    model().save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder
