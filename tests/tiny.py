"""Tiny random models with a tokenizer of their own, made by the project's own recipe."""

import itertools
from copy import deepcopy
from functools import cache
from pathlib import Path

from transformers import (
    BertConfig,
    BertModel,
    Gemma3Config,
    Gemma3ForCausalLM,
    Gemma3ForConditionalGeneration,
    Gemma3TextConfig,
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoConfig,
    GPTNeoForCausalLM,
    LlamaForCausalLM,
    MambaConfig,
    MambaForCausalLM,
    MixtralConfig,
    MixtralForCausalLM,
    MptConfig,
    MptForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    RwkvConfig,
    RwkvForCausalLM,
    set_seed,
)

from reprotune.builtin import headlines, news
from reprotune.builtin.pretraining import ModelSettings, build_model, train_tokenizer
from reprotune.core.seals import seal
from reprotune.models.exported import save_classifier, save_merged
from reprotune.models.prompts import PromptEncoder

SETTINGS = ModelSettings(hidden_size=64, intermediate_size=128, layers=2, heads=1, context=256)


@cache
def train() -> PreTrainedTokenizerFast:
    return train_tokenizer(itertools.islice(news.items(1), 500), 512)


def tokenizer() -> PreTrainedTokenizerFast:
    """One of its own for everybody: an encoder sets lengths and padding in it."""
    return deepcopy(train())


def model() -> LlamaForCausalLM:
    set_seed(0)
    return build_model(SETTINGS, tokenizer())


def bert() -> BertModel:
    set_seed(0)
    return BertModel(
        BertConfig(
            vocab_size=len(tokenizer()),
            hidden_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=128,
        )
    )


def gpt2() -> GPT2LMHeadModel:
    set_seed(0)
    ends = {"bos_token_id": tokenizer().bos_token_id, "eos_token_id": tokenizer().eos_token_id}
    return GPT2LMHeadModel(
        GPT2Config(vocab_size=len(tokenizer()), n_embd=64, n_layer=2, n_head=2, **ends)
    )


def gemma(window: int = 8) -> Gemma3ForCausalLM:
    """With a window of so many tokens that slides in one layer of two."""
    set_seed(0)
    return Gemma3ForCausalLM(gemma_text(window))


def gemma_text(window: int) -> Gemma3TextConfig:
    return Gemma3TextConfig(
        vocab_size=len(tokenizer()),
        hidden_size=64,
        intermediate_size=64,
        num_hidden_layers=2,
        layer_types=["sliding_attention", "full_attention"],
        sliding_window=window,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=32,
    )


def seeing_gemma() -> Gemma3ForConditionalGeneration:
    """That sees pictures too, with as many layers; what it says of texts is a part of it."""
    set_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 32, "num_attention_heads": 2}
    sees = {"num_hidden_layers": 2, "image_size": 28, "patch_size": 14} | sizes
    config = Gemma3Config(text_config=gemma_text(4096), vision_config=sees, mm_tokens_per_image=4)
    return Gemma3ForConditionalGeneration(config)


def gpt_neo() -> GPTNeoForCausalLM:
    """With a window in one layer of two, that slides over padding too."""
    set_seed(0)
    sizes = {"hidden_size": 64, "num_layers": 2, "num_heads": 2, "window_size": 16}
    loud = {"initializer_range": 0.2}  # else what it looks at matters little
    kinds = [[["global", "local"], 1]]
    return GPTNeoForCausalLM(
        GPTNeoConfig(vocab_size=len(tokenizer()), attention_types=kinds, **sizes, **loud)
    )


def mamba() -> MambaForCausalLM:
    """With a state in place of keys and values."""
    set_seed(0)
    return MambaForCausalLM(
        MambaConfig(vocab_size=len(tokenizer()), hidden_size=64, num_hidden_layers=2, state_size=8)
    )


def mpt() -> MptForCausalLM:
    """With distances in the place of positions (ALiBi)."""
    set_seed(0)
    return MptForCausalLM(
        MptConfig(vocab_size=len(tokenizer()), d_model=64, n_heads=2, n_layers=2, max_seq_len=512)
    )


def rwkv() -> RwkvForCausalLM:
    """Which ignores the attention mask."""
    set_seed(0)
    return RwkvForCausalLM(
        RwkvConfig(vocab_size=len(tokenizer()), hidden_size=64, num_hidden_layers=2)
    )


def mixtral() -> MixtralForCausalLM:
    """A mixture of experts."""
    set_seed(0)
    sizes = {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 1}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 2, "num_local_experts": 2}
    return MixtralForCausalLM(MixtralConfig(vocab_size=len(tokenizer()), **sizes, **heads))


ARCHITECTURES = {"bert": bert, "gpt2": gpt2, "llama": model}


def export(folder: Path) -> Path:
    """A merged model for the classes of the built-in headlines, as the stage export leaves it."""
    verbalizers = {name: f" {name}" for name in headlines.CLASSES}
    save_merged(model(), tokenizer(), "float32", folder)
    save_classifier(PromptEncoder(tokenizer(), "{text}\nSentiment:", verbalizers, 64), folder)
    seal(folder)
    return folder


def save(folder: Path, made: PreTrainedModel | None = None) -> Path:
    (made or model()).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder
