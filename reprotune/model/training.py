"""Training: causal models through trl, classification heads through transformers' Trainer."""

import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pandas as pd
import torch
from datasets import Dataset
from torch.nn.functional import cross_entropy
from transformers import (
    PreTrainedModel,
    ProgressCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
    set_seed,
)
from trl import SFTConfig, SFTTrainer

from reprotune.model.batches import LengthSampler, Padding
from reprotune.model.encoding import Encoder
from reprotune.model.heads import TextEncoder
from reprotune.model.loading import DEVICE, Precision
from reprotune.model.methods import Tuned, check_room, prepared
from reprotune.params import InputError, Train

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


class Best(TrainerCallback):
    """Keeps the weights of the best evaluation, and stops when the loss no longer falls."""

    def __init__(self, model: torch.nn.Module, train: Train) -> None:
        self.model, self.keep, self.patience = model, train.keep == "best", train.patience
        self.loss, self.worse = math.inf, 0
        self.weights: dict[str, torch.Tensor] = {}

    def trained(self) -> dict[str, torch.Tensor]:
        return {name: p.data for name, p in self.model.named_parameters() if p.requires_grad}

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        loss = (metrics or {})["eval_loss"]
        if loss < self.loss:
            self.loss, self.worse = loss, 0
            if self.keep:
                self.weights = {name: w.cpu().clone() for name, w in self.trained().items()}
        else:
            self.worse += 1
            control.should_training_stop |= self.worse == self.patience

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self.keep:
            for name, weight in self.trained().items():
                weight.copy_(self.weights[name])


