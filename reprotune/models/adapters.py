"""What is trained and what is kept of it: adapters, a soft prompt, a head, or all weights.

LoRA (Hu et al. 2021), rsLoRA (Kalajdzievski 2023), DoRA (Liu et al. 2024), IA3 (Liu et al. 2022)
and prompt tuning (Lester et al. 2021) as peft has them; WiSE-FT (Wortsman et al. 2022) for LoRA.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, assert_never, cast

import torch
from peft import (
    IA3Config,
    LoraConfig,
    PeftConfig,
    PeftModel,
    PromptTuningConfig,
    get_peft_model,
)
from peft.utils import TRANSFORMERS_MODELS_TO_IA3_TARGET_MODULES_MAPPING as SCALED
from peft.utils import TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING as ATTENTION
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel

from reprotune.core.errors import InputError
from reprotune.core.params import Train
from reprotune.core.printing import count_of
from reprotune.models.encoders import Encoder, check_fits
from reprotune.models.heads import head_modules
from reprotune.models.prompts import PromptEncoder

ADAPTER = "adapter_config.json"
SOFT_PROMPT = "prompt_embeddings"  # in peft's file of a soft prompt
WEIGHTS = "adapter_model.safetensors"
HEAD = "head.safetensors"

Tuned = PreTrainedModel | PeftModel


def prepare(model: PreTrainedModel, train: Train, encoder: Encoder) -> Tuned:
    """The model with what ``train.method`` trains set free, and the rest frozen.

    Raises:
        InputError: the method does not go with the model.
    """
    config = adapter_config(model, train, encoder)
    if config is None:
        free(model, train)
        return model
    try:
        return cast(PeftModel, get_peft_model(model, config))
    except ValueError as error:  # such as dropout on a mixture of experts
        raise InputError(
            f"train.method {train.method} on a {model.config.model_type} model: {error}"
        ) from None


def adapter_config(model: PreTrainedModel, train: Train, encoder: Encoder) -> PeftConfig | None:
    """peft's configuration, or None for the methods that train weights of the model itself."""
    common: dict[str, Any] = {"task_type": encoder.peft_task}
    if encoder.has_head:
        common["modules_to_save"] = head_modules(model)
    match train.method:
        case "full" | "head":
            return None
        case "prompt_tuning":
            return PromptTuningConfig(
                num_virtual_tokens=train.prompt_tokens, prompt_tuning_init="SAMPLE_VOCAB", **common
            )
        case "ia3":
            look_up_modules(model, SCALED, "train.method ia3", "another method")
            return IA3Config(**common)
        case "lora" | "dora":
            targets: str | list[str] = train.lora.targets
            if targets == "attention":
                what = "train.lora.targets attention"
                targets = list(look_up_modules(model, ATTENTION, what, "all-linear"))
            return LoraConfig(
                r=train.lora.rank,
                lora_alpha=train.lora.alpha,
                lora_dropout=train.lora.dropout,
                target_modules=targets,
                use_dora=train.method == "dora",
                use_rslora=train.lora.rank_stabilized,
                bias="none",
                **common,
            )
        case _:
            assert_never(train.method)


def look_up_modules(
    model: PreTrainedModel, table: Mapping[str, Sequence[str]], what: str, other: str
) -> Sequence[str]:
    """peft's choice of modules for this type of model."""
    kind = model.config.model_type
    if kind not in table:
        raise InputError(f"{what}: unknown for a {kind} model; use {other}")
    return table[kind]


def free(model: PreTrainedModel, train: Train) -> None:
    """Let all weights, the top layers or the head alone be trained."""
    if train.method == "full" and train.unfrozen_layers is None:
        return
    model.requires_grad_(False)
    heads = head_modules(model) or [n for n, _ in model.named_children() if n == "lm_head"]
    chosen: list[torch.nn.Module] = [model.get_submodule(name) for name in heads]
    embeddings = model.get_input_embeddings().weight
    if train.method == "full":
        chosen += top_layers(model, cast(int, train.unfrozen_layers))
    for module in chosen:
        for parameter in module.parameters():  # tied embeddings belong to the bottom
            parameter.requires_grad_(parameter is not embeddings)


