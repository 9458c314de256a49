from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from reprotune.model.loading import Precision, load_model
from reprotune.model.prompts import PromptEncoder
from reprotune.model.scoring import log_likelihoods, probabilities

FP32 = Precision("none", double_quantization=False, compute_dtype="float32")
SPELT = {
    "one token": {"a": " positive", "b": " negative"},
    "many tokens": {"a": " positive indeed", "b": " rather bad, I should say", "c": " so"},
    "a shared start": {"a": " very positive", "b": " very negative"},
}


def one_by_one(model: torch.nn.Module, encoder: PromptEncoder, text: str) -> list[float]:
    """The definition: no batch, no padding, every logit computed."""
    result = []
    prompt = encoder.prompt(text)
    for answer in encoder.answers.values():
        logits = model(torch.tensor([[*prompt, *answer]])).logits[0].log_softmax(-1)
        places = range(len(prompt) - 1, len(prompt) + len(answer) - 1)
        result.append(sum(float(logits[p, t]) for p, t in zip(places, answer, strict=True)))
    return result


@pytest.mark.parametrize("spelt", SPELT)
def test_batched_scores_equal_the_definition(
    base: Path, encoder: PromptEncoder, rows: pd.DataFrame, spelt: str
) -> None:
    model, encoder = (
        load_model(base, FP32, encoder).eval(),
        replace(encoder, verbalizers=SPELT[spelt]),
    )
    texts = [*rows["text"][:9], "x", "long " * 300]
    scores = log_likelihoods(model, encoder, texts, 4, "test")
    with torch.inference_mode():
        expected = [one_by_one(model, encoder, text) for text in texts]
    np.testing.assert_allclose(scores, expected, atol=1e-4)


def test_no_texts_give_no_scores(base: Path, encoder: PromptEncoder) -> None:
    assert log_likelihoods(load_model(base, FP32, encoder), encoder, [], 4, "test").shape == (0, 3)


def test_probabilities_sum_to_one_however_unlikely_the_answers() -> None:
    p = probabilities(np.array([[-1000.0, -1001.0], [0.0, -2000.0]]))
    np.testing.assert_allclose(p.sum(axis=1), 1)
    np.testing.assert_allclose(p[0, 0], 1 / (1 + np.exp(-1)))
