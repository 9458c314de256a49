"""Training: LoRA and QLoRA (Hu et al. 2021; Dettmers et al. 2023) or all weights.

Causal models through trl, classification heads through transformers' Trainer.
"""

import json
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pandas as pd
import torch
from datasets import Dataset
from peft import LoraConfig, PeftModel, get_peft_model
from peft.utils import TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING as ATTENTION
from transformers import (
    DataCollatorWithPadding,
    PreTrainedModel,
    ProgressCallback,
    Trainer,
    TrainerControl,
    TrainerState,
    TrainingArguments,
    set_seed,
)
from trl import SFTConfig, SFTTrainer

from reprotune.model.encoding import Encoder
from reprotune.model.heads import TextEncoder, head_modules
from reprotune.model.loading import ADAPTER, DEVICE, Precision
from reprotune.params import InputError, Lora, Train

LOSSES = ("loss", "eval_loss", "train_loss")  # of log entries, evaluations and the end
LOGS = 30  # entries of a learning curve, about


class Progress(ProgressCallback):
    """A progress bar that shows the loss, instead of a line for every log entry."""

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        if self.training_bar is not None and logs and "loss" in logs:
            self.training_bar.set_postfix(loss=f"{logs['loss']:.3f}")


class Undisturbed(Trainer):
    """A trainer whose evaluations leave the training as it would be without them."""

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Evaluate without drawing from the generators that dropout draws from."""
        with torch.random.fork_rng():
            figures: dict[str, float] = super().evaluate(*args, **kwargs)
        return figures


class CausalTrainer(Undisturbed, SFTTrainer):
    pass


def lora_config(lora: Lora, model: PreTrainedModel, head: bool) -> LoraConfig:
    kind = model.config.model_type
    if lora.targets == "attention" and kind not in ATTENTION:
        raise InputError(
            f"train.lora.targets attention: unknown for a {kind} model; use all-linear"
        )
    return LoraConfig(
        task_type="SEQ_CLS" if head else "CAUSAL_LM",
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules="all-linear" if lora.targets == "all-linear" else list(ATTENTION[kind]),
        modules_to_save=head_modules(model) if head else None,
        bias="none",
    )


def arguments(
    train: Train, precision: Precision, rows: int, validate: bool, work: str
) -> dict[str, Any]:
    """The settings that both trainers share."""
    steps = math.ceil(rows / (train.batch * train.accumulation)) * train.epochs
    return {
        "output_dir": work,
        "seed": train.seed,
        "num_train_epochs": train.epochs,
        "learning_rate": train.learning_rate,
        "lr_scheduler_type": train.schedule,
        "warmup_steps": train.warmup,  # below 1, a share of the steps
        "weight_decay": train.weight_decay,
        "max_grad_norm": train.max_grad_norm,
        "per_device_train_batch_size": train.batch,
        "per_device_eval_batch_size": train.batch,
        "gradient_accumulation_steps": train.accumulation,
        "optim": train.optimizer,
        "activation_checkpointing": train.activation_checkpointing,
        "bf16": precision.compute_dtype == "bfloat16",
        "fp16": precision.compute_dtype == "float16",
        "eval_strategy": "epoch" if validate else "no",
        "save_strategy": "no",
        "logging_steps": max(1, int(steps / LOGS)),
        "logging_nan_inf_filter": False,
        "report_to": "none",
        "use_cpu": DEVICE == "cpu",
    }


def dataset(encoder: Encoder, rows: pd.DataFrame) -> Dataset:
    pairs = zip(rows["text"], rows["label"], strict=True)
    return Dataset.from_list([encoder.example(text, label) for text, label in pairs])


def trainer_for(
    model: PreTrainedModel,
    encoder: Encoder,
    train: Train,
    settings: dict[str, Any],
    data: dict[str, Any],
) -> Trainer:
    """The trainer of the encoder's task, with the model as ``train.method`` wants it."""
    head = isinstance(encoder, TextEncoder)
    lora = lora_config(train.lora, model, head) if train.method == "lora" else None
    if not head:
        config = SFTConfig(**settings, dataset_kwargs={"skip_prepare_dataset": True})
        return CausalTrainer(
            model=model,
            args=config,
            processing_class=encoder.tokenizer,
            peft_config=lora,
            **data,
        )
    return Undisturbed(
        model=model if lora is None else get_peft_model(model, lora),
        args=TrainingArguments(**settings),
        data_collator=DataCollatorWithPadding(encoder.tokenizer),
        **data,
    )


def tune(
    model: PreTrainedModel,
    encoder: Encoder,
    train_rows: pd.DataFrame,
    validation_rows: pd.DataFrame,
    train: Train,
    precision: Precision,
) -> tuple[PreTrainedModel | PeftModel, pd.DataFrame, pd.DataFrame]:
    """Train an adapter or all weights; rows have text and label.

    Returns the tuned model and two learning curves: step, epoch and train_loss or
    validation_loss, in nats a target token or, with a classification head, a text.

    Raises:
        InputError: the loss is no longer a number.
    """
    set_seed(train.seed)
    validate = len(validation_rows) > 0
    data: dict[str, Dataset | None] = {
        "train_dataset": dataset(encoder, train_rows),
        "eval_dataset": dataset(encoder, validation_rows) if validate else None,
    }
    with tempfile.TemporaryDirectory() as work:
        settings = arguments(train, precision, len(train_rows), validate, work)
        trainer = trainer_for(model, encoder, train, settings, data)
        trainer.remove_callback(ProgressCallback)
        trainer.add_callback(Progress)
        tuned = cast(PreTrainedModel | PeftModel, trainer.model)
        restore_precision(tuned)
        trainer.train()
    history = trainer.state.log_history
    losses = [entry[key] for entry in history for key in LOSSES if key in entry]
    weights = [p for p in tuned.parameters() if p.requires_grad]
    if not all(map(math.isfinite, losses)) or not all(p.isfinite().all() for p in weights):
        raise InputError(
            "train: the loss is no longer a number; lower train.learning_rate, or use "
            "model.compute_dtype bfloat16 or float32 instead of float16"
        )
    return (
        tuned,
        learning_curve(history, "loss", "train_loss"),
        learning_curve(history, "eval_loss", "validation_loss"),
    )


def restore_precision(model: torch.nn.Module) -> None:
    """Train in fp32: trl casts adapters to bf16 on quantized bases, slow on most CPUs."""
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()


def learning_curve(history: Sequence[dict[str, Any]], key: str, name: str) -> pd.DataFrame:
    """The log entries that have ``key``, a loss, as columns step, epoch and ``name``."""
    entries = [entry for entry in history if key in entry]
    frame = pd.DataFrame(entries, columns=["step", "epoch", key])
    return frame.rename(columns={key: name}).round(6)


def save_tuned(model: PreTrainedModel | PeftModel, target: Path) -> None:
    """Write the adapter, or all weights, so that equal models are equal files."""
    model.save_pretrained(str(target))
    (target / "README.md").unlink(missing_ok=True)  # a form to fill in; the export has the card
    config = target / ADAPTER
    if config.is_file():
        values = json.loads(config.read_text())
        for key, value in values.items():
            if isinstance(value, list):  # peft writes sets in no fixed order
                values[key] = sorted(value)
        config.write_text(json.dumps(values, indent=2, sort_keys=True) + "\n")
