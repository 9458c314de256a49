"""Resolve, check and pin the base model."""

from pathlib import Path

from reprotune import paths
from reprotune.model.base import Place, check_task, pin, resolve
from reprotune.model.manifest import write_manifest
from reprotune.model.tokenizer import load_tokenizer
from reprotune.params import Params
from reprotune.stage import main, write_json


def run(
    params: Params,
    source: Path = paths.SOURCE_MODELS,
    base: Path = paths.BASE,
    metrics: Path = paths.BASE_METRICS,
) -> None:
    place = Place(params.model.kind, params.model.location, params.model.revision)
    folder = resolve(place, source)
    check_task(folder, params.model.task)
    load_tokenizer(folder)  # said here, before hours of work, if it cannot pad
    manifest = pin(folder, place)
    write_manifest(manifest, base)
    write_json(
        metrics,
        {
            "architecture": manifest["architecture"],
            "parameters": manifest["parameters"],
            "bytes": sum(file["bytes"] for file in manifest["files"]),
        },
    )


if __name__ == "__main__":
    main(run)
