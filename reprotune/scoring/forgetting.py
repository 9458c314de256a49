"""What a language model has forgotten: its loss on text that it was not tuned on."""

import torch
from transformers import PreTrainedModel

from reprotune.core.errors import InputError
from reprotune.models.adapters import Tuned
from reprotune.models.prompts import PromptEncoder

BLOCKS = 200  # of text that are read at most


@torch.inference_mode()
def text_loss(model: PreTrainedModel | Tuned, encoder: PromptEncoder, text: str) -> float:
    """Mean loss of the next token in nats, over blocks as long as a prompt may be.

    Raises:
        InputError: the text has no next token: a loss of 0 would say that nothing is forgotten.
    """
    model.eval()
    ids = encoder.tokens(text)
    size = encoder.max_tokens
    blocks = [ids[start : start + size] for start in range(0, len(ids) - 1, size)][:BLOCKS]
    device = next(model.parameters()).device
    total, count = 0.0, 0
    for block in (block for block in blocks if len(block) > 1):
        batch = torch.tensor([block], device=device)
        loss = model(input_ids=batch, labels=batch).loss
        total, count = total + float(loss) * (len(block) - 1), count + len(block) - 1
    if not count:
        raise InputError(
            "predictions.forgetting_text: the file is empty or one word, and its loss would say "
            "nothing; put some paragraphs of any text into it"
        )
    return total / count
