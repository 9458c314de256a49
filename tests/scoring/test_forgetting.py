"""The loss on general text is that of each next token, and of no text there is none."""

import pytest
import torch

from reprotune.core.errors import InputError
from reprotune.models.prompts import PromptEncoder
from reprotune.scoring.forgetting import text_loss
from tests import tiny

ENCODER = PromptEncoder(tiny.tokenizer(), "{text}:", {"a": " a", "b": " b"}, 8)


def test_the_loss_is_the_mean_over_the_next_tokens_of_all_blocks() -> None:
    model, text = tiny.gpt2().eval(), "Profit rose by 5 %, and costs fell."
    ids = ENCODER.tokens(text)
    assert len(ids) > 8, "more than a block"
    losses = []
    for start in range(0, len(ids), 8):
        block = torch.tensor([ids[start : start + 8]])
        with torch.no_grad():
            said = torch.log_softmax(model(input_ids=block).logits[0].double(), -1)
        losses += [-float(said[n, i]) for n, i in enumerate(block[0, 1:].tolist())]
    assert text_loss(model, ENCODER, text) == pytest.approx(sum(losses) / len(losses), abs=1e-5)


def test_a_text_without_a_next_token_is_refused() -> None:
    with pytest.raises(InputError, match="forgetting_text: the file is empty or one word"):
        text_loss(tiny.gpt2(), ENCODER, "")
