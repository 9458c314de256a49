"""Resolve, check and pin a base model, without loading it."""

import hashlib
import json
import math
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from reprotune.params import InputError
from reprotune.stage import write_json

MANIFEST = "base.json"
NEEDED = ("config.json", "tokenizer.json|tokenizer.model|vocab.json")
PINNED = {".json", ".safetensors", ".model", ".txt", ".jinja"}  # no cards, no download caches
SPEECHLESS = ("Model", "ForMaskedLM", "ForPreTraining", "Classification", "ForQuestionAnswering")
BLOCK = 1 << 20


def resolve(location: str, folder: Path) -> Path:
    """The folder of a local model; it must lie in ``folder``, which is tracked."""
    path = Path(location) if Path(location).is_relative_to(folder) else folder / location
    if not path.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"model.location {location}: must lie under {folder}; copy it there")
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
    if index.is_file():
        return sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    return sorted(p.name for p in path.glob("*.safetensors"))


def read_config(path: Path) -> dict[str, Any]:
    file = path / "config.json"
    try:
        config: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{file}: not readable as JSON: {error}; save the model again") from None
    return config


def check_task(path: Path, task: str) -> None:
    """Raise InputError if a model without a language-model head is to say the next word."""
    architecture = read_config(path).get("architectures", ["unknown"])[0]
    speaks = architecture.endswith("LMHeadModel") or not architecture.endswith(SPEECHLESS)
    if task == "causal" and not speaks:
        raise InputError(
            f"{path}: a {architecture} predicts no next word, as model.task causal needs; use "
            "model.task classification"
        )


def pin(path: Path, kind: str) -> dict[str, Any]:
    """What is known of a model folder: architecture, size, and every file's size and hash."""
    files = sorted(p for p in path.iterdir() if p.suffix in PINNED)
    config = read_config(path)
    return {
        "kind": kind,
        "location": path.as_posix(),
        "architecture": config.get("architectures", ["unknown"])[0],
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
