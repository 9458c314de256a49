"""Log-likelihoods of answers after prompts, each token computed once where prompts share it."""

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
import torch
from transformers import PreTrainedModel
from transformers.cache_utils import (
    Cache,
    DynamicCache,
    DynamicLayer,
    DynamicSlidingWindowLayer,
)

from reprotune.core.errors import InputError
from reprotune.models.compat import last_positions
from reprotune.models.prompts import PromptEncoder

if TYPE_CHECKING:  # predicting with an exported model needs no peft
    from peft import PeftModel

WORTH = 8  # tokens that all prompts share, from which they are computed once
MASKLESS = {"rwkv"}  # types of model that attend to padding
COUNTING = {"mpt"}  # that count the padding between a shared start and the rest as distance


class Answers:
    """Scores the answers of an encoder with one model, over prompts that are known beforehand."""

    def __init__(
        self,
        model: "PreTrainedModel | PeftModel",
        encoder: PromptEncoder,
        prompts: Sequence[list[int]],
    ) -> None:
        self.model, self.pad = model, encoder.tokenizer.pad_token_id
        self.device = next(model.parameters()).device
        kind = model.config.model_type
        if kind in MASKLESS:
            raise InputError(
                f"a {kind} model ignores the attention mask, so its scores would depend on the "
                "batch; use another base model"
            )
        self.answers = list(encoder.targets.values())
        self.goes_on = any(len(answer) > 1 for answer in self.answers)  # after the prompt's tokens
        self.length = max(map(len, prompts), default=0) + max(map(len, self.answers))
        self.prefix: list[int] = []
        self.layers: list[Shared] = []
        shared = find_common_start(prompts)
        if len(shared) >= WORTH and len(prompts) > 1 and kind not in COUNTING:
            ids = torch.tensor([shared], device=self.device)
            out = model(input_ids=ids, use_cache=True, logits_to_keep=last_positions(ids, 1))
            known = out.get("past_key_values")
            if is_whole(known, self.length):
                self.prefix = shared
                rooms: defaultdict[object, list[torch.Tensor]] = defaultdict(list)
                kept = self.goes_on or reads_earlier(model)
                self.layers = [
                    Shared(layer, self.length, rooms[(place * kept, layer.keys.shape)])
                    for place, layer in enumerate(known.layers)
                ]

    def score(self, prompts: Sequence[list[int]]) -> np.ndarray:
        """Log-likelihood of each answer in nats; shape (prompts, answers).

        The answers of several tokens go on from what was computed for the prompt.
        """
        rest = [prompt[len(self.prefix) :] for prompt in prompts]
        width = max(map(len, rest))
        ids = torch.tensor([[self.pad] * (width - len(r)) + r for r in rest], device=self.device)
        lengths = torch.tensor([len(r) for r in rest], device=self.device)
        known = torch.arange(width, device=self.device) >= width - lengths[:, None]
        start = torch.ones(len(rest), len(self.prefix), dtype=torch.bool, device=self.device)
        mask = torch.cat([start, known], dim=1)
        cache = Cache([layer.begin(len(rest)) for layer in self.layers]) if self.prefix else None
        first, cache = self.ask(ids, mask, cache, 1)
        scores = np.zeros((len(prompts), len(self.answers)))
        for stem in dict.fromkeys(answer[:-1] for answer in self.answers):
            log_p = first
            if stem:
                more = torch.tensor([stem] * len(rest), device=self.device)
                grown = torch.cat([mask, torch.ones_like(more, dtype=torch.bool)], dim=1)
                if is_whole(cache, self.length):
                    after, cache = self.ask(more, grown, cache, len(stem))
                    cache.crop(-len(stem))
                else:
                    after, _ = self.ask(torch.cat([ids, more], dim=1), grown, None, len(stem))
                log_p = torch.cat([first, after], dim=1)
            for column, answer in enumerate(self.answers):
                if answer[:-1] == stem:
                    steps = [log_p[:, step, token] for step, token in enumerate(answer)]
                    scores[:, column] = torch.stack(steps).sum(0).cpu().numpy()
        return scores

    def ask(
        self, ids: torch.Tensor, mask: torch.Tensor, cache: Cache | None, steps: int
    ) -> tuple[torch.Tensor, Cache]:
        """Log-probabilities after the last ``steps`` positions, and what can be gone on from.

        ``mask`` covers what the cache holds and ``ids``; padding is on the left of the latter.
        """
        positions = (mask.cumsum(1) - 1).clamp(min=0)[:, -ids.shape[1] :]
        out = self.model(
            input_ids=ids,
            attention_mask=mask.long(),
            position_ids=positions,
            past_key_values=cache,
            use_cache=self.goes_on or cache is not None,
            logits_to_keep=last_positions(ids, steps),
        )
        return torch.log_softmax(out.logits.float(), -1), out.get("past_key_values")


class Shared(DynamicLayer):
    """Keys and values of rows that begin alike, in memory that each batch uses again.

    ``room`` is that memory, for at most ``length`` tokens. Layers may have one in common if none
    is asked for what it held before the next one.
    """

    def __init__(self, start: DynamicLayer, length: int, room: list[torch.Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.start = [cast(torch.Tensor, start.keys), cast(torch.Tensor, start.values)]
        self.size = self.start[0].shape[-2]
        self.length = length
        self.room = room
        self.is_initialized = True

    def begin(self, rows: int) -> Self:
        """The layer for a new batch."""
        if not self.room or len(self.room[0]) < rows:
            self.room[:] = [
                t.new_empty(rows, t.shape[1], self.length, t.shape[3]) for t in self.start
            ]
        self.keys, self.values = (room[:rows, :, : self.size] for room in self.room)
        return self

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        old = self.get_seq_length()
        new = old + key_states.shape[-2]
        grown = [room[: len(key_states), :, :new] for room in self.room]
        for whole, start, states in zip(grown, self.start, (key_states, value_states), strict=True):
            if old == self.size:
                whole[:, :, :old] = start
            whole[:, :, old:] = states
        self.keys, self.values = grown
        return self.keys, self.values


def reads_earlier(model: "PreTrainedModel | PeftModel") -> bool:
    """Whether some layers attend to the keys and values of an earlier one."""
    return bool(getattr(model.config.get_text_config(), "num_kv_shared_layers", 0))


def is_whole(cache: Cache | None, length: int) -> bool:
    """Whether it holds keys and values, and no more, of ``length`` tokens: no window is shorter."""
    return type(cache) in (Cache, DynamicCache) and all(
        type(layer) in (DynamicLayer, Shared)
        or (type(layer) is DynamicSlidingWindowLayer and length < layer.sliding_window)
        for layer in cast(Cache, cache).layers
    )


def find_common_start(prompts: Sequence[list[int]]) -> list[int]:
    """The tokens with which all prompts begin; at least one token of each is left over."""
    if not prompts:
        return []
    least, most = min(prompts), max(prompts)
    size = min(len(prompt) for prompt in prompts) - 1
    same = next((i for i in range(size) if least[i] != most[i]), size)
    return least[:same]
