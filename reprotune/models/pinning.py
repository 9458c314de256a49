"""Resolve, check and pin a base model, without loading it."""

import math
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Literal, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
)

from reprotune.core.errors import InputError
from reprotune.core.io import parse_json
from reprotune.core.seals import hash_file
from reprotune.models.manifest import Manifest, PinnedFile
from reprotune.sources import hub
from reprotune.sources.hub import Repository

NEEDED = ("config.json", "tokenizer.json|tokenizer.model|vocab.json|vocab.txt|spiece.model")
PINNED = {".json", ".model", ".txt", ".jinja"}  # beside weights: no cards, no download caches
TASKS = {
    "causal": MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    "classification": MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
}
SPEECHLESS = ("Model", "ForMaskedLM", "ForPreTraining", "Classification", "ForQuestionAnswering")
TEMPLATES = "additional_chat_templates/*.jinja"  # which transformers reads, too
ADAPTER = "adapter_config.json"  # by which transformers takes a folder for another model's
WEIGHTS = ("model.safetensors", "pytorch_model.bin")  # the second only where the first is not
# Types of which a text's answer depends on the padding, so on the texts of its batch.
PADDED = {
    *("convbert", "fnet", "mobilebert", "nystromformer", "recurrent_gemma", "rwkv", "xlnet"),
    *("xlstm", "yoso"),
}
# Encoders, which fill in masks: unless saved as decoders they see the answer that they learn.
BOTH_WAYS = {*MODEL_FOR_MASKED_LM_MAPPING_NAMES}
LAYERS = re.compile("layers?$")  # how the names of their counts end
MOST_LAYERS = 1000  # all are built before a weight is looked for
# What torch and safetensors raise of files that are not what their names say.
BROKEN: tuple[type[Exception], ...] = (
    *(OSError, EOFError, RuntimeError, ValueError, AttributeError),
    *(UnpicklingError, SafetensorError),
)


class Place(NamedTuple):
    """Where a base model is: ``model.kind``, ``model.location`` and ``model.revision``."""

    kind: Literal["builtin", "path", "hub"]
    location: str
    revision: str | None = None


def resolve(place: Place, folder: Path) -> Path:
    """The folder of the base model: one in ``folder``, which is tracked, or in the Hub's cache.

    A model of the Hub is fetched if its files are not there.
    """
    if place.kind == "hub":
        path = from_hub(Repository(place.location, "model", str(place.revision)))
    else:
        path = local(place.location, folder)
    names = {p.name for p in path.iterdir()}
    refuse_adapter(str(path), names)
    missing = [need for need in NEEDED if not names & set(need.split("|"))]
    if not weight_files(path):
        missing.append(WEIGHTS[0])
    if missing:
        raise InputError(
            f"{path}: not a model folder, for it lacks {', '.join(missing).replace('|', ' or ')}; "
            "save one there with save_pretrained()"
        )
    return path


def local(location: str, folder: Path) -> Path:
    path = Path(location) if Path(location).is_relative_to(folder) else folder / location
    if not path.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"model.location {location}: must lie under {folder}; copy it there")
    path = folder / path.resolve().relative_to(folder.resolve())
    if not path.is_dir():
        present = sorted(p.name for p in folder.glob("*") if p.is_dir())
        raise InputError(f"model.location {location}: no such folder; {folder} holds {present}")
    for file in path.rglob("*"):
        if not file.resolve().is_relative_to(path.resolve()):
            raise InputError(f"{file}: a link out of the folder of the model; copy the file there")
    return path


def refuse_adapter(where: str, names: Collection[str]) -> None:
    if ADAPTER in names:
        raise InputError(
            f"{where}: holds an adapter ({ADAPTER}), which needs another model; merge it into that "
            "with peft's merge_and_unload(), and take what save_pretrained() writes"
        )


def from_hub(repository: Repository) -> Path:
    """The folder of a repository in the Hub's cache, with the files that a model needs."""
    names = [entry.name for entry in needed(repository)]
    return hub.fetch(repository, names)["config.json"].parent


def needed(repository: Repository) -> list[hub.Entry]:
    """The files of a repository that a model needs: weights in one format, no cards."""
    entries = hub.list_files(repository)
    names = [entry.name for entry in entries]
    refuse_adapter(str(repository), names)
    wanted = {name for name in names if "/" not in name and Path(name).suffix in PINNED}
    if "config.json" not in wanted:
        raise InputError(f"{repository}: no model, for it has no config.json; it has {names}")
    wanted |= list_weights(repository, names)
    return [entry for entry in entries if entry.name in wanted]


def list_weights(repository: Repository, names: Collection[str]) -> set[str]:
    """The files with the weights of a repository; its index is fetched, if they are in shards."""
    for name in WEIGHTS:
        if (index := f"{name}.index.json") in names:
            return {*weight_files(hub.fetch(repository, [index])[index].parent)}
        if name in names:
            return {name}
    return set()


def parameter_count(path: Path) -> int:
    """Number of weights in a file, from its header if it is a safetensors file."""
    try:
        if path.suffix == ".bin":
            weights = torch.load(path, map_location="meta", mmap=True, weights_only=True)
            return sum(tensor.numel() for tensor in weights.values())
        with safe_open(path, "numpy") as file:
            return sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
    except BROKEN as error:
        raise InputError(
            f"{path}: not readable as safetensors ({error}): cut off, or a pointer to the real "
            "file; fetch it again"
        ) from None


