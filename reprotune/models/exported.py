"""The folder of an exported model: weights, tokenizer, and how it is asked. Needs no peft."""

import json
from collections.abc import Callable
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, cast, get_type_hints

import pandas as pd
import torch
from pydantic import ConfigDict, create_model
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from reprotune.core.errors import InputError
from reprotune.core.io import parse_json
from reprotune.core.seals import CLASSIFIER
from reprotune.models.encoders import ENCODERS, Encoder
from reprotune.models.heads import TextEncoder
from reprotune.models.loading import WHOLE, load_model
from reprotune.models.prompts import PromptEncoder
from reprotune.models.tokenizer import load_tokenizer

CERTAINTIES = "certainties.csv"
MARKED = {"special": True}


def save_merged(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, dtype: str, target: Path
) -> None:
    """Write weights in ``dtype`` and the tokenizer.

    Raises:
        InputError: a weight does not fit the number format.
    """
    model = model.to(getattr(torch, dtype))
    infinite = [name for name, p in model.named_parameters() if not p.isfinite().all()]
    if infinite:
        raise InputError(f"export.dtype {dtype}: {infinite[0]} does not fit; use bfloat16")
    model.save_pretrained(str(target))
    if isinstance(templates := tokenizer.chat_template, dict):  # they would be a folder in this one
        tokenizer.chat_template = templates.get("default")
    tokenizer.save_pretrained(str(target))


def save_classifier(encoder: Encoder, target: Path) -> None:
    """Write beside the weights how the model is asked, so that the folder is complete."""
    kept = [f.name for f in fields(cast(Any, encoder)) if f.name != "tokenizer"]
    values = {"task": encoder.task} | {name: getattr(encoder, name) for name in kept}
    text = json.dumps(values, indent=2, ensure_ascii=False) + "\n"
    (target / CLASSIFIER).write_text(text, encoding="utf-8")
    if encoder.has_head:
        keep_plain(target)


def keep_plain(folder: Path) -> None:
    """Make stock tools, too, read added tokens that a text spells out ("[SEP]") as text.

    They can be told so of special tokens alone; to a head no other meaning is lost.
    """
    update_json(folder / "tokenizer_config.json", lambda values: {"split_special_tokens": True})
    if (file := folder / "tokenizer.json").is_file():
        update_json(
            file, lambda values: {"added_tokens": [a | MARKED for a in values["added_tokens"]]}
        )


def update_json(file: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    values = json.loads(file.read_text(encoding="utf-8"))
    text = json.dumps(values | change(values), indent=2, ensure_ascii=False) + "\n"
    file.write_text(text, encoding="utf-8")


def load_classifier(folder: Path) -> tuple[PreTrainedModel, Encoder]:
    """An exported model and the encoder that it was tuned with.

    Raises:
        InputError: there is none, or it is damaged.
    """
    file = folder / CLASSIFIER
    if not file.is_file():
        raise InputError(f"{folder}: no exported model here; `dvc repro` makes one")
    kind, values = read_record(file)
    encoder = kind(load_tokenizer(folder), **values)
    return load_model(folder, WHOLE, encoder), encoder


def read_record(file: Path) -> tuple[type[PromptEncoder] | type[TextEncoder], dict[str, Any]]:
    """What ``save_classifier`` wrote: the kind of the encoder, and what it is made of."""
    try:
        values = parse_json(file.read_bytes())
        kind = ENCODERS[values.pop("task")]
        hints = get_type_hints(kind)
        parts: Any = {
            f.name: (hints[f.name], ... if f.default is MISSING else f.default)
            for f in fields(kind)
            if f.name != "tokenizer"
        }
        record = create_model("Record", __config__=ConfigDict(extra="forbid"), **parts)
        return kind, dict(record.model_validate(values))
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        raise InputError(
            f"{file}: damaged, or of another version of reprotune; run dvc repro export"
        ) from None


def save_certainties(held: pd.DataFrame, target: Path) -> None:
    """Write how sure the model was of validation rows, and which it got right.

    From these follows where it has to abstain, whatever accuracy is asked of it.
    """
    held.to_csv(target / CERTAINTIES, index=False, float_format="%.6f")


def load_certainties(folder: Path) -> pd.DataFrame | None:
    """Columns certainty and right; None if the folder is of an earlier version."""
    file = folder / CERTAINTIES
    return pd.read_csv(file, dtype={"right": bool}) if file.is_file() else None
