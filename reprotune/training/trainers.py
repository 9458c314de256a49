"""The two trainers: trl's for causal models, transformers' own for classification heads."""

import math
from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import cross_entropy
from transformers import Trainer
from trl import SFTTrainer

from reprotune.models.adapters import count_soft_tokens
from reprotune.models.compat import last_positions
from reprotune.models.loading import DEVICE
from reprotune.training.batches import LengthSampler

TRAINED = "trained.safetensors"


class Weighted(Trainer):
    """The mean loss of the targets, each row by its weight; evaluations leave no trace.

    For a causal model the projection to the vocabulary is done from the first target on alone. A
    checkpoint holds the weights that are trained, and no others.
    """

    model_accepts_loss_kwargs = True
    tokens: int | None = None  # of a pass, padding included; None: as many as a batch has

    def divide(self, batch: Mapping[str, torch.Tensor]) -> list[dict[str, torch.Tensor]]:
        """The batch in as few parts as ``tokens`` allow, as many in every process."""
        if self.tokens is None:
            return [dict(batch)]
        rows, width = batch["input_ids"].shape
        asked = torch.tensor([math.ceil(rows / max(1, self.tokens // width))])
        passes = int(self.accelerator.gather(asked).max())
        split = {name: values.tensor_split(passes) for name, values in batch.items()}
        return [dict(zip(split, part, strict=True)) for part in zip(*split.values(), strict=True)]

    def training_step(self, model: Any, inputs: Any, *given: Any) -> torch.Tensor:
        """A pass for each part, whose gradients add up."""
        step = super().training_step
        return torch.stack([step(model, part, *given) for part in self.divide(inputs)]).sum()

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
            where = last_positions(asked["input_ids"], kept, count_soft_tokens(model))
            outputs = model(**asked, use_cache=False, logits_to_keep=where)
            logits, labels = outputs.logits[:, -kept:-1], labels[:, 1 - kept :]
        losses = cross_entropy(logits.float().flatten(0, 1), labels.flatten(), reduction="none")
        total = (losses.view_as(labels) * weights[:, None]).sum()
        if num_items_in_batch is None:
            loss = total / (labels >= 0).sum()
        else:  # of all processes, whose gradients are averaged
            loss = total / num_items_in_batch * self.accelerator.num_processes
        return (loss, outputs) if return_outputs else loss

    def prediction_step(
        self, model: Any, inputs: Any, prediction_loss_only: bool, ignore_keys: Any = None
    ) -> Any:
        """The loss of a batch by its share of targets: the evaluation takes a mean over rows."""
        step, losses = super().prediction_step, []
        for part in self.divide(inputs):
            found: Any = step(model, part, prediction_loss_only, ignore_keys)
            share = int((part["labels"] >= 0).sum()) / len(inputs["labels"]) / self.targets_a_row
            losses.append(found[0] * share)
        return torch.stack(losses).sum(), None, None

    @cached_property
    def targets_a_row(self) -> float:
        """Targets of an evaluated row, in the mean: batches have more of them or fewer."""
        data: Any = self.eval_dataset
        return float(np.mean([np.sum(np.asarray(labels) >= 0) for labels in data["labels"]]))

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Evaluate without drawing from the generators that dropout draws from."""
        with fork_random():
            figures: dict[str, float] = super().evaluate(*args, **kwargs)
        return figures

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        """Updates of rows of similar length, in an order that seed and epoch alone decide."""
        data: Any = self.train_dataset if train_dataset is None else train_dataset
        update = self.args.train_batch_size * self.args.gradient_accumulation_steps
        processes = self.accelerator.num_processes
        lengths = [len(ids) for ids in data["input_ids"]]
        blanks = sum(weight == 0 for weight in data["weight"])
        return LengthSampler(lengths, update * processes, self.args.seed, blanks)

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        target = Path(output_dir or str(self.args.output_dir))
        target.mkdir(parents=True, exist_ok=True)
        save_file(
            {k: w.cpu().contiguous() for k, w in collect_trained(self.model).items()},
            target / TRAINED,
        )

    def _load_from_checkpoint(
        self, resume_from_checkpoint: str, model: torch.nn.Module | None = None
    ) -> None:
        put_back(self.model, load_file(Path(resume_from_checkpoint) / TRAINED))


class CausalTrainer(Weighted, SFTTrainer):
    pass


def fork_random() -> AbstractContextManager[None]:
    """Draw without a trace; torch would ask every GPU of the machine, and warn of it."""
    return torch.random.fork_rng([] if DEVICE == "cpu" else [DEVICE])


def collect_trained(model: Any) -> dict[str, torch.Tensor]:
    """The weights that are trained, by name."""
    return {name: p.data for name, p in model.named_parameters() if p.requires_grad}


def put_back(model: Any, weights: Mapping[str, torch.Tensor]) -> None:
    for name, weight in collect_trained(model).items():
        weight.copy_(weights[name])
