"""The bill of materials of a published model: CycloneDX 1.6, the same bytes for the same commit.

Written by hand, for `cyclonedx-python-lib` 11 knows no `modelCard`; its schema is in the tests.
"""

import json
import uuid
from collections.abc import Mapping
from pathlib import Path

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

import reprotune
from reprotune.core import paths
from reprotune.core.printing import count_of
from reprotune.core.seals import hash_file
from reprotune.models.tokenizer import load_config
from reprotune.project.pins import list_locked
from reprotune.publishing.card import find_intervals, list_data
from reprotune.publishing.facts import PACKAGES, PARTS, Facts

NAME = "bom.cdx.json"
HUB = "https://huggingface.co"
SIZES = {  # the name that CycloneDX's taxonomy has for it: the configuration's
    "vocabSize": "vocab_size",
    "contextLength": "max_position_embeddings",
    "embeddingLength": "hidden_size",
    "blockCount": "num_hidden_layers",
    "attentionHeadCount": "num_attention_heads",
    "attentionHeadCountKV": "num_key_value_heads",
    "feedForwardLength": "intermediate_size",
}
SPACE = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")  # of addresses (RFC 9562)
Json = dict[str, object]


def write_bom(facts: Facts, folder: Path) -> None:
    """Write ``bom.cdx.json`` beside the files that it lists."""
    made = make_bom(facts, sorted(file for file in folder.iterdir() if file.is_file()))
    text = json.dumps(made, indent=2, ensure_ascii=False) + "\n"
    (folder / NAME).write_text(text, encoding="utf-8")


def make_bom(facts: Facts, files: list[Path]) -> Json:
    """Model, base model, data, packages and files; without a time, which is not in git."""
    owner, _, name = facts.name.rpartition("/")
    model = describe_model(facts, files)
    parts = [describe_base(facts), *describe_data(facts), *list_packages()]
    serial = uuid.uuid5(SPACE, f"{facts.name} {facts.commit} {facts.folder}")
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {
            "lifecycles": [{"phase": "post-build"}],
            "tools": {
                "components": [
                    {"type": "application", "name": "reprotune", "version": reprotune.__version__}
                ]
            },
            "component": {
                "type": "application",  # a repository is of no other type
                "bom-ref": "repository",
                "group": owner,
                "name": name,
                "version": facts.commit,
            },
            "supplier": {"name": owner},
            "properties": name_all("spdx", list_spdx(facts)),
        },
        "components": [model, *parts],
        "dependencies": [
            {"ref": "repository", "dependsOn": ["model"]},
            {"ref": "model", "dependsOn": [part["bom-ref"] for part in parts]},
            *({"ref": part["bom-ref"]} for part in parts),
        ],
    }


def describe_model(facts: Facts, files: list[Path]) -> Json:
    """The published model: its figures, and every file with its hash."""
    test = facts.evaluation.test
    between = find_intervals(facts)
    return with_license(
        {
            "type": "machine-learning-model",
            "bom-ref": "model",
            "group": facts.name.rpartition("/")[0],
            "name": facts.name.rpartition("/")[2],
            "version": facts.commit,
            "description": f"Text classifier: {', '.join(test.support)}",
            "purl": f"pkg:huggingface/{facts.name}",
            "supplier": {"name": facts.name.rpartition("/")[0]},
            "externalReferences": [
                {"type": "website", "url": f"{HUB}/{facts.name}"},
                {"type": "distribution", "url": f"{HUB}/{facts.name}/tree/main"},
                {"type": "model-card", "url": f"{HUB}/{facts.name}/blob/main/README.md"},
            ],
            "components": [
                {"type": "file", "bom-ref": f"file:{file.name}", "name": file.name} | hashed(file)
                for file in files
            ],
            "modelCard": {
                "modelParameters": {
                    "approach": {"type": "supervised"},
                    "task": "text-classification",
                    "architectureFamily": "transformer",
                    "modelArchitecture": facts.base.architecture,
                    "datasets": [{"ref": part["bom-ref"]} for part in describe_data(facts)],
                    "inputs": [{"format": "text"}],
                    "outputs": [{"format": "class and probabilities"}],
                },
                "quantitativeAnalysis": {
                    "performanceMetrics": [
                        tell_metric("accuracy", test.accuracy, between.get("accuracy")),
                        tell_metric("macro-F1", test.macro_f1, between.get("macro_f1")),
                        *(
                            tell_metric(kind, value, None, name)
                            for kind in ("precision", "recall")
                            for name, value in getattr(test, kind).items()
                        ),
                    ]
                },
                "considerations": {
                    "useCases": ["Classify texts like the test rows"],
                    "technicalLimitations": ["The figures hold for texts like the test rows alone"],
                    "ethicalConsiderations": [tell_unfairness(test.recall)],
                },
                "properties": name_all("genai:aibom:modelcard", list_sizes(facts, files)),
            },
            "properties": name_all(
                "reprotune",
                {
                    "commit": facts.commit,
                    "dvc.lock sha256": facts.lock,
                    f"{paths.MERGED} md5": facts.folder,
                },
            ),
        },
        facts.license,
    )


