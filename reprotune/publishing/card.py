"""The card of a published model: the Hub's metadata, and every figure that a user should know.

It is made when the model is published, not by the stage `export`: it tells of figures that come
after the export, and another `evaluate.confidence` must merge nothing.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from reprotune.core import paths
from reprotune.core.printing import count_of
from reprotune.evaluation.worth import tell_uneven, tell_worth
from reprotune.export.model_card import plain
from reprotune.publishing.facts import Facts, Release
from reprotune.tables.figures import Interval

UNKNOWN = "not stated"
SPLIT = "test"


def make_card(facts: Facts, exported: str) -> ModelCard:
    """The card, of which the lines on how to use the model are those of the exported folder's."""
    pipeline = str(ModelCard(exported).data.get("pipeline_tag"))
    sections = [
        f"# {facts.name.split('/')[-1]}",
        take_use(exported),
        *write_quality(facts),
        *write_limits(facts, pipeline),
        *write_origin(facts),
    ]
    data = describe(facts, pipeline)
    return ModelCard(f"---\n{data.to_yaml()}\n---\n" + "\n\n".join(filter(None, sections)) + "\n")


def take_use(exported: str) -> str:
    """What the exported folder's own card says before its first figure."""
    lines = ModelCard(exported).text.strip().splitlines()
    first = next((n for n, line in enumerate(lines) if line.startswith(("|", "## "))), len(lines))
    return "\n".join(line for line in lines[:first] if not line.startswith("# ")).strip()


def describe(facts: Facts, pipeline: str) -> ModelCardData:
    """The metadata by which the Hub finds and shows a model."""
    download, base = facts.params.download, facts.base
    return ModelCardData(
        base_model=base.location if base.kind == "hub" else None,
        base_model_relation="finetune" if base.kind == "hub" else None,
        base_model_revision=base.revision,
        datasets=[str(download.repository)] if download.kind == "hub" else None,
        dataset_revision=download.revision,
        language=facts.languages or None,
        license=facts.license,
        library_name="transformers",
        pipeline_tag=pipeline,
        tags=["reprotune"],
        model_name=facts.name.split("/")[-1],
        eval_results=list_results(facts),
    )


def list_results(facts: Facts) -> list[EvalResult]:
    """Accuracy and macro-F1, each with its interval, as ``model-index`` has them."""
    test, download, between = facts.evaluation.test, facts.params.download, find_intervals(facts)
    return [
        EvalResult(
            task_type="text-classification",
            dataset_type=download.repository or download.kind,
            dataset_name=download.repository or tell_data(facts),
            dataset_split=SPLIT,
            dataset_revision=download.revision,
            metric_type=kind,
            metric_name=name,
            metric_value=value,
            metric_args=describe_interval(facts, between.get(key)),
        )
        for kind, name, key, value in (
            ("accuracy", "Accuracy", "accuracy", test.accuracy),
            ("f1", "Macro-F1", "macro_f1", test.macro_f1),
        )
    ]


def find_intervals(facts: Facts) -> dict[str, Interval]:
    """Of accuracy and macro-F1, where they are known."""
    found = facts.evaluation.test.interval
    named = {"accuracy": found.accuracy, "macro_f1": found.macro_f1} if found else {}
    return {name: interval for name, interval in named.items() if interval}


def describe_interval(facts: Facts, found: Interval | None) -> dict[str, object] | None:
    return (
        {"interval": list(found), "confidence": facts.params.evaluate.confidence} if found else None
    )


def tell_data(facts: Facts) -> str:
    download = facts.params.download
    return "built-in headlines" if download.kind == "builtin" else "files of the project"


