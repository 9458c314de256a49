"""How stock tools ask a causal model for a class: ``pipeline("decision")``, `transformers serve`.

They read the label tokens' logits after a rendered prompt, as answer scoring does.
"""

import json
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

from transformers.decision import DecisionConfig
from transformers.decision.template_utils import MARK, label_token_ids

from reprotune.models.prompts import PromptEncoder

TEXT = "\ue003"  # stands for the text in a rendered prompt
KIND = "choice"


def write_decision(
    encoder: PromptEncoder, temperature: float, texts: Sequence[str], folder: Path
) -> bool:
    """Write ``decision.json`` and its template, if they ask for ``texts`` as the encoder does.

    They do not where an answer has several tokens, the prompt a soft one, or a text is cut. The
    criteria of a question are the classes, in class order.
    """
    encoder = replace(encoder, tokenizer=deepcopy(encoder.tokenizer))  # it learns to know marks
    config = describe_decision(encoder, temperature)
    exact = config is not None and all(is_same(config, encoder, text) for text in texts)
    if config is not None and exact:
        config.save_pretrained(folder)
    return exact


def describe_decision(encoder: PromptEncoder, temperature: float) -> DecisionConfig | None:
    if encoder.prefix or any(len(answer) > 1 for answer in encoder.answers.values()):
        return None
    tokens = [answer[0] for answer in encoder.answers.values()]
    labels = [str(encoder.tokenizer.decode([token])) for token in tokens]
    try:
        if label_token_ids(encoder.tokenizer, tuple(labels)) != tokens:
            return None
    except ValueError:  # they are other tokens at the beginning of a text
        return None
    start = encoder.tokenizer.bos_token
    opens = start and not encoder.chat and encoder.prompt("x")[0] == encoder.tokenizer.bos_token_id
    before, _, after = ((start if opens else "") + encoder.render(TEXT)).partition(TEXT)
    template = f"{quote(before)}{{{{ state }}}}{quote(after + MARK)}"
    return DecisionConfig(
        labels={KIND: labels}, temperature={KIND: temperature}, chat_template=template
    )


def quote(text: str) -> str:
    """A text as an expression of Jinja, whose marks in it mean nothing."""
    return f"{{{{ {json.dumps(text)} }}}}"


def is_same(config: DecisionConfig, encoder: PromptEncoder, text: str) -> bool:
    """Whether the tokens of a prompt are those that the model was tuned on."""
    question = {KIND: {"type": KIND, "criteria": dict.fromkeys(encoder.classes)}}
    ((inputs, _),) = config.prepare_inputs(
        {"state": text, "questions": question}, encoder.tokenizer
    )
    return bool(inputs["input_ids"][0].tolist() == encoder.prompt(text))
