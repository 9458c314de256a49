"""Rows share batches with others of their length, in an order that seed and epoch decide."""

import numpy as np
import pytest
import torch

from reprotune.models.prompts import IGNORED
from reprotune.training.batches import LengthSampler, Padding

LENGTHS = np.random.default_rng(1).integers(5, 200, 1003).tolist()


def order(seed: int = 1, epoch: int = 0) -> list[int]:
    sampler = LengthSampler(LENGTHS, 16, seed)
    sampler.set_epoch(epoch)
    return list(sampler)


def test_every_row_comes_once_an_epoch() -> None:
    assert sorted(order()) == list(range(len(LENGTHS)))


def test_seed_and_epoch_alone_decide_the_order() -> None:
    assert order() == order()
    assert order() != order(seed=2)
    assert order() != order(epoch=1)


def test_batches_hold_little_padding_and_follow_no_order_of_length() -> None:
    lengths = np.array(LENGTHS)[order()]
    batches = [lengths[i : i + 16] for i in range(0, len(lengths), 16)]
    padding = 1 - lengths.sum() / sum(len(batch) * batch.max() for batch in batches)
    assert padding < 0.05
    means = [batch.mean() for batch in batches[:-1]]
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.3


@pytest.mark.parametrize("left", [True, False])
def test_a_batch_is_padded_on_one_side_and_the_padding_carries_no_loss(left: bool) -> None:
    rows = [
        {"input_ids": [5, 6, 7], "labels": [IGNORED, 6, 7], "weight": 1.0},
        {"input_ids": [8], "labels": [8], "weight": 2.0},
    ]
    batch = Padding(0, left)(rows)
    short = [0, 0, 8] if left else [8, 0, 0]
    assert batch["input_ids"].tolist() == [[5, 6, 7], short]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [int(i == 8) for i in short]]
    assert batch["labels"].tolist()[1] == [8 if i == 8 else IGNORED for i in short]
    assert batch["weight"].tolist() == [1.0, 2.0]
    if left:
        assert batch["position_ids"][1, -1] == 0


def test_a_class_number_a_row_is_not_padded() -> None:
    rows = [{"input_ids": [5], "labels": 2, "weight": 1.0}] * 2
    assert torch.equal(Padding(0, False)(rows)["labels"], torch.tensor([2, 2]))
