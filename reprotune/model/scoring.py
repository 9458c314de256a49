"""One scorer for zero-shot, tuned and merged models."""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from peft import PeftModel
from tqdm.auto import tqdm
from transformers import PreTrainedModel

from reprotune.model.prompts import Encoder
from reprotune.params import InputError


@torch.inference_mode()
def log_likelihoods(
    model: PreTrainedModel | PeftModel,
    encoder: Encoder,
    texts: Iterable[str],
    batch: int,
    title: str,
) -> np.ndarray:
    """Log-likelihood of each class's answer after each text, in nats; shape (texts, classes).

    Texts of similar length share a batch, and the projection to the vocabulary is done for the
    answer's positions only. Answers of several tokens are summed.
    """
    model.eval()
    encoder.check_fits(getattr(model.config, "max_position_embeddings", None))
    prompts = [encoder.prompt(text) for text in texts]
    order = np.argsort([len(prompt) for prompt in prompts], kind="stable")
    scores = np.zeros((len(prompts), len(encoder.targets)))
    with tqdm(total=len(prompts), desc=title, unit="text", mininterval=0.5) as bar:
        for start in range(0, len(order), batch):
            rows = order[start : start + batch]
            scores[rows] = score_batch(model, encoder, [prompts[row] for row in rows])
            bar.update(len(rows))
    if not np.isfinite(scores).all():
        raise InputError(
            f"{title}: a log-likelihood is no number; the model is broken or its number format too "
            "small: use model.compute_dtype float32 or bfloat16"
        )
    return scores


def score_batch(
    model: torch.nn.Module, encoder: Encoder, prompts: Sequence[list[int]]
) -> np.ndarray:
    """Answers that differ in their last token alone, such as all of one token, share a pass."""
    answers = list(encoder.targets.values())
    scores = np.zeros((len(prompts), len(answers)))
    for stem in dict.fromkeys(answer[:-1] for answer in answers):
        log_p = next_token_log_p(
            model, encoder, [[*prompt, *stem] for prompt in prompts], len(stem)
        )
        for column, answer in enumerate(answers):
            if answer[:-1] == stem:
                steps = [log_p[:, step, token] for step, token in enumerate(answer)]
                scores[:, column] = torch.stack(steps).sum(0).cpu().numpy()
    return scores


def next_token_log_p(
    model: torch.nn.Module, encoder: Encoder, sequences: Sequence[list[int]], steps: int
) -> torch.Tensor:
    """Log-probabilities after the last ``steps`` + 1 positions; (sequences, steps + 1, tokens)."""
    device = next(model.parameters()).device
    width = max(map(len, sequences))
    pad = encoder.tokenizer.pad_token_id
    ids = torch.tensor([[pad] * (width - len(s)) + list(s) for s in sequences], device=device)
    lengths = torch.tensor([len(s) for s in sequences], device=device)
    mask = torch.arange(width, device=device) >= width - lengths[:, None]
    logits = model(
        input_ids=ids,
        attention_mask=mask.long(),
        position_ids=(mask.cumsum(1) - 1).clamp(min=0),  # padding is on the left
        logits_to_keep=steps + 1,
    ).logits
    return torch.log_softmax(logits.float(), -1)


def probabilities(log_likelihood: np.ndarray) -> np.ndarray:
    """The classes' probabilities, given that one of them is the answer; rows sum to 1."""
    shifted = np.exp(log_likelihood - log_likelihood.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))