def weight_files(path: Path) -> list[str]:
    """The files that hold the weights: those of the index, if the weights are in shards.

    PyTorch's older format counts only where there is no safetensors file, as for transformers.
    """
    for name in WEIGHTS:
        if (index := path / f"{name}.index.json").is_file():
            return list_shards(index)
        if (path / name).is_file():
            return [name]
    return []


def list_shards(index: Path) -> list[str]:
    """The files of which an index tells."""
    shards = read_object(index).get("weight_map")
    if not isinstance(shards, dict) or not shards:
        raise InputError(f"{index}: has no weight_map; fetch it again")
    for name in shards.values():
        if not isinstance(name, str) or Path(name).name != name:
            raise InputError(f"{index}: {name!r} is no file of its folder; fetch it again")
    return sorted(set(shards.values()))


def read_object(file: Path) -> dict[str, Any]:
    try:
        values = parse_json(file.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(
            f"{file}: not readable as JSON: {error}; fetch it or save the model again"
        ) from None
    if not isinstance(values, dict):
        raise InputError(f"{file}: no JSON object; fetch it or save the model again")
    return values


class Config(NamedTuple):
    """What the configuration of a model folder says of its kind."""

    type: str  # such as ``llama``
    architecture: str  # the class that was saved, such as ``LlamaForCausalLM``
    decoder: bool = False  # as which an encoder was saved


def read_config(path: Path) -> Config:
    """The kind of a model folder, which transformers must know itself."""
    config = read_object(path / "config.json")
    kind = config.get("model_type")
    if not isinstance(kind, str) or not any(kind in names for names in TASKS.values()):
        known = "names no model_type" if kind is None else f"has the model_type {str(kind)[:100]!r}"
        raise InputError(
            f"{path / 'config.json'}: {known}, and transformers has no text classifier for that "
            "without code of the model's own, which is not run; save another model there"
        )
    for name, count in find_counts(config):
        if count > MOST_LAYERS:
            raise InputError(
                f"{path / 'config.json'}: {name} is {str(count)[:100]}, and a model has at most "
                f"{MOST_LAYERS:,} layers; fetch it or save the model again"
            )
    saved = config.get("architectures") or []
    if not isinstance(saved, list) or not all(isinstance(name, str) for name in saved):
        raise InputError(
            f"{path / 'config.json'}: architectures is no list of names; fetch it or save the "
            "model again"
        )
    refuse_quantized(path, config)
    decoder = any(config.get(name) is True for name in ("is_decoder", "causal"))
    return Config(kind, saved[0] if saved else "unknown", decoder)


def refuse_quantized(path: Path, config: dict[str, Any]) -> None:
    """Raise InputError if weights are in a form that can neither be quantized nor merged into."""
    parts = (config.get("quantization_config"), config.get("compression_config"))
    for found in (part for part in parts if isinstance(part, dict)):
        method = str(found.get("quant_method", "bitsandbytes"))[:100]
        if method != "mxfp4":  # of which transformers makes ordinary weights
            raise InputError(
                f"{path}: its weights are quantized already ({method}), and an adapter cannot be "
                "merged into them; take the model that they were made of, and model.quantization"
            )


def find_counts(values: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """The numbers of layers that a configuration names."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from find_counts(value)
        elif isinstance(value, int | float) and LAYERS.search(name):
            yield name, value


def tasks(config: Config) -> list[str]:
    """What the model can do as ``model.task``."""
    if config.type in PADDED or config.type in MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES:
        return []
    able = [task for task, names in TASKS.items() if config.type in names]
    name = config.architecture
    speechless = name.endswith(SPEECHLESS) and not name.endswith("LMHeadModel")
    speechless |= config.type in BOTH_WAYS and not config.decoder
    return [task for task in able if task != "causal" or not speechless]


def check_task(path: Path, task: str) -> None:
    """Raise InputError if the model cannot do ``model.task``."""
    config = read_config(path)
    if task in (able := tasks(config)):
        return
    lacks = {"causal": "predicts no next word", "classification": "can have no head"}[task]
    if config.type in PADDED:
        lacks = "answers by the padding too, not by the text alone"
    if config.type in MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES:
        lacks = "has an encoder and a decoder, not one of them"
    raise InputError(
        f"{path}: a {config.architecture} {lacks}, as model.task {task} needs; use "
        f"{f'model.task {able[0]}' if able else 'another model'}"
    )


def describe(file: Path, folder: Path) -> PinnedFile:
    name = file.relative_to(folder).as_posix()
    return PinnedFile(name=name, bytes=file.stat().st_size, sha256=hash_file(file))


def pin(path: Path, place: Place) -> Manifest:
    """What is known of a model folder: architecture, size, and every file's size and hash."""
    weights = weight_files(path)
    files = sorted(p for p in path.iterdir() if p.suffix in PINNED or p.name in weights)
    files += sorted(path.glob(TEMPLATES))
    return Manifest(
        kind=place.kind,
        location=place.location if place.kind == "hub" else path.as_posix(),
        revision=place.revision,
        architecture=read_config(path).architecture,
        parameters=sum(parameter_count(path / name) for name in weights),
        files=[describe(p, path) for p in files],
    )
