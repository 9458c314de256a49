"""The file that pins a base model, and the folder that it stands for."""

import json
from pathlib import Path
from typing import Any

from reprotune import hub
from reprotune.hub import Repository
from reprotune.params import InputError
from reprotune.stage import write_json

MANIFEST = "base.json"


def write_manifest(manifest: dict[str, Any], base: Path) -> None:
    write_json(base / MANIFEST, manifest)


def located(base: Path) -> Path:
    """The folder that a manifest pins; a model of the Hub is fetched if it is not in the cache.

    Only the sizes are compared: the hashes were taken from files that DVC or a commit pins.
    """
    manifest = json.loads((base / MANIFEST).read_text(encoding="utf-8"))
    folder = Path(manifest["location"])
    if manifest["kind"] == "hub":
        repository = Repository(manifest["location"], "model", manifest["revision"])
        found = hub.fetch(repository, [file["name"] for file in manifest["files"]])
        folder = found["config.json"].parent
    for file in manifest["files"]:
        path = folder / file["name"]
        if not path.is_file() or path.stat().st_size != file["bytes"]:
            raise InputError(f"{path}: not the file that was pinned; run dvc repro base_model")
    return folder