class Weighted(Trainer):
    """The mean loss of the targets, each row by its weight; evaluations leave no trace.

    For a causal model the projection to the vocabulary is done from the first target on alone.
    """

    model_accepts_loss_kwargs = True

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: Mapping[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        asked = dict(inputs)
        labels, weights = asked.pop("labels"), asked.pop("weight")
        if labels.ndim == 1:  # one class a text
            outputs = model(**asked)
            logits = outputs.logits[:, None]
            labels = labels[:, None]
        else:
            first = max(1, int((labels >= 0).int().argmax(1).min()))
            kept = labels.shape[1] - first + 1
            outputs = model(**asked, use_cache=False, logits_to_keep=kept)
            logits, labels = outputs.logits[:, -kept:-1], labels[:, 1 - kept :]
        losses = cross_entropy(logits.float().flatten(0, 1), labels.flatten(), reduction="none")
        total = (losses.view_as(labels) * weights[:, None]).sum()
        loss = total / ((labels >= 0).sum() if num_items_in_batch is None else num_items_in_batch)
        return (loss, outputs) if return_outputs else loss

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Evaluate without drawing from the generators that dropout draws from."""
        with torch.random.fork_rng():
            figures: dict[str, float] = super().evaluate(*args, **kwargs)
        return figures

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        """Batches of similar lengths, in an order that seed and epoch alone decide."""
        data: Any = self.train_dataset if train_dataset is None else train_dataset
        lengths = [len(ids) for ids in data["input_ids"]]
        return LengthSampler(lengths, self.args.train_batch_size, self.args.seed)


class CausalTrainer(Weighted, SFTTrainer):
    pass


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
        "adam_beta2": train.adam_beta2,
        "activation_checkpointing": train.activation_checkpointing,
        "bf16": precision.compute_dtype == "bfloat16",
        "fp16": precision.compute_dtype == "float16",
        "eval_strategy": "epoch" if validate else "no",
        "save_strategy": "no",
        "logging_steps": max(1, int(steps / LOGS)),
        "logging_nan_inf_filter": False,
        "remove_unused_columns": False,  # the rows' weights
        "report_to": "none",
        "use_cpu": DEVICE == "cpu",
    }


def dataset(
    encoder: Encoder, rows: pd.DataFrame, weights: Mapping[str, float], loss: str
) -> Dataset:
    examples: list[dict[str, Any]] = []
    for text, label in zip(rows["text"], rows["label"], strict=True):
        examples.append({**encoder.example(text, label), "weight": weights[label]})
        if loss == "all":
            examples[-1]["labels"] = examples[-1]["input_ids"]
    return Dataset.from_list(examples)


def class_weights(labels: pd.Series, kind: str) -> dict[str, float]:
    """A weight for each class: 1, or with ``balanced`` inversely proportional to its rows.

    As scikit-learn's ``class_weight="balanced"``: the mean over the rows is 1.
    """
    counts = labels.value_counts()
    if kind == "none":
        return dict.fromkeys(counts.index, 1.0)
    return {str(name): len(labels) / (len(counts) * count) for name, count in counts.items()}


def trainer_for(
    model: Tuned,
    encoder: Encoder,
    train: Train,
    settings: dict[str, Any],
    data: dict[str, Any],
) -> Trainer:
    """The trainer of the encoder's task."""
    left = not isinstance(encoder, TextEncoder) and train.method != "prompt_tuning"
    collator = Padding(encoder.tokenizer.pad_token_id, left)
    if isinstance(encoder, TextEncoder):
        return Weighted(
            model=model, args=TrainingArguments(**settings), data_collator=collator, **data
        )
    return CausalTrainer(
        model=model,
        args=SFTConfig(**settings, dataset_kwargs={"skip_prepare_dataset": True}),
        processing_class=encoder.tokenizer,
        data_collator=collator,
        **data,
    )


def tune(
    model: PreTrainedModel,
    encoder: Encoder,
    train_rows: pd.DataFrame,
    validation_rows: pd.DataFrame,
    train: Train,
    precision: Precision,
) -> tuple[Tuned, pd.DataFrame, pd.DataFrame]:
    """Train by ``train.method``; rows have text and label.

    Returns the tuned model and two learning curves: step, epoch and train_loss or
    validation_loss, in nats a target token or, with a classification head, a text.

    Raises:
        InputError: the loss is no longer a number, the memory does not suffice, or validation rows
            are needed and missing.
    """
    set_seed(train.seed)
    validate = len(validation_rows) > 0
    if not validate and (train.keep == "best" or train.patience):
        raise InputError(
            "train.keep best and train.patience need validation rows, and there are none; see "
            "roles.validation_per_class and validation_share"
        )
    check_room(model, train, encoder)
    weights = class_weights(train_rows["label"], train.class_weights)
    data: dict[str, Dataset | None] = {
        "train_dataset": dataset(encoder, train_rows, weights, train.loss),
        "eval_dataset": dataset(encoder, validation_rows, weights, train.loss)
        if validate
        else None,
    }
    tuned = prepared(model, train, encoder)
    with tempfile.TemporaryDirectory() as work, enough_memory():
        settings = arguments(train, precision, len(train_rows), validate, work)
        with unquantized(tuned, train.method == "head"):
            trainer = trainer_for(tuned, encoder, train, settings, data)
        restore_precision(tuned)
        trainer.remove_callback(ProgressCallback)
        trainer.add_callback(Progress)
        if train.keep == "best" or train.patience:
            trainer.add_callback(Best(tuned, train))
        trainer.train()
    history = trainer.state.log_history
    losses = [entry[key] for entry in history for key in LOSSES if key in entry]
    free = [p for p in tuned.parameters() if p.requires_grad]
    if not all(map(math.isfinite, losses)) or not all(p.isfinite().all() for p in free):
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


@contextmanager
def unquantized(model: torch.nn.Module, pretend: bool) -> Iterator[None]:
    """transformers refuses to train a quantized model without an adapter; a head is none."""
    was = getattr(model, "is_quantized", None)
    if pretend and was is not None:
        vars(model)["is_quantized"] = False
    yield
    if pretend and was is not None:
        vars(model)["is_quantized"] = was


@contextmanager
def enough_memory() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        full = isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
        if not full:
            raise
        raise InputError(
            "train: out of memory; lower train.batch and raise train.accumulation as much, set "
            "train.activation_checkpointing, or lower prompt.max_length"
        ) from None


def learning_curve(history: Sequence[dict[str, Any]], key: str, name: str) -> pd.DataFrame:
    """The log entries that have ``key``, a loss, as columns step, epoch and ``name``."""
    entries = [entry for entry in history if key in entry]
    frame = pd.DataFrame(entries, columns=["step", "epoch", key])
    return frame.rename(columns={key: name}).round(6)
