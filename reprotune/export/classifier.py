"""A causal model as an ordinary classifier, to which stock tools give nothing but a text.

The vocabulary's rows of the answers, over the temperature, are its head; the prompt goes into the
tokenizer. Both are exact, or it is refused.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, cast

import torch
from tokenizers import Tokenizer
from transformers import (
    AutoModelForSequenceClassification,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from reprotune.core.printing import count_of, say
from reprotune.models.encoders import Encoder, is_prompted
from reprotune.models.exported import MARKED
from reprotune.models.heads import TextEncoder, head_modules
from reprotune.models.pinning import TASKS
from reprotune.models.prompts import PromptEncoder
from reprotune.models.surround import PROBES
from reprotune.models.tokenizer import load_tokenizer

HEAD = "score"  # as decoders with a head call it: of the last token, without a bias
INPUTS = ["input_ids", "attention_mask"]
CLOSE = 1e-4  # of logits in fp32


class UnfitError(ValueError):
    """Why a causal model stays one."""


class Form(NamedTuple):
    """What is exported: a model, how it is asked, and what became of the wish for a classifier."""

    model: PreTrainedModel
    encoder: Encoder
    temperature: float = 1.0
    kept_causal: str = ""


def choose_form(
    model: PreTrainedModel,
    encoder: Encoder,
    wanted: str,
    temperature: float,
    texts: Sequence[str],
) -> Form:
    """The classifier that is wanted of a causal model; itself, where that would not be exact."""
    if not is_prompted(encoder) or wanted == "causal":
        return Form(model, encoder)
    try:
        return Form(*as_classifier(model, encoder, temperature, texts), temperature)
    except UnfitError as reason:
        say(f"export.form classifier: kept causal, for {reason}", sys.stderr)
        return Form(model, encoder, kept_causal=str(reason))


def as_classifier(
    model: PreTrainedModel, encoder: PromptEncoder, temperature: float, texts: Sequence[str]
) -> tuple[PreTrainedModel, TextEncoder]:
    """The same body with a head, and the encoder that asks it; the model is used up.

    Raises:
        UnfitError: one of the texts would become other tokens, or the head say something else.
    """
    answers = list(encoder.targets.values())
    if any(len(answer) > 1 for answer in answers):
        raise UnfitError("the answer of a class has several tokens")
    reader = read_plainly(encoder)
    config = reader.configure(model.config)
    weight = find_head(model, encoder, [answer[0] for answer in answers])
    if config.model_type not in TASKS["classification"]:
        raise UnfitError(f"transformers has no {config.model_type} with a head")
    with torch.device("meta"):
        classifier: Any = AutoModelForSequenceClassification.from_config(config)
    if head_modules(classifier) != [HEAD]:
        raise UnfitError(f"a {type(classifier).__name__} has another head than the last token's")
    if changed := count_changed(encoder, reader, config, texts):
        raise UnfitError(
            f"{changed} of {count_of(len(texts), 'test text')} would become other tokens"
        )
    setattr(classifier, classifier.base_model_prefix, model.base_model)
    head = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    head.weight = torch.nn.Parameter(weight / temperature)
    classifier.score = head
    return cast(PreTrainedModel, classifier.eval()), reader


@torch.no_grad()
def find_head(
    model: PreTrainedModel, encoder: PromptEncoder, tokens: Sequence[int]
) -> torch.Tensor:
    """The rows of the vocabulary that give the tokens' logits, but for a constant.

    Raises:
        UnfitError: the model does more with the states than multiply them.
    """
    found = model.get_output_embeddings()
    if not isinstance(found, torch.nn.Linear):
        raise UnfitError(f"a {type(model).__name__} has no ordinary vocabulary")
    weight = found.weight[list(tokens)].float()
    ids = torch.tensor([encoder.prompt(PROBES[0])], device=weight.device)
    said = model.eval()(input_ids=ids).logits[:, -1, list(tokens)].float()
    if found.bias is not None:
        absorb(model, weight, found.bias[list(tokens)].float())
    made = model.base_model(input_ids=ids).last_hidden_state[:, -1].float() @ weight.T
    if (said - made - (said - made).mean()).abs().max() > CLOSE * said.abs().max().clamp(min=1):
        raise UnfitError(f"a {type(model).__name__} changes what its vocabulary says of a state")
    return weight


def absorb(model: PreTrainedModel, weight: torch.Tensor, bias: torch.Tensor) -> None:
    """Move the bias of the answers into that of the last norm, for heads have none."""
    norms = [m for m in model.base_model.modules() if isinstance(m, torch.nn.LayerNorm)]
    if not norms or norms[-1].bias is None:
        raise UnfitError(f"a {type(model).__name__} has a bias for each word")
    norms[-1].bias.add_(torch.linalg.pinv(weight.double()).to(bias) @ (bias - bias.mean()))


def count_changed(
    encoder: PromptEncoder, reader: TextEncoder, config: PretrainedConfig, texts: Sequence[str]
) -> int:
    """Texts of which the reader makes other tokens, once transformers has saved and read it.

    For some types of model it makes a tokenizer of its own of what is saved.
    """
    with TemporaryDirectory() as folder:
        reader.tokenizer.save_pretrained(folder)
        config.save_pretrained(folder)
        found = replace(reader, tokenizer=load_tokenizer(Path(folder)))
    return sum(found.prompt(text) != encoder.prompt(text) for text in texts)


def read_plainly(encoder: PromptEncoder) -> TextEncoder:
    """An encoder whose tokenizer puts the prompt around a text.

    Raises:
        UnfitError: the prompt is not the same around every text.
    """
    source, around = encoder.tokenizer, encoder.surround
    if around is None:
        raise UnfitError("its tokenizer makes other tokens of a text alone than within the prompt")
    before, after = [*encoder.prefix, *around.before], list(around.after)
    if source.pad_token_id in after[-1:]:
        raise UnfitError("its prompt ends with the token that pads")
    values = json.loads(cast(Any, source).backend_tokenizer.to_str())
    values |= {
        "added_tokens": [token | MARKED for token in values["added_tokens"]],
        "truncation": None,
        "padding": None,
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                substitute("\\r\\n?", "\n"),
                {"type": "Strip", "strip_left": around.strips[0], "strip_right": around.strips[1]},
                *([{"type": "Prepend", "prepend": around.lead}] if around.lead else []),
                *([substitute("\\z", around.tail)] if around.tail else []),
                *([values["normalizer"]] if values["normalizer"] else []),
            ],
        },
        "post_processor": put_around(before, after),
    }
    limit = encoder.room + len(encoder.prefix)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(values)),
        **source.special_tokens_map,
        padding_side="right",
        model_max_length=limit,
        model_input_names=INPUTS,
        split_special_tokens=True,
    )
    return TextEncoder(tokenizer, encoder.classes, limit)


def substitute(pattern: str, content: str) -> dict[str, Any]:
    return {"type": "Replace", "pattern": {"Regex": pattern}, "content": content}


def put_around(before: Sequence[int], after: Sequence[int]) -> dict[str, Any]:
    """The post-processor of ``tokenizer.json`` that puts tokens around those of a text."""
    parts = {"before": before, "after": after}
    known = {name: ids for name, ids in parts.items() if ids}
    marks = {name: [{"SpecialToken": {"id": name, "type_id": 0}}] for name in known}
    first, second = ({"Sequence": {"id": name, "type_id": 0}} for name in "AB")
    left, right = marks.get("before", []), marks.get("after", [])
    return {
        "type": "TemplateProcessing",
        "single": [*left, first, *right],
        "pair": [*left, first, second, *right],
        "special_tokens": {
            name: {"id": name, "ids": list(ids), "tokens": [str(i) for i in ids]}
            for name, ids in known.items()
        },
    }
