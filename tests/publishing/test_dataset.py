"""Stock libraries read the published data as it is, and its card tells what `metrics/` holds."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import mlcroissant
import pandas as pd
import pytest
from huggingface_hub import DatasetCard, DatasetCardData

from reprotune.core import paths
from reprotune.publishing.croissant import CONTEXT, make_croissant
from reprotune.publishing.dataset import make_card, make_dataset
from reprotune.publishing.facts import PARTS, Data, read_terms
from tests.publishing.released import released
from tests.publishing.test_card import NAME, list_numbers


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Data]:
    with released(tmp_path_factory.mktemp("released")):
        found = Data.read(NAME)
        make_dataset(found)
        yield found


def read_part(part: str) -> list[dict[str, Any]]:
    rows = pd.read_parquet(PARTS[part]).astype(object)
    return rows.where(rows.notna(), None).to_dict("records")


def test_croissant_is_valid_and_its_records_are_the_rows(data: Data) -> None:
    from mlcroissant._src.core.context import Context, CroissantVersion
    from mlcroissant._src.core.rdf import make_context

    assert make_context(Context(conforms_to=CroissantVersion.V_1_1)) == CONTEXT
    found = mlcroissant.Dataset(jsonld=str(paths.PUBLISHED_DATA / "croissant.json"))
    issues = found.metadata.ctx.issues
    assert not issues.errors
    assert not issues.warnings
    assert [one["splits/name"] for one in found.records("splits")] == list(PARTS)
    assert [one["classes/name"] for one in found.records("classes")] == list(data.split.test)
    for part in PARTS:
        records = [
            {
                key.removeprefix(f"{part}/"): value.decode() if isinstance(value, bytes) else value
                for key, value in record.items()
            }
            for record in found.records(part)
        ]
        assert {one.pop("split") for one in records} == {part}
        assert records[1:] == read_part(part)[1:]


def test_a_changed_file_is_not_the_one_that_croissant_names(data: Data, tmp_path: Path) -> None:
    made = json.loads((paths.PUBLISHED_DATA / "croissant.json").read_text("utf-8"))
    for one in made["distribution"]:
        file = paths.PUBLISHED_DATA / one["contentUrl"]
        assert one["contentSize"] == f"{file.stat().st_size} B"
        (tmp_path / file.name).write_bytes(file.read_bytes()[:-1] + b"x")
    (tmp_path / "croissant.json").write_text(json.dumps(made))
    with pytest.raises(mlcroissant.GenerationError) as refused:
        next(iter(mlcroissant.Dataset(jsonld=str(tmp_path / "croissant.json")).records("test")))
    assert "hash" in str(refused.value.__cause__).lower()


def test_the_library_of_the_hub_loads_the_folder(data: Data, tmp_path: Path) -> None:
    found = datasets.load_dataset(str(paths.PUBLISHED_DATA), cache_dir=str(tmp_path))
    assert {part: list(rows) for part, rows in found.items()} == {
        part: read_part(part) for part in PARTS
    }


def test_every_number_of_the_card_is_in_metrics(data: Data) -> None:
    numbers = {
        number
        for file in Path("metrics").glob("*.json")
        for number in list_numbers(json.loads(file.read_text()))
    }
    text = re.sub(r"`[^`]*`|sha256|license: .*", "", make_card(data).text)
    shown = {float(one) for one in re.findall(r"\d+(?:\.\d+)?", text)}
    assert len(shown) > 8
    assert shown <= numbers | {data.params.seed, len(data.split.test)}


def test_a_license_and_classes_that_nobody_named_so(data: Data) -> None:
    split = data.split.model_copy(update={"test": {"a|b <i>": 1}, "train": {}, "validation": {}})
    card = str(make_card(replace(data, split=split, license=None, languages=[])))
    assert "license: not stated" in card
    assert r"a\|b \<i\>" in card
    assert not {"license", "language"} & DatasetCard(card).data.to_dict().keys()


def test_terms_are_those_that_a_card_states(data: Data) -> None:
    stated = DatasetCardData(license=["mit", "cc0-1.0"], language="de")
    assert read_terms(stated) == ("mit, cc0-1.0", ["de"])
    assert read_terms(None) == read_terms(DatasetCardData()) == (None, [])
    for name, told in (
        ("mit, cc0-1.0", "mit, cc0-1.0"),
        ("other", "other"),
        ("cc-by-4.0", "https://choosealicense.com/licenses/cc-by-4.0/"),
    ):
        made = make_croissant(replace(data, license=name), "", paths.PUBLISHED_DATA)
        assert made["license"] == told
