"""Training: causal models through trl, classification heads through transformers' Trainer."""

import math
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from copy import deepcopy
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from accelerate import PartialState
from datasets import Dataset
from transformers import (
    PreTrainedModel,
    ProgressCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    set_seed,
)
from trl import SFTConfig

from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.memory import lacks_memory
from reprotune.core.params import Train
from reprotune.core.space import telling
from reprotune.models.adapters import Tuned, check_room, interpolate, prepare
from reprotune.models.encoders import Encoder
from reprotune.models.heads import IGNORED
from reprotune.models.loading import DEVICE, Precision
from reprotune.tables.metrics import Trial
from reprotune.training.batches import Padding
from reprotune.training.callbacks import CURVES, Best, Progress
from reprotune.training.checkpoints import KEPT, Checkpoints, latest
from reprotune.training.fitting import find_fitting
from reprotune.training.kernels import fit_for_this_device
from reprotune.training.rates import Stop, find_rate, restoring
from reprotune.training.trainers import CausalTrainer, Weighted

LOSSES = ("loss", "eval_loss", "train_loss")  # of log entries, evaluations and the end
STRICT = {"adamw_torch": "adamw_torch_fused"}  # MKL's roots are not the same on AMD and Intel
LOGS = 30  # entries of a learning curve, about


def set_arguments(
    train: Train, precision: Precision, rows: int, validate: bool, micro: int, work: str
) -> dict[str, Any]:
    """The settings that both trainers share."""
    steps = math.ceil(rows / train.batch_size) * train.epochs
    return {
        "output_dir": work,
        "seed": train.seed,
        "num_train_epochs": train.epochs,
        "learning_rate": train.learning_rate,
        "lr_scheduler_type": train.lr_scheduler,
        "warmup_steps": train.warmup_ratio,  # below 1, a share of the steps
        "weight_decay": train.weight_decay,
        "max_grad_norm": train.max_grad_norm,
        "per_device_train_batch_size": micro,
        "per_device_eval_batch_size": micro,
        "gradient_accumulation_steps": train.batch_size // train.processes // micro,
        "optim": (STRICT if precision.strict else {}).get(train.optimizer, train.optimizer),
        "adam_beta2": train.adam_beta2,
        "activation_checkpointing": train.activation_checkpointing,
        "bf16": precision.compute_dtype == "bfloat16",
        "fp16": precision.compute_dtype == "float16",
        "eval_strategy": "epoch" if validate else "no",
        "save_strategy": "no",  # Checkpoints asks for them
        "save_total_limit": KEPT,
        "logging_steps": max(1, int(steps / LOGS)),
        "logging_nan_inf_filter": False,
        "remove_unused_columns": False,  # the rows' weights
        "report_to": "tensorboard" if train.tensorboard else "none",
        "use_cpu": DEVICE == "cpu",
        "ddp_find_unused_parameters": False,
    }


def encode_rows(
    encoder: Encoder,
    rows: pd.DataFrame,
    weights: Mapping[str, float],
    loss: str,
    multiple_of: int = 1,
) -> Dataset:
    """The rows as token ids; blank ones without a target fill them up to a multiple.

    Otherwise several processes, which take as many each, would be given some rows twice.
    """
    examples: list[dict[str, Any]] = []
    for text, label in zip(rows["text"], rows["label"], strict=True):
        examples.append({**encoder.example(text, label), "weight": weights[label]})
        if loss == "all":
            ids = examples[-1]["input_ids"]
            examples[-1]["labels"] = [IGNORED, *ids[1:]]  # before the first is padding, or nothing
    ids = examples[0]["input_ids"] if examples else []
    blank = {"input_ids": ids, "labels": encoder.blank(len(ids)), "weight": 0.0}
    return Dataset.from_list(examples + [blank] * (-len(examples) % multiple_of))


def weigh_classes(labels: pd.Series, kind: str) -> dict[str, float]:
    """A weight for each class: 1, or with ``balanced`` inversely proportional to its rows.

    As scikit-learn's ``class_weight="balanced"``: the mean over the rows is 1.
    """
    counts = labels.value_counts()
    if kind == "none":
        return dict.fromkeys(counts.index, 1.0)
    return {str(name): len(labels) / (len(counts) * count) for name, count in counts.items()}


def build_trainer(
    model: Tuned,
    encoder: Encoder,
    train: Train,
    settings: dict[str, Any],
    data: dict[str, Any],
) -> Weighted:
    """The trainer of the encoder's task."""
    left = encoder.pads_left and train.method != "prompt_tuning"
    collator = Padding(encoder.tokenizer.pad_token_id, left)
    return TRAINERS[encoder.task](encoder, settings, model=model, data_collator=collator, **data)


def build_head_trainer(encoder: Encoder, settings: dict[str, Any], **given: Any) -> Weighted:
    return Weighted(args=on_one_device(TrainingArguments(**settings)), **given)


def build_causal_trainer(encoder: Encoder, settings: dict[str, Any], **given: Any) -> Weighted:
    config = SFTConfig(**settings, dataset_kwargs={"skip_prepare_dataset": True})
    return CausalTrainer(args=on_one_device(config), processing_class=encoder.tokenizer, **given)


def on_one_device(arguments: Any) -> Any:
    """Without the wish to divide each batch among all GPUs in sight, which makes it larger."""
    arguments._n_gpu = min(arguments.n_gpu, 1)
    return arguments


TRAINERS = {
    "causal": build_causal_trainer,
    "classification": build_head_trainer,
}  # by ``model.task``


