"""The loss of a batch."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from peft import PromptTuningConfig, get_peft_model
from torch.nn.functional import cross_entropy

from reprotune.models.heads import IGNORED
from reprotune.training.trainers import Weighted
from tests import tiny

WEIGHTS = torch.tensor([0.5, 2.0, 1.0])


class Says(torch.nn.Module):
    """Logits that are known, of the positions that are asked for."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.logits = torch.randn(*shape, generator=torch.Generator().manual_seed(1))

    def forward(
        self, input_ids: torch.Tensor, logits_to_keep: torch.Tensor | None = None, **more: Any
    ) -> SimpleNamespace:
        kept = self.logits if logits_to_keep is None else self.logits[:, logits_to_keep]
        return SimpleNamespace(logits=kept)


def compute(model: torch.nn.Module, labels: torch.Tensor, ids: torch.Tensor) -> float:
    inputs = {"input_ids": ids, "labels": labels, "weight": WEIGHTS}
    return float(Weighted.compute_loss(cast(Any, None), model, inputs))


def test_a_text_counts_by_its_weight() -> None:
    model, labels = Says(3, 4), torch.tensor([0, 3, 2])
    alone = cross_entropy(model.logits, labels, reduction="none")
    assert compute(model, labels, labels[:, None]) == pytest.approx(float(alone @ WEIGHTS / 3))


def test_an_answer_is_told_by_the_position_before_it_and_counts_by_its_rows_weight() -> None:
    model = Says(3, 5, 7)
    ids = torch.arange(15).view(3, 5) % 7
    labels = torch.full_like(ids, IGNORED)
    labels[0, 3], labels[1, 4], labels[2, 2:] = 1, 2, torch.tensor([3, 4, 5])
    alone = [
        cross_entropy(model.logits[row, place - 1], labels[row, place]) * WEIGHTS[row]
        for row, place in (labels >= 0).nonzero()
    ]
    assert compute(model, labels, ids) == pytest.approx(float(sum(alone) / 5))


def test_behind_a_soft_prompt_the_loss_is_that_of_the_answer_too() -> None:
    soft = PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=4)
    model = get_peft_model(tiny.model(), soft).eval()
    ids = torch.arange(30).view(3, 10)
    labels = torch.where(ids % 10 >= 7, ids, IGNORED)
    alone = [model(input_ids=ids[[row]], labels=labels[[row]]).loss.item() for row in range(3)]
    expected = sum(a * w for a, w in zip(alone, WEIGHTS.tolist(), strict=True)) / 3
    assert compute(model, labels, ids) == pytest.approx(expected, rel=1e-4)
