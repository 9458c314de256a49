"""Examples a second in training, beside stock trl on the same rows (goals: 5 and 1.5 times).

With the project's model and parameters, on its first training rows: ROWS of them, or 240.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable

import pandas as pd
import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import PreTrainedModel
from trl import SFTConfig, SFTTrainer

from reprotune.core import paths
from reprotune.core.params import Params
from reprotune.core.params_file import load_params
from reprotune.models.encoders import encoder_for
from reprotune.models.loading import Precision, load_model
from reprotune.models.manifest import Manifest
from reprotune.models.prompts import PromptEncoder
from reprotune.models.tokenizer import load_tokenizer
from reprotune.tables.classes import class_names
from reprotune.training.tune import tune

ROUNDS = 3
ROWS = int(os.environ.get("ROWS", "240"))
EFFECTIVE = 8  # examples to one update, in all three
REFERENCE = "stock trl, reference settings (batch 1 x 8, activation checkpointing)"
BEST = "stock trl, batch 8"
OURS = "reprotune, batch 8"


def stock(model: PreTrainedModel, encoder: PromptEncoder, rows: pd.DataFrame, params: Params,
          batch: int, checkpointing: bool) -> None:  # fmt: skip
    """trl's own collator and loss, on prompts and completions, as a reader of its docs would."""
    lora = params.train.lora
    data = Dataset.from_dict(
        {
            "prompt": [encoder.render(text) for text in rows["text"]],
            "completion": [encoder.verbalizers[label] for label in rows["label"]],
        }
    )
    with tempfile.TemporaryDirectory() as work:
        settings = SFTConfig(
            output_dir=work, num_train_epochs=1, learning_rate=params.train.learning_rate,
            per_device_train_batch_size=batch, gradient_accumulation_steps=EFFECTIVE // batch,
            activation_checkpointing=checkpointing, optim=params.train.optimizer,
            bf16=params.model.compute_dtype == "bfloat16", save_strategy="no",
            report_to="none", use_cpu=not torch.cuda.is_available(), disable_tqdm=True,
        )  # fmt: skip
        SFTTrainer(
            model=model, args=settings, train_dataset=data, processing_class=encoder.tokenizer,
            peft_config=LoraConfig(
                task_type="CAUSAL_LM", r=lora.rank, lora_alpha=lora.alpha,
                lora_dropout=lora.dropout, target_modules=lora.targets,
            ),
        ).train()  # fmt: skip


def ours(
    model: PreTrainedModel, encoder: PromptEncoder, rows: pd.DataFrame, params: Params
) -> None:
    precision = Precision(params.model.quantization, False, params.model.compute_dtype)
    train = params.train.model_copy(
        update={"epochs": 1, "batch_size": EFFECTIVE, "micro_batch_size": EFFECTIVE}
    )
    tune(model, encoder, (rows, rows[:0]), train, precision)


def main() -> None:
    params = load_params(paths.PARAMS)
    torch.set_num_threads(params.threads)
    rows = pd.read_parquet(paths.TRAIN).head(ROWS)
    folder = Manifest.read(paths.BASE).locate()
    classes = class_names(params.download.labels)
    encoder = encoder_for(load_tokenizer(folder), "causal", params.prompt, classes)
    assert isinstance(encoder, PromptEncoder)
    precision = Precision(params.model.quantization, False, params.model.compute_dtype)
    ways: dict[str, Callable[[PreTrainedModel], None]] = {
        REFERENCE: lambda model: stock(model, encoder, rows, params, 1, checkpointing=True),
        BEST: lambda model: stock(model, encoder, rows, params, EFFECTIVE, checkpointing=False),
        OURS: lambda model: ours(model, encoder, rows, params),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            model = load_model(folder, precision, encoder)
            start = time.perf_counter()
            way(model)
            seconds[name].append(time.perf_counter() - start)
    rate = {name: ROWS / statistics.median(times) for name, times in seconds.items()}
    for name in ways:
        print(
            f"training: {rate[name]:6.1f} examples/s, ours {rate[OURS] / rate[name]:.2f} x: {name}"
        )
