"""Log-likelihoods of answers after prompts, each token computed once where prompts share it."""

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Self, cast

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
COUNTING = {"gpt_neo", "mpt"}  # that count padding between a shared start and the rest as distance
ROOM = 1 << 21  # scores of a vocabulary that are computed at once for a row: 0.5 GiB for 64 in fp32
Tokens = tuple[int, ...]


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
        stems = sorted({answer[:-1] for answer in self.answers if len(answer) > 1})
        self.goes_on = bool(stems)  # after the prompt's tokens
        self.chains = [Tree.of([stem]) for stem in stems]
        most = ROOM // model.config.get_text_config().vocab_size
        self.trees = plant(stems, most) if takes_trees(model) else self.chains
        grown = max((len(tree.nodes) for tree in (*self.trees, *self.chains)), default=0)
        self.length = max(map(len, prompts), default=0) + 1 + grown
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
        scores = torch.stack([first[:, 0, answer[0]] for answer in self.answers], dim=1)
        whole = is_whole(cache, self.length)
        for tree in self.trees if whole else self.chains:
            nodes = [node[-1] for node in tree.nodes]
            more = torch.tensor([nodes] * len(rest), device=self.device)
            grown = torch.cat([mask, torch.ones_like(more, dtype=torch.bool)], dim=1)
            if whole:
                after, cache = self.ask(more, grown, cache, len(nodes), tree.sees)
                cache.crop(-len(nodes))
            else:
                after, _ = self.ask(torch.cat([ids, more], dim=1), grown, None, len(nodes))
            for column, answer in enumerate(self.answers):
                if answer[:-1] in tree.ends:
                    for size in range(1, len(answer)):
                        place = tree.nodes.index(answer[:size])
                        scores[:, column] += after[:, place, answer[size]]
        return scores.cpu().double().numpy()

    def ask(
        self,
        ids: torch.Tensor,
        mask: torch.Tensor,
        cache: Cache | None,
        steps: int,
        sees: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, Cache]:
        """Log-probabilities after the last ``steps`` positions, and what can be gone on from.

        ``mask`` covers what the cache holds and ``ids``; padding is on the left of the latter. Each
        of ``ids`` sees those before it or, of a tree, those that ``sees`` says, shape (ids, ids).
        """
        attended = mask.long()
        positions = (mask.cumsum(1) - 1).clamp(min=0)[:, -ids.shape[1] :]
        if sees is not None:
            sees = sees.to(self.device)
            known = mask[:, : -len(sees)]
            positions = known.sum(1, keepdim=True) - 1 + sees.sum(1)
            shape = len(ids), 1, len(sees), -1
            attended = torch.cat([known[:, None, None].expand(shape), sees.expand(shape)], dim=-1)
        out = self.model(
            input_ids=ids,
            attention_mask=attended,
            position_ids=positions,
            past_key_values=cache,
            use_cache=self.goes_on or cache is not None,
            logits_to_keep=last_positions(ids, steps),
        )
        return torch.log_softmax(out.logits.float(), -1), out.get("past_key_values")


class Tree(NamedTuple):
    """Tokens of answers that one pass computes for all, each after those before it alone."""

    nodes: list[Tokens]  # beginnings of answers, of which each stands for its last token
    ends: set[Tokens]  # the answers but for their last tokens
    sees: torch.Tensor | None = None  # shape (nodes, nodes); None: a chain, in which each sees all

    @classmethod
    def of(cls, stems: Sequence[Tokens]) -> Self:
        nodes = sorted({stem[:size] for stem in stems for size in range(1, len(stem) + 1)})
        if len(stems) == 1:
            return cls(nodes, {*stems})
        sees = [[node[: len(one)] == one for one in nodes] for node in nodes]
        return cls(nodes, {*stems}, torch.tensor(sees))


def plant(stems: Sequence[Tokens], most: int) -> list[Tree]:
    """As few trees as have at most ``most`` nodes, or one answer each; ``stems`` are sorted."""
    trees: list[Tree] = []
    for stem in stems:
        grown = Tree.of([*sorted(trees[-1].ends), stem]) if trees else None
        if grown and len(grown.nodes) <= most:
            trees[-1] = grown
        else:
            trees.append(Tree.of([stem]))
    return trees


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


def takes_trees(model: "PreTrainedModel | PeftModel") -> bool:
    """Whether each token may say which others it attends to; ALiBi counts distances in a mask."""
    config = model.config.get_text_config()
    return config._attn_implementation == "sdpa" and not getattr(config, "alibi", False)


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