def top_layers(model: PreTrainedModel, count: int) -> list[torch.nn.Module]:
    """The last layers of the body, and what follows them, such as the last norm."""
    depth = model.config.get_text_config().num_hidden_layers
    if count > depth:
        raise InputError(f"train.unfrozen_layers {count}: the model has {count_of(depth, 'layer')}")
    body: torch.nn.Module = getattr(model.base_model, "language_model", model.base_model)
    parent, stack = next(
        (
            (parent, module)
            for parent in body.modules()
            for module in parent.children()
            if isinstance(module, torch.nn.ModuleList) and len(module) == depth
        ),
        (None, None),
    )
    if parent is None or stack is None:
        raise InputError(
            f"train.unfrozen_layers: the {depth} layers of a {model.config.model_type} model are "
            "not apart, for some are the same; set it null"
        )
    children = list(parent.children())
    after = children[next(i for i, child in enumerate(children) if child is stack) + 1 :]
    return [*list(stack)[-count:], *after]


def interpolate(model: Tuned, train: Train) -> None:
    """Of what LoRA has learned a share is kept: less is forgotten (WiSE-FT)."""
    if train.method == "lora":
        for name, parameter in model.named_parameters():
            if "lora_B" in name or "lora_embedding_B" in name:
                parameter.data *= train.lora.interpolation


def save_tuned(model: Tuned, method: str, target: Path) -> None:
    """Write the adapter, the head or all weights, so that equal models are equal files."""
    target.mkdir(parents=True, exist_ok=True)
    if method == "head":
        head = {name: p.detach().cpu() for name, p in model.named_parameters() if p.requires_grad}
        save_file(head, target / HEAD, metadata={"format": "pt"})
        return
    model.save_pretrained(str(target))
    (target / "README.md").unlink(missing_ok=True)  # a form to fill in; the export has the card
    config = target / ADAPTER
    if config.is_file():
        values = json.loads(config.read_text())
        for key, value in values.items():
            if isinstance(value, list):  # peft writes sets in no fixed order
                values[key] = sorted(value)
        config.write_text(json.dumps(values, indent=2, sort_keys=True) + "\n")


def is_whole(tuned: Path) -> bool:
    """Whether all weights were trained, so that the base is not needed."""
    return not any((tuned / name).is_file() for name in (ADAPTER, HEAD))


def apply(base: PreTrainedModel, tuned: Path, encoder: Encoder) -> tuple[Tuned, Encoder]:
    """The base under what was trained of it; a soft prompt becomes new tokens of the base."""
    if (tuned / HEAD).is_file():
        base.load_state_dict(load_file(tuned / HEAD), strict=False)
        return base, encoder
    if PeftConfig.from_pretrained(str(tuned)).peft_type == "PROMPT_TUNING":
        vectors = load_file(tuned / WEIGHTS)[SOFT_PROMPT]
        return add_soft_prompt(base, vectors, cast(PromptEncoder, encoder))
    return PeftModel.from_pretrained(base, str(tuned)), encoder


def count_soft_tokens(model: torch.nn.Module) -> int:
    """How many tokens peft puts before those that a model is given."""
    model = getattr(model, "module", model)  # of several processes
    config = model.active_peft_config if isinstance(model, PeftModel) else None
    return int(getattr(config, "num_virtual_tokens", 0))


def add_soft_prompt(
    model: PreTrainedModel, vectors: torch.Tensor, encoder: PromptEncoder
) -> tuple[PreTrainedModel, PromptEncoder]:
    """The soft prompt as the embeddings of new tokens, which the encoder puts first.

    So a batch may be padded, and an export needs no peft. ``vectors``: (tokens, hidden size).
    """
    tokenizer = encoder.tokenizer
    names = [f"<soft_{number}>" for number in range(len(vectors))]
    tokenizer.add_special_tokens({"additional_special_tokens": names})
    ids = [cast(int, tokenizer.convert_tokens_to_ids(name)) for name in names]
    old = model.config.get_text_config().vocab_size
    model.resize_token_embeddings(max(len(tokenizer), old), mean_resizing=False)
    output = cast(torch.Tensor, model.get_output_embeddings().weight)
    output.data[old:] = 0  # not random: they are part of every probability
    weight = cast(torch.Tensor, model.get_input_embeddings().weight)
    weight.data[ids] = vectors.to(weight)
    return model, replace(encoder, prefix=tuple(ids))


def check_room(model: PreTrainedModel, train: Train, encoder: Encoder) -> None:
    """Raise InputError if a soft prompt leaves too little of the model's context."""
    if train.method == "prompt_tuning":
        check_fits(encoder, model.config, more=train.prompt_tokens)
