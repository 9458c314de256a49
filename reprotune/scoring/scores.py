"""One scorer for zero-shot, tuned and merged models, with and without a classification head."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.special import softmax
from transformers import PreTrainedModel

from reprotune.core.errors import InputError
from reprotune.core.progress import show_progress
from reprotune.models.encoders import Encoder
from reprotune.scoring.answers import Answers

if TYPE_CHECKING:  # predicting with an exported model needs no peft
    from reprotune.models.adapters import Tuned

Scorer = Callable[[Sequence[list[int]]], np.ndarray]  # prompts: one row of scores each
Tell = Callable[[float], None]  # hears which share was done since it last heard

TOKENS = 1024  # that a CPU computes at once: more take longer, and memory


@torch.inference_mode()
def score_texts(
    model: "Tuned",
    encoder: Encoder,
    texts: Iterable[str],
    batch_size: int,
    title: str,
    tell: Tell | None = None,
) -> np.ndarray:
    """Log-likelihood of each class given each text, in nats; shape (texts, classes).

    That of the class's answer after the prompt, or the head's. Texts of similar length share a
    batch, the projection to the vocabulary is done for the answer's positions only, and what all
    prompts begin with is computed once. Answers of several tokens are summed.
    """
    model.eval()
    prompts = [encoder.prompt(text) for text in texts]
    score = SCORERS[encoder.task](model, encoder, prompts)
    return score_in_batches(prompts, len(encoder.classes), batch_size, title, score, tell)


def answer_scorer(model: "Tuned", encoder: Any, prompts: Sequence[list[int]]) -> Scorer:
    answers = Answers(model, encoder, prompts)
    return in_parts(answers.score, answers.device, len(answers.prefix))


def head_scorer(model: "Tuned", encoder: Any, prompts: Sequence[list[int]]) -> Scorer:
    def score(some: Sequence[list[int]]) -> np.ndarray:
        logits = model(**pad(model, encoder, some)).logits
        return np.asarray(torch.log_softmax(logits.double(), -1).cpu())

    return in_parts(score, next(model.parameters()).device)


SCORERS = {"causal": answer_scorer, "classification": head_scorer}  # by ``model.task``


@torch.inference_mode()
def embed_texts(
    model: PreTrainedModel,
    encoder: Encoder,
    texts: Iterable[str],
    batch_size: int,
    title: str,
    tell: Tell | None = None,
) -> np.ndarray:
    """What the layers at each quarter of a model's depth hold of texts, side by side.

    Of each such layer the mean of its states over the tokens of the text, with its prompt if there
    is one; shape (texts, at most 4 hidden sizes).
    """
    config = model.config.get_text_config()
    depth = config.num_hidden_layers
    layers = sorted({round(depth * quarter / 4) for quarter in range(1, 5)} - {0})

    def means(prompts: Sequence[list[int]]) -> np.ndarray:
        inputs = pad(model, encoder, prompts)
        states = model.base_model(**inputs, output_hidden_states=True).hidden_states
        mask = inputs["attention_mask"][:, :, None]
        held = [states[layer] for layer in layers]
        held = [state[0] if state.ndim == 4 else state for state in held]  # Gemma 3n has several
        mean = [(state.float() * mask).sum(1) / mask.sum(1) for state in held]
        return np.asarray(torch.cat(mean, dim=1).cpu())

    model.eval()
    prompts = [encoder.prompt(text) for text in texts]
    width = len(layers) * config.hidden_size
    score = in_parts(means, next(model.parameters()).device)
    return score_in_batches(prompts, width, batch_size, title, score, tell)


def in_parts(function: Scorer, device: torch.device, known: int = 0) -> Scorer:
    """``function`` of a batch in equal parts that are not too large for a CPU's caches.

    ``known`` tokens of each prompt are not computed again.
    """
    if device.type != "cpu":
        return function

    def score(prompts: Sequence[list[int]]) -> np.ndarray:
        tokens = len(prompts) * max(1, max(map(len, prompts)) - known)
        size = math.ceil(len(prompts) / math.ceil(tokens / TOKENS))
        starts = range(0, len(prompts), size)
        return np.concatenate([function(prompts[start : start + size]) for start in starts])

    return score


def score_in_batches(
    prompts: Sequence[list[int]],
    width: int,
    batch_size: int,
    title: str,
    function: Scorer,
    tell: Tell | None = None,
) -> np.ndarray:
    """``function`` of all prompts, shape (prompts, width); similar lengths share a batch.

    The longest texts come first, so memory that does not suffice is found at once. Progress is
    counted in tokens; ``tell`` is in place of a bar. Without a title there is no bar either.

    Raises:
        InputError: a result is no number.
    """
    lengths = np.array([len(prompt) for prompt in prompts])
    order, total = np.argsort(lengths, kind="stable"), int(lengths.sum())
    result = np.zeros((len(prompts), width))
    with show_progress("" if tell else title, total, "token") as bar:
        for start in reversed(range(0, len(order), batch_size)):
            rows = order[start : start + batch_size]
            result[rows] = function([prompts[row] for row in rows])
            done = int(lengths[rows].sum())
            bar.update(done)
            if tell:
                tell(done / total)
    if not np.isfinite(result).all():
        raise InputError(
            f"{title}: a result is no number; the model is broken or its number format too small: "
            "use model.compute_dtype float32 or bfloat16"
        )
    return result


def pad(
    model: torch.nn.Module, encoder: Encoder, prompts: Sequence[list[int]]
) -> dict[str, torch.Tensor]:
    """Padded on the right, as encoders and the heads of decoders expect."""
    device = next(model.parameters()).device
    width, pad = max(map(len, prompts)), encoder.tokenizer.pad_token_id
    ids = torch.tensor([[*p, *[pad] * (width - len(p))] for p in prompts], device=device)
    lengths = torch.tensor([len(p) for p in prompts], device=device)
    mask = torch.arange(width, device=device) < lengths[:, None]
    return {"input_ids": ids, "attention_mask": mask.long()}


def normalize(log_likelihood: np.ndarray) -> np.ndarray:
    """The classes' probabilities, given that one of them is the answer; rows sum to 1."""
    return np.asarray(softmax(log_likelihood, axis=1))
