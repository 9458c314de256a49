"""Which rows are trained on together, and how they are padded."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import Sampler

from reprotune.models.heads import IGNORED

POOL = 50  # batches whose rows are sorted by length together


class Padding:
    """Rows of input_ids, labels and weight as one batch."""

    def __init__(self, pad: int, left: bool) -> None:
        self.pad, self.left = pad, left

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        ids, mask = self.pad_rows([row["input_ids"] for row in rows], self.pad)
        batch = {
            "input_ids": ids,
            "attention_mask": mask,
            "weight": torch.tensor([row["weight"] for row in rows]),
        }
        if isinstance(rows[0]["labels"], int):
            batch["labels"] = torch.tensor([row["labels"] for row in rows])
        else:
            batch["labels"], _ = self.pad_rows([row["labels"] for row in rows], IGNORED)
        if self.left:
            batch["position_ids"] = (mask.cumsum(1) - 1).clamp(min=0)
        return batch

    def pad_rows(
        self, sequences: Sequence[list[int]], value: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Sequences and their mask, both of shape (rows, longest)."""
        width = max(map(len, sequences))
        ids = torch.full((len(sequences), width), value)
        mask = torch.zeros_like(ids)
        for row, sequence in enumerate(sequences):
            place = slice(width - len(sequence), None) if self.left else slice(len(sequence))
            ids[row, place] = torch.tensor(sequence)
            mask[row, place] = 1
        return ids, mask


class LengthSampler(Sampler[int]):
    """Row numbers in an order in which each batch has rows of similar length.

    The order depends on seed and epoch alone, so a resumed epoch goes on as it would have. The last
    ``blanks`` rows stay last.
    """

    def __init__(self, lengths: Sequence[int], batch: int, seed: int, blanks: int = 0) -> None:
        self.lengths = np.array(lengths)[: len(lengths) - blanks]
        self.blanks = np.arange(len(self.lengths), len(lengths))
        self.batch, self.seed, self.epoch = batch, seed, 0

    def __len__(self) -> int:
        return len(self.lengths) + len(self.blanks)

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        draw = np.random.default_rng((self.seed, self.epoch))
        order = draw.permutation(len(self.lengths))
        size = POOL * self.batch
        pools = [order[start : start + size] for start in range(0, len(order), size)]
        order = np.concatenate([p[np.argsort(self.lengths[p], kind="stable")] for p in pools])
        batches = [order[i : i + self.batch] for i in range(0, len(order), self.batch)]
        last = batches.pop() if len(batches[-1]) < self.batch else np.array([], dtype=int)
        draw.shuffle(batches)
        yield from np.concatenate([*batches, last, self.blanks]).tolist()
