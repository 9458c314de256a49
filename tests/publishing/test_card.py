"""The card and the bill of materials tell what `metrics/` holds, and nothing else."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard, ModelCardData

from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.params import SourceFile
from reprotune.publishing.bom import make_bom
from reprotune.publishing.card import list_data, make_card
from reprotune.publishing.facts import Facts, find_terms
from tests.production.made import MERGED
from tests.publishing.released import CARD, released

NAME = "team/headlines"


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Facts]:
    with released(tmp_path_factory.mktemp("released")):
        yield Facts.read(NAME)


def list_numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from list_numbers(part)
    elif isinstance(value, int | float):
        yield value


@pytest.fixture(scope="module")
def numbers(facts: Facts) -> list[float]:
    """All of `metrics/`."""
    return [
        number
        for file in Path("metrics").glob("*.json")
        for number in list_numbers(json.loads(file.read_text()))
    ]


def test_every_figure_of_the_card_is_in_metrics(facts: Facts, numbers: list[float]) -> None:
    text = make_card(facts, CARD).text
    prose = re.sub(r"`[^`]*`|^With .*|license: .*", "", text, flags=re.MULTILINE)
    shown = re.findall(r"(?<![\w.])[+-]?\d[\d,]*(?:\.\d+)?(?![\w.]*\d)", prose)
    decimals = [one for one in shown if "." in one]
    known = {f"{number:.3f}" for number in numbers} | {f"{number:+.3f}" for number in numbers}
    assert len(decimals) > 50
    assert set(decimals) <= known
    settled = {facts.params.prompt.max_tokens, facts.params.train.seed, facts.params.seed}
    settled |= {95, 0, 2, 1}  # the confidence, the range of a Brier score, and that of F1
    counts = {int(one.replace(",", "")) for one in shown if "." not in one}
    assert counts <= {int(number) for number in numbers} | settled


def test_the_metadata_are_those_of_the_hub(facts: Facts) -> None:
    data = ModelCard(str(make_card(facts, CARD))).data
    assert isinstance(data, ModelCardData)
    values = data.to_dict()
    assert (values["license"], values["language"]) == ("apache-2.0", ["en"])
    assert (values["pipeline_tag"], values["library_name"]) == (
        "text-classification",
        "transformers",
    )
    test = json.loads(paths.EVALUATE_METRICS.read_text())["test"]
    assert data.eval_results
    accuracy, macro = data.eval_results
    assert (accuracy.metric_value, macro.metric_value) == (test["accuracy"], test["macro_f1"])
    assert accuracy.metric_args == {"interval": test["interval"]["accuracy"], "confidence": 0.95}


def test_the_lines_on_use_are_those_of_the_exported_card(facts: Facts) -> None:
    text = make_card(facts, CARD).text
    assert '`pipeline("text-classification")` runs it.' in text
    assert "0.111" not in text
    assert f"\n{text}".count("\n# ") == 1


@pytest.mark.parametrize("metadata", ["license: [mit", "- mit", "license: mit: x"])
def test_a_base_whose_card_cannot_be_read_is_named(
    facts: Facts, tmp_path: Path, metadata: str
) -> None:
    base = facts.base.model_copy(update={"kind": "path", "location": str(tmp_path)})
    assert find_terms(base) == (None, [])
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\n")
    assert find_terms(base) == ("mit", [])
    (tmp_path / "README.md").write_text(f"---\n{metadata}\n---\n")
    with pytest.raises(InputError, match=r"README\.md: the lines between its two ---"):
        find_terms(base)


def test_a_model_of_the_hub_is_named_with_its_revision(facts: Facts) -> None:
    base = facts.base.model_copy(
        update={"kind": "hub", "location": "team/base", "revision": "b" * 40}
    )
    download = facts.params.download.model_copy(
        update={"kind": "hub", "repository": "team/data", "revision": "d" * 40}
    )
    params = facts.params.model_copy(update={"download": download})
    card = make_card(replace(facts, base=base, params=params, license="mit"), CARD)
    values = card.data.to_dict()
    assert (values["base_model"], values["datasets"]) == ("team/base", ["team/data"])
    assert (values["base_model_revision"], values["dataset_revision"]) == ("b" * 40, "d" * 40)
    assert values["license"] == "mit"
    assert "b" * 40 in card.text and "d" * 40 in card.text


@pytest.mark.parametrize(
    ("license", "told"),
    [
        ("apache-2.0", {"license": {"id": "Apache-2.0"}}),
        ("llama2", {"license": {"name": "llama2"}}),
        ("mit, cc-by-4.0", {"license": {"name": "mit, cc-by-4.0"}}),
        ("mit OR apache-2.0", {"expression": "MIT OR Apache-2.0"}),
        ("LicenseRef-ours", {"expression": "LicenseRef-ours"}),
    ],
)
def test_the_bill_of_materials_keeps_to_its_schema_and_to_metrics(
    facts: Facts, numbers: list[float], license: str, told: dict[str, object]
) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation import json as validation

    facts = replace(facts, license=license)
    made = make_bom(facts, sorted(MERGED.iterdir()))
    text = json.dumps(made)
    assert validation.JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert json.dumps(make_bom(facts, sorted(MERGED.iterdir()))) == text
    model, *_ = made["components"]
    assert model["licenses"] == [told]
    found = model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    assert {float(one["value"]) for one in found} <= set(numbers)
    assert {part["name"] for part in model["components"]} == {f.name for f in MERGED.iterdir()}
    assert {part["type"] for part in made["components"]} >= {"machine-learning-model", "library"}


@pytest.mark.parametrize(
    ("kind", "location", "told"),
    [
        ("url", "https://host/a/rows.csv?signature=secret", "`rows.csv`, sha256 "),
        ("file", "rows? #2.csv", "`rows? #2.csv`, sha256 "),
    ],
)
def test_no_secret_of_an_address_is_published(
    facts: Facts, kind: str, location: str, told: str
) -> None:
    file = SourceFile(location=location, sha256="a" * 64, label=None, split=None)
    download = facts.params.download.model_copy(update={"kind": kind, "files": [file]})
    params = facts.params.model_copy(update={"download": download})
    (line,) = list_data(replace(facts, params=params))
    assert line.startswith(told) and "secret" not in line