def list_spdx(facts: Facts) -> dict[str, str]:
    """What SPDX 3's profile for AI asks of a model, by its names; energy is not measured."""
    test, curate, train = facts.evaluation.test, facts.params.curate, facts.params.train
    return {
        "primaryPurpose": "model",
        "suppliedBy": facts.name.rpartition("/")[0],
        "domain": "natural language processing",
        "standardCompliance": "CycloneDX 1.6 and SLSA provenance 1, of the published folder",
        "autonomyType": "noAssertion",
        "useSensitivePersonalInformation": "noAssertion",
        "informationAboutTraining": (
            f"{train.method} on {count_of(facts.train.rows, 'row')} from {facts.base.location}, "
            f"seed {train.seed}; dvc repro at the commit rebuilds it"
        ),
        "informationAboutApplication": (
            f"one class of {len(test.support)} for a text of up to "
            f"{count_of(facts.params.prompt.max_tokens, 'token')}"
        ),
        "modelDataPreprocessing": (
            f"duplicates: {curate.duplicates}; conflicts: {curate.conflicts}; split: "
            f"{facts.params.roles.strategy}"
        ),
        "metric": f"accuracy {test.accuracy}, macro-F1 {test.macro_f1}",
        "metricDecisionThreshold": "none: the most likely class is the answer",
    }


def list_sizes(facts: Facts, files: list[Path]) -> dict[str, str]:
    """How the model is built and was trained, as far as its configuration says it."""
    rate = facts.train.learning_rate  # that trials chose
    chosen = facts.params.train.model_dump(mode="json") | ({"learning_rate": rate} if rate else {})
    told = {
        "hyperparameter": json.dumps(chosen, sort_keys=True),
        "modelCardExplainability": "the probability of each class; no reasons",
    }
    config = next((file for file in files if file.name == "config.json"), None)
    if config:
        known = load_config(config.parent)
        sizes = {name: getattr(known, key, None) for name, key in SIZES.items()}
        told |= {name: str(size) for name, size in sizes.items() if size is not None}
    return told


def tell_unfairness(recall: Mapping[str, float]) -> Json:
    (worst, low), *_, (best, high) = sorted(recall.items(), key=lambda one: one[1])
    return {
        "name": f"It finds {worst} less often ({low} of the test rows) than {best} ({high})",
        "mitigationStrategy": "weigh what a missed class costs, before it decides about people",
    }


def name_all(space: str, values: Mapping[str, str]) -> list[Json]:
    return [{"name": f"{space}:{name}", "value": value} for name, value in values.items()]


def tell_metric(
    kind: str, value: float, interval: tuple[float, float] | None, part: str | None = None
) -> Json:
    found: Json = {"type": kind, "value": str(value), "slice": part or "test"}
    if interval:
        low, high = map(str, interval)
        found["confidenceInterval"] = {"lowerBound": low, "upperBound": high}
    return found


def describe_base(facts: Facts) -> Json:
    """The base model, every file with its hash."""
    base = facts.base
    found: Json = {
        "type": "machine-learning-model",
        "bom-ref": "base-model",
        "name": base.location,
        "modelCard": {"modelParameters": {"modelArchitecture": base.architecture}},
        "components": [
            {
                "type": "file",
                "bom-ref": f"base-model:{file.name}",
                "name": file.name,
                "hashes": [{"alg": "SHA-256", "content": file.sha256}],
            }
            for file in base.files
        ],
    }
    if base.revision:
        found["version"] = base.revision
    if base.kind == "hub":
        found["purl"] = f"pkg:huggingface/{base.location}@{base.revision}"
    return with_license(found, facts.base_license)


def describe_data(facts: Facts) -> list[Json]:
    """What it was tuned and tested on: where from, and DVC's hash of each part."""
    return [
        with_license(
            {
                "type": "data",
                "bom-ref": f"data:{name}",
                "name": str(path),
                "description": "; ".join(list_data(facts)),
                "hashes": [{"alg": "MD5", "content": facts.hashes[str(path)]}],
                "data": [{"type": "dataset", "name": name}],
            },
            facts.data_license,
        )
        for name, path in PARTS.items()
        if str(path) in facts.hashes
    ]


def list_packages() -> list[Json]:
    """The packages of the lock file, which names versions and no hashes; it has its own."""
    text = PACKAGES.read_text("utf-8") if PACKAGES.is_file() else ""
    packages: list[Json] = [
        {
            "type": "library",
            "bom-ref": f"pkg:pypi/{name.lower()}@{version}",
            "name": name,
            "version": version,
            "purl": f"pkg:pypi/{name.lower().replace('_', '-')}@{version}",
        }
        for name, version in list_locked(text).items()
    ]
    lock: Json = {"type": "file", "bom-ref": str(PACKAGES), "name": str(PACKAGES)}
    return [lock | hashed(PACKAGES), *packages] if text else packages


def hashed(file: Path) -> Json:
    return {"hashes": [{"alg": "SHA-256", "content": hash_file(file)}]}


def with_license(component: Json, name: str | None) -> Json:
    return component | ({"licenses": [tell_license(name)]} if name else {})


def tell_license(name: str) -> Json:
    """By SPDX's identifier, if it has one ("apache-2.0" of the Hub is "Apache-2.0")."""
    try:
        found = canonicalize_license_expression(name)
    except InvalidLicenseExpression:
        return {"license": {"name": name}}
    is_listed = " " not in found and not found.startswith("LicenseRef-")
    return {"license": {"id": found}} if is_listed else {"expression": found}