def tabulate(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [headers, ["---"] * len(headers), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def span(found: Interval | None) -> str:
    return f"{found[0]:.3f} to {found[1]:.3f}" if found else ""


def write_quality(facts: Facts) -> list[str]:
    """What the model reaches on the test rows, class by class and beside the baselines."""
    found = facts.evaluation
    test, between = found.test, find_intervals(facts)
    recalls = (test.interval and test.interval.recall) or {}
    confidence = f"{100 * facts.params.evaluate.confidence:g} %"
    figures = [
        ["accuracy", f"{test.accuracy:.3f}", span(between.get("accuracy"))],
        ["macro-F1", f"{test.macro_f1:.3f}", span(between.get("macro_f1"))],
    ]
    if found.reference:
        reference = found.reference.interval
        figures += [
            [
                "accuracy against the truth",
                f"{found.reference.accuracy:.3f}",
                span(reference.accuracy if reference else None),
            ]
        ]
    by_class = [
        [plain(name), count, f"{test.precision[name]:.3f}", f"{test.recall[name]:.3f}",
         span(recalls.get(name)), f"{test.f1[name]:.3f}"]
        for name, count in test.support.items()
    ]  # fmt: skip
    beside = [
        [plain(name.replace("_", " ")), f"{facts.baselines.baselines[name].accuracy:.3f}",
         f"{facts.baselines.baselines[name].macro_f1:.3f}", f"{gain.accuracy:+.3f}",
         f"{gain.interval[0]:+.3f} to {gain.interval[1]:+.3f}"]
        for name, gain in found.gain_over.items()
    ]  # fmt: skip
    return [
        "## How good it is",
        f"On {count_of(test.rows, 'test row')} that it never saw; intervals of {confidence}.",
        tabulate(["", "value", "interval"], figures),
        tell_uneven(test),
        tabulate(["class", "test rows", "precision", "recall", "interval", "F1"], by_class),
        "Without tuning, on the same rows, and what the tuned model has more:",
        tabulate(["baseline", "accuracy", "macro-F1", "gain in accuracy", "interval"], beside),
        tell_worth(found.gain_over, plain),
    ]


def write_limits(facts: Facts, pipeline: str) -> list[str]:
    """Where these figures end."""
    found, tokens = facts.evaluation, facts.params.prompt.max_tokens
    stock = pipeline == "text-classification"
    told = [
        "They hold for texts like the test rows and for no others.",
        f"Without the test rows whose label is doubted ({found.without_doubted.rows} left) "
        f"accuracy is {found.without_doubted.shown}, without those that nearly repeat a "
        f"training row ({found.without_leaked.rows} left) {found.without_leaked.shown}.",
        f"Probabilities: calibration error {found.test.ece:.3f}, log loss "
        f"{found.test.log_loss:.3f} nats, Brier score {found.test.brier:.3f} (of 0 to 2).",
        f"A text is read up to {count_of(tokens, 'token')}, prompt included, and cut beyond "
        f"({count_of(facts.predictions.texts_cut, 'test text', 'were')}). "
        + (
            f"Ask the same of stock tools: `truncation=True, max_length={tokens}`." if stock else ""
        ),
    ]
    if found.calibration and found.calibration.temperature != 1:
        after = found.calibration
        made = ", which is in the head," if stock and facts.params.model.task == "causal" else ""
        told.insert(
            3,
            f"With the temperature {after.temperature:.3f}{made} calibration error is "
            f"{after.after.ece:.3f}.",
        )
    if lost := facts.predictions.forgetting:
        told.append(
            f"Tuning changed the loss on general text from {lost.before:.3f} to {lost.after:.3f} "
            "nats a token: do not use it to write."
        )
    return ["## Limits", "\n".join(f"- {line}" for line in told)]


def write_origin(facts: Facts) -> list[str]:
    """Base model, data and how to rebuild it."""
    params, base = facts.params, facts.base
    revision = f" at `{base.revision}`" if base.revision else ""
    counts = [
        [
            plain(name),
            *(
                part.get(name, 0)
                for part in (facts.split.train, facts.split.validation, facts.split.test)
            ),
        ]
        for name in facts.split.test
    ]
    return [
        "## Where it comes from",
        "\n".join(
            [
                f"- Base model: `{base.location}`{revision}, {base.architecture} of "
                f"{facts.base_model.parameters:,} weights; license: "
                f"{facts.base_license or UNKNOWN}.",
                f"- Tuning: {params.train.method}, {count_of(facts.train.rows, 'row')}, "
                f"{facts.train.trained_parameters:,} weights, seed {params.train.seed}.",
                f"- Data: {'; '.join(list_data(facts))}; license: {facts.data_license or UNKNOWN}.",
            ]
        ),
        "Rows of each class:",
        tabulate(["class", "train", "validation", "test"], counts),
        "## How to rebuild it",
        f"In the project, at its commit `{facts.commit}`: `dvc pull`, or `dvc repro`; "
        "`reprotune verify` rebuilds every number.",
        tabulate(
            ["", "hash"],
            [
                ["`dvc.lock` (sha256)", f"`{facts.lock}`"],
                [f"`{paths.MERGED}` (DVC)", f"`{facts.folder}`"],
                [f"`{paths.BASE}` (DVC)", f"`{facts.hashes.get(str(paths.BASE), UNKNOWN)}`"],
                *(
                    [f"`{part}` (DVC)", f"`{facts.hashes[str(part)]}`"]
                    for part in (paths.SOURCE_DATA, paths.TRAIN, paths.VALIDATION, paths.TEST)
                    if str(part) in facts.hashes
                ),
            ],
        ),
        f"With {', '.join(f'{name} {version}' for name, version in facts.pins.items())}.",
    ]


def list_data(facts: Release) -> list[str]:
    """Where the examples are from, each with what pins it; an address without its secrets."""
    download = facts.params.download
    if download.kind == "builtin":
        return [f"headlines that this version of reprotune makes, seed {facts.params.seed}"]
    if download.kind == "hub":
        return [f"`{download.repository}` at `{download.revision}`"]
    is_url = download.kind == "url"
    return [
        f"`{Path(urlsplit(file.location).path if is_url else file.location).name}`"
        + (f", sha256 `{file.sha256}`" if file.sha256 else "")
        for file in download.files
    ]