def tune(
    model: PreTrainedModel,
    encoder: Encoder,
    parts: tuple[pd.DataFrame, pd.DataFrame],
    train: Train,
    precision: Precision,
    checkpoints: Path | None = None,
    watch: Sequence[TrainerCallback] = (),
) -> tuple[Tuned, list[Trial], pd.DataFrame, pd.DataFrame]:
    """Train by ``train.method``; ``parts`` are the train and validation rows: text and label.

    Goes on from the last checkpoint in ``checkpoints``, and leaves new ones there, if any is named.

    Returns the tuned model, the trials that chose the learning rate, the best first, if it is auto,
    and two learning curves: step, epoch and train_loss or validation_loss, in nats a target token
    or, with a classification head, a text.

    Raises:
        InputError: the loss is no longer a number, the memory does not suffice, or validation rows
            are needed and missing.
    """
    train_rows, validation_rows = parts
    set_seed(train.seed)
    validate = len(validation_rows) > 0
    if not validate and (train.keep == "best" or train.patience):
        raise InputError(
            "train.keep best and train.patience need validation rows, and there are none; see "
            "roles.validation_per_class and validation_share"
        )
    check_room(model, train, encoder)
    check_able(model, train, precision)
    if train.tensorboard:
        open_tensorboard()
    weights = weigh_classes(train_rows["label"], train.class_weights)
    fill = train.batch_size if train.processes > 1 else 1
    examples = encode_rows(encoder, train_rows, weights, train.loss, fill)
    data: dict[str, Dataset | None] = {
        "train_dataset": examples,
        "eval_dataset": encode_rows(encoder, validation_rows, weights, train.loss)
        if validate
        else None,
    }
    tuned = prepare(model, train, encoder)
    asked = deepcopy(vars(model).get("generation_config"))  # a model with a head generates nothing

    def build(train: Train, place: Path, micro: int) -> Weighted:
        settings = set_arguments(train, precision, len(train_rows), validate, micro, str(place))
        with pretend_unquantized(tuned, train.method == "head"):
            trainer = build_trainer(tuned, encoder, train, settings, data)
        restore_precision(tuned)
        return trainer

    def run(
        train: Train, place: Path, resumed: Path | None, callbacks: Sequence[TrainerCallback]
    ) -> Trainer:
        trainer = find_fitting(partial(build, train, place), train)
        trainer.remove_callback(ProgressCallback)
        best = [Best(tuned, train, resumed)] if train.keep == "best" or train.patience else []
        progress = Progress()
        for callback in (progress, *best, *callbacks):
            trainer.add_callback(callback)
        with telling(place), closing(progress), fit_for_this_device(tuned):
            trainer.train(resume_from_checkpoint=str(resumed) if resumed else None)
        return trainer

    def attempt(train: Train, place: Path) -> Trainer:
        with restoring(tuned):
            return run(train, place, None, [Checkpoints(), Stop()])

    with tempfile.TemporaryDirectory() as work, explain_memory():
        folder = checkpoints or Path(work)
        trials, begun = find_rate(train, attempt, folder / "trials")
        if trials:
            train = train.model_copy(update={"learning_rate": trials[0].learning_rate})
        with PartialState().main_process_first():
            resumed = latest(folder) or latest(begun)
        trainer = run(train, folder, resumed, [*watch, Checkpoints()])
    if asked is not None:  # a trainer changes it, and what is changed must be without a fault
        model.generation_config = asked
    history = trainer.state.log_history
    losses = [entry[key] for entry in history for key in LOSSES if key in entry]
    free = [p for p in tuned.parameters() if p.requires_grad]
    if not all(map(math.isfinite, losses)) or not all(p.isfinite().all() for p in free):
        raise InputError(
            "train: the loss is no longer a number; lower train.learning_rate, or use "
            "model.compute_dtype bfloat16 or float32 instead of float16"
        )
    interpolate(tuned, train)
    train_curve, validation_curve = (learning_curve(history, *pair) for pair in CURVES.items())
    return tuned, trials, train_curve, validation_curve


def check_able(model: PreTrainedModel, train: Train, precision: Precision) -> None:
    """Raise InputError if this machine, or the model, cannot be trained so."""
    if precision.compute_dtype == "float16" and DEVICE == "cpu":
        raise InputError(
            "model.compute_dtype float16 is trained in on a GPU alone; use float32 or bfloat16"
        )
    if train.activation_checkpointing and not model.supports_gradient_checkpointing:
        raise InputError(
            f"train.activation_checkpointing: a {type(model).__name__} cannot; set it to false"
        )


def open_tensorboard() -> None:
    if find_spec("tensorboard") is None:
        raise InputError("train.tensorboard needs its package: pip install tensorboard")
    os.environ["TENSORBOARD_LOGGING_DIR"] = str(paths.TENSORBOARD)


def restore_precision(model: torch.nn.Module) -> None:
    """Train in fp32: trl casts adapters to bf16 on quantized bases, slow on most CPUs."""
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()


@contextmanager
def pretend_unquantized(model: torch.nn.Module, pretend: bool) -> Iterator[None]:
    """transformers refuses to train a quantized model without an adapter; a head is none."""
    was = getattr(model, "is_quantized", None)
    if pretend and was is not None:
        vars(model)["is_quantized"] = False
    yield
    if pretend and was is not None:
        vars(model)["is_quantized"] = was


@contextmanager
def explain_memory() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        if not lacks_memory(error):
            raise
        raise InputError(
            "train: out of memory; lower train.micro_batch_size, set "
            "train.activation_checkpointing, or lower prompt.max_tokens"
        ) from None


def learning_curve(history: Sequence[dict[str, Any]], key: str, name: str) -> pd.DataFrame:
    """The log entries that have ``key``, a loss, as columns step, epoch and ``name``."""
    entries = [entry for entry in history if key in entry]
    frame = pd.DataFrame(entries, columns=["step", "epoch", key])
    return frame.rename(columns={key: name}).round(6)
