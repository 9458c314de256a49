"""Resolve, check and pin the base model."""

from pathlib import Path

from reprotune.core import paths
from reprotune.core.params import Params
from reprotune.core.runner import main
from reprotune.models.chat import check_template
from reprotune.models.pinning import Place, check_task, pin, resolve
from reprotune.models.tokenizer import load_tokenizer
from reprotune.tables import metrics as records


def run(
    params: Params,
    source: Path = paths.SOURCE_MODELS,
    base: Path = paths.BASE,
    metrics: Path = paths.BASE_METRICS,
) -> None:
    place = Place(params.model.kind, params.model.location, params.model.revision)
    folder = resolve(place, source)
    check_task(folder, params.model.task)
    tokenizer = load_tokenizer(folder)  # said here, before hours of work, if it cannot pad
    if params.model.task == "causal":
        check_template(tokenizer, params.prompt.chat)
    manifest = pin(folder, place)
    manifest.write(base)
    figures = records.BaseModelFigures(
        architecture=manifest.architecture,
        parameters=manifest.parameters,
        bytes=sum(file.bytes for file in manifest.files),
    )
    records.write(metrics, figures)


if __name__ == "__main__":
    main(run)
