"""Log-likelihoods of answers after prompts, each token computed once where prompts share it."""

from collections.abc import Sequence
from copy import deepcopy
from functools import partial

import numpy as np
import torch
from transformers import DynamicCache

from reprotune.model.prompts import PromptEncoder

WORTH = 8  # tokens that all prompts share, from which they are computed once


class Answers:
    """Scores the answers of an encoder with one model, over prompts that are known beforehand."""

    def __init__(
        self, model: torch.nn.Module, encoder: PromptEncoder, prompts: Sequence[list[int]]
    ) -> None:
        self.model, self.pad = model, encoder.tokenizer.pad_token_id
        self.device = next(model.parameters()).device
        self.answers = list(encoder.targets.values())
        shared = common(prompts)
        self.prefix = shared if len(shared) >= WORTH and len(prompts) > 1 else []
        self.cache: DynamicCache | None = None
        if self.prefix:
            ids = torch.tensor([self.prefix], device=self.device)
            self.cache = model(input_ids=ids, use_cache=True, logits_to_keep=1).past_key_values

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
        longer = any(len(answer) > 1 for answer in self.answers)
        cache = None
        if self.cache is not None:
            cache = deepcopy(self.cache)
            cache.batch_repeat_interleave(len(rest))
        ask = partial(self.ask, longer=longer or cache is not None)
        first, cache = ask(ids, mask, cache, 1)
        scores = np.zeros((len(prompts), len(self.answers)))
        for stem in dict.fromkeys(answer[:-1] for answer in self.answers):
            log_p = first
            if stem:
                more = torch.tensor([stem] * len(rest), device=self.device)
                grown = torch.cat([mask, torch.ones_like(more, dtype=torch.bool)], dim=1)
                after, cache = ask(more, grown, cache, len(stem))
                log_p = torch.cat([first, after], dim=1)
                cache.crop(-len(stem))
            for column, answer in enumerate(self.answers):
                if answer[:-1] == stem:
                    steps = [log_p[:, step, token] for step, token in enumerate(answer)]
                    scores[:, column] = torch.stack(steps).sum(0).cpu().numpy()
        return scores

    def ask(
        self,
        ids: torch.Tensor,
        mask: torch.Tensor,
        cache: DynamicCache | None,
        steps: int,
        longer: bool,
    ) -> tuple[torch.Tensor, DynamicCache]:
        """Log-probabilities after the last ``steps`` positions, and what can be gone on from.

        ``mask`` covers what the cache holds and ``ids``; padding is on the left of the latter.
        """
        positions = (mask.cumsum(1) - 1).clamp(min=0)[:, -ids.shape[1] :]
        out = self.model(
            input_ids=ids,
            attention_mask=mask.long(),
            position_ids=positions,
            past_key_values=cache,
            use_cache=longer,
            logits_to_keep=steps,
        )
        return torch.log_softmax(out.logits.float(), -1), out.past_key_values


def common(prompts: Sequence[list[int]]) -> list[int]:
    """The tokens with which all prompts begin; at least one token of each is left over."""
    if not prompts:
        return []
    least, most = min(prompts), max(prompts)
    size = min(len(prompt) for prompt in prompts) - 1
    same = next((i for i in range(size) if least[i] != most[i]), size)
    return least[:same]
