"""How the built-in base model was made: a tokenizer, a small Llama, next-token prediction."""

import itertools
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, PositiveFloat, PositiveInt
from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from torch.utils.data import Dataset
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Trainer,
    TrainingArguments,
    set_seed,
)

BOS, EOS, PAD = "<s>", "</s>", "<pad>"


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TokenizerSettings(Section):
    vocabulary: PositiveInt
    items: PositiveInt


class ModelSettings(Section):
    hidden_size: PositiveInt
    intermediate_size: PositiveInt
    layers: PositiveInt
    heads: PositiveInt
    context: PositiveInt


class TrainingSettings(Section):
    tokens: PositiveInt
    block: PositiveInt
    batch: PositiveInt
    learning_rate: PositiveFloat
    warmup: float
    weight_decay: float
    precision: Literal["bfloat16", "float32"]


class Settings(Section):
    """What ``models/source/builtin/pretraining.yaml`` holds."""

    seed: int
    threads: PositiveInt
    tokenizer: TokenizerSettings
    model: ModelSettings
    training: TrainingSettings


class Blocks(Dataset[dict[str, torch.Tensor]]):
    """Token ids cut into sequences of equal length; shape (sequences, block)."""

    def __init__(self, ids: np.ndarray, block: int) -> None:
        self.rows = ids[: len(ids) // block * block].reshape(-1, block)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        row = torch.from_numpy(self.rows[index].astype(np.int64))
        return {"input_ids": row, "labels": row}


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer: any text can be encoded, none is unknown."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=vocabulary,
            special_tokens=[BOS, EOS, PAD],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    start = tokenizer.token_to_id(BOS)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", special_tokens=[(BOS, start)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=BOS, eos_token=EOS, pad_token=PAD
    )


def encode_texts(
    texts: Iterator[str], tokenizer: PreTrainedTokenizerFast, count: int, chunk: int = 20_000
) -> np.ndarray:
    """The first ``count`` token ids of the texts, each between BOS and EOS."""
    eos = tokenizer.eos_token_id
    parts: list[np.ndarray] = []
    while sum(map(len, parts)) < count:
        encoded = tokenizer(list(itertools.islice(texts, chunk)))["input_ids"]
        parts.append(np.concatenate([[*ids, eos] for ids in encoded]).astype(np.int32))
    return np.concatenate(parts)[:count]


def build_model(settings: ModelSettings, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=settings.hidden_size,
            intermediate_size=settings.intermediate_size,
            num_hidden_layers=settings.layers,
            num_attention_heads=settings.heads,
            num_key_value_heads=settings.heads,
            max_position_embeddings=settings.context,
            tie_word_embeddings=False,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def set_arguments(settings: Settings, work: str) -> TrainingArguments:
    training = settings.training
    return TrainingArguments(
        output_dir=work,
        seed=settings.seed,
        num_train_epochs=1,
        per_device_train_batch_size=training.batch,
        learning_rate=training.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=training.warmup,
        weight_decay=training.weight_decay,
        adam_beta2=0.95,
        max_grad_norm=1.0,
        logging_steps=50,
        save_strategy="no",
        report_to="none",
        use_cpu=not torch.cuda.is_available(),
        bf16=training.precision == "bfloat16",
    )


def pretrain(settings: Settings, texts: Iterator[str], target: Path) -> float:
    """Make the tokenizer and the model from a stream of texts and write both to ``target``.

    Weights are stored in fp16. Returns the last training loss, in nats a token.
    """
    torch.set_num_threads(settings.threads)
    set_seed(settings.seed)
    sample = itertools.islice(texts, settings.tokenizer.items)
    tokenizer = train_tokenizer(sample, settings.tokenizer.vocabulary)
    ids = encode_texts(texts, tokenizer, settings.training.tokens)
    model = build_model(settings.model, tokenizer)
    with tempfile.TemporaryDirectory() as work:
        trainer = Trainer(
            model=model,
            args=set_arguments(settings, work),
            train_dataset=Blocks(ids, settings.training.block),
        )
        trainer.train()
    model.half().save_pretrained(target)
    tokenizer.save_pretrained(target)
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    return float(losses[-1]) if losses else float("nan")
