"""How many rows are computed at once: as many as a GPU's memory holds, or as help a CPU."""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import torch
from accelerate.utils.memory import clear_device_cache
from datasets import Dataset
from transformers import Trainer

from reprotune.core.memory import lacks_memory
from reprotune.core.params import Train
from reprotune.core.printing import say
from reprotune.models.adapters import Tuned
from reprotune.models.loading import DEVICE
from reprotune.training.trainers import Weighted, fork_random

TOKENS = 1024  # of a pass on a CPU: more take as long, and memory, of which it gives no warning


def find_fitting(build: Callable[[int], Weighted], train: Train) -> Weighted:
    """The trainer with ``train.micro_batch_size``; with auto, the largest that fits.

    A GPU tries each size on the longest rows, with room for two moments of every trained weight. A
    CPU takes whole batches, each in as many passes as its own tokens ask for.
    """
    if train.micro_batch_size != "auto":
        return build(train.micro_batch_size)
    most = train.batch_size // train.processes
    if DEVICE == "cpu":
        trainer = build(most)
        trainer.tokens = TOKENS
        return trainer
    for size in list_sizes(most):
        trainer = build(size)
        if holds(trainer, size):
            say(f"train.micro_batch_size: {size} fits")
            return trainer
    raise AssertionError("the last size holds or raises")


def list_sizes(most: int) -> list[int]:
    """In how many rows at a time a batch can be computed, the most first."""
    return [size for size in range(most, 0, -1) if most % size == 0]


def holds(trainer: Trainer, size: int) -> bool:
    """Whether every process has the memory for so many rows; without any for one, the error."""
    enough = True
    try:
        probe(trainer, size)
    except RuntimeError as error:
        if size == 1 or not lacks_memory(error):
            raise
        enough = False
    if not enough:  # here, where the error no longer holds what was computed
        clear_device_cache(garbage_collection=True)
    found = torch.tensor(float(enough), device=trainer.args.device)
    return bool(trainer.accelerator.reduce(found, "sum") == trainer.accelerator.num_processes)


def probe(trainer: Trainer, size: int) -> None:
    """Forward and back on the longest rows, as a step of a training does, without a trace."""
    model, data = cast(Tuned, trainer.model), cast(Dataset, trainer.train_dataset)
    free = [p for p in model.parameters() if p.requires_grad]
    moments = [torch.zeros_like(p) for p in free for _ in range(2)]
    longest = np.argsort([-len(ids) for ids in data["input_ids"]], kind="stable")[:size]
    if trainer.args.activation_checkpointing:  # as ``train`` does when it begins
        model.activation_checkpointing_enable()
    model.train()
    batch = trainer._prepare_inputs(trainer.data_collator([data[int(i)] for i in longest]))
    try:
        with fork_random():
            with trainer.accelerator.autocast():
                loss: Any = trainer.compute_loss(model, batch)
            loss.backward()
    finally:
        model.zero_grad()
    del moments
