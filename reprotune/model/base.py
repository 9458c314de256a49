"""Resolve, check and pin a base model, without loading it."""

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
)

from reprotune.params import InputError
from reprotune.stage import write_json

MANIFEST = "base.json"
NEEDED = ("config.json", "tokenizer.json|tokenizer.model|vocab.json|vocab.txt|spiece.model")
PINNED = {".json", ".safetensors", ".model", ".txt", ".jinja"}  # no cards, no download caches
TASKS = {
    "causal": MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    "classification": MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
}
SPEECHLESS = ("Model", "ForMaskedLM", "ForPreTraining", "Classification", "ForQuestionAnswering")
BLOCK = 1 << 20


def resolve(location: str, folder: Path) -> Path:
    """The folder of a local model; it must lie in ``folder``, which is tracked."""
    path = Path(location) if Path(location).is_relative_to(folder) else folder / location
    if not path.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"model.location {location}: must lie under {folder}; copy it there")
    path = folder / path.resolve().relative_to(folder.resolve())
    if not path.is_dir():
        present = sorted(p.name for p in folder.iterdir() if p.is_dir())
        raise InputError(f"model.location {location}: no such folder; {folder} holds {present}")
    names = {p.name for p in path.iterdir()}
    missing = [need for need in NEEDED if not names & set(need.split("|"))]
    if not any(name.endswith(".safetensors") for name in names):
        missing.append("*.safetensors")
    if missing:
        raise InputError(
            f"{path}: not a model folder, for it lacks {', '.join(missing).replace('|', ' or ')}; "
            "save one there with save_pretrained()"
        )
    return path


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def parameter_count(path: Path) -> int:
    """Number of weights in a safetensors file, from its header."""
    try:
        with safe_open(path, "numpy") as file:
            return sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise InputError(
            f"{path}: not readable as safetensors ({error}): cut off, or a pointer to the real "
            "file; fetch it again"
        ) from None


def weight_files(path: Path) -> list[str]:
    """The files that hold the weights: those of the index, if the weights are in shards."""
    index = path / "model.safetensors.index.json"
    if not index.is_file():
        return sorted(p.name for p in path.glob("*.safetensors"))
    shards = read_object(index).get("weight_map")
    if not isinstance(shards, dict) or not shards:
        raise InputError(f"{index}: has no weight_map; fetch it again")
    return sorted(set(shards.values()))


def read_object(file: Path) -> dict[str, Any]:
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(
            f"{file}: not readable as JSON: {error}; fetch it or save the model again"
        ) from None
    if not isinstance(values, dict):
        raise InputError(f"{file}: no JSON object; fetch it or save the model again")
    return values


def read_config(path: Path) -> dict[str, Any]:
    """The configuration of a model folder, which names a type that transformers knows itself."""
    config = read_object(path / "config.json")
    kind = config.get("model_type")
    if not any(kind in names for names in TASKS.values()):
        known = "names no model_type" if kind is None else f"has the model_type {kind!r}"
        raise InputError(
            f"{path / 'config.json'}: {known}, and transformers has no text classifier for that "
            "without code of the model's own, which is not run; save another model there"
        )
    return config


def architecture(config: Mapping[str, Any]) -> str:
    """The class that was saved, such as ``LlamaForCausalLM``."""
    return str((config.get("architectures") or ["unknown"])[0])


def tasks(config: Mapping[str, Any]) -> list[str]:
    """What the model can do as ``model.task``."""
    able = [task for task, names in TASKS.items() if config["model_type"] in names]
    name = architecture(config)
    speechless = name.endswith(SPEECHLESS) and not name.endswith("LMHeadModel")
    return [task for task in able if task != "causal" or not speechless]


def check_task(path: Path, task: str) -> None:
    """Raise InputError if the model cannot do ``model.task``."""
    config = read_config(path)
    if task in (able := tasks(config)):
        return
    lacks = {"causal": "predicts no next word", "classification": "can have no head"}[task]
    raise InputError(
        f"{path}: a {architecture(config)} {lacks}, as model.task {task} needs; use "
        f"{f'model.task {able[0]}' if able else 'another model'}"
    )


def pin(path: Path, kind: str) -> dict[str, Any]:
    """What is known of a model folder: architecture, size, and every file's size and hash."""
    files = sorted(p for p in path.iterdir() if p.suffix in PINNED)
    config = read_config(path)
    return {
        "kind": kind,
        "location": path.as_posix(),
        "architecture": architecture(config),
        "parameters": sum(parameter_count(path / name) for name in weight_files(path)),
        "files": [
            {
                "name": p.name,
                "bytes": p.stat().st_size,
                "sha256": sha256(p),
            }
            for p in files
        ],
    }


def write_manifest(manifest: dict[str, Any], base: Path) -> None:
    write_json(base / MANIFEST, manifest)


def located(base: Path) -> Path:
    """The folder that a manifest pins.

    Only the sizes are compared: the hashes were taken from files that DVC tracks.
    """
    manifest = json.loads((base / MANIFEST).read_text(encoding="utf-8"))
    folder = Path(manifest["location"])
    for file in manifest["files"]:
        path = folder / file["name"]
        if not path.is_file() or path.stat().st_size != file["bytes"]:
            raise InputError(f"{path}: not the file that was pinned; run dvc repro base_model")
    return folder
