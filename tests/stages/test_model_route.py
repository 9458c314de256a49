"""From base model to export with a classification head: trained, scored, merged and described."""

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from reprotune.builtin import headlines
from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.params import Params
from reprotune.data.ids import add_ids
from reprotune.tables import schemas
from reprotune.tables.classes import draw, take_first
from stages import base_model, baseline, evaluate, export, predictions, train
from tests import tiny

ROOT = Path(__file__).resolve().parents[2]
SIZES = {"train": 90, "validation": 12, "test": 60}
CLASSES = list(headlines.CLASSES)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with splits and a BERT."""
    monkeypatch.chdir(tmp_path)
    tiny.save(paths.SOURCE_MODELS / "bert", tiny.bert())
    rows = headlines.examples(rows=600, wrong=0, repeated=0, seed=1)
    rows = add_ids(rows[["text", "label"]])
    rows["reference_label"] = pd.Series(None, index=rows.index, dtype="str")
    parts = [rows[rows["label"] == name] for name in CLASSES]
    roles = rows[["id"]].assign(group=rows["id"], role="test", rank=range(len(rows)))
    schemas.write(roles, paths.ROLES, schemas.Roles)
    none = {"issue": "label", "score": 0.0, "suggested": ""}
    schemas.write(rows[:3][["id"]].assign(**none), paths.FINDINGS, schemas.Findings)
    for file in ("general.txt", "sample.csv"):
        shutil.copy(ROOT / "data" / file, "data")
    start = 0
    for name, size in SIZES.items():
        part = pd.concat([part[start : start + size // 3] for part in parts])
        schemas.write(part, tmp_path / f"data/splits/{name}.parquet", schemas.Split)
        start += size // 3
    return tmp_path


def read(path: Path) -> Any:
    return json.loads(path.read_text())


@pytest.mark.parametrize(
    ("method", "quantization"),
    [("lora", "nf4"), pytest.param("full", "none", marks=pytest.mark.slow)],
)
def test_a_head_goes_all_the_way_to_an_export_with_its_card(
    project: Path, params: Params, method: str, quantization: str
) -> None:
    asked = {"kind": "path", "location": "bert", "task": "classification"}
    model = params.model.model_copy(update=asked | {"quantization": quantization})
    learn = params.train.model_copy(
        update={"method": method, "epochs": 8, "learning_rate": 5e-3 if method == "lora" else 1e-3}
        | {"fraction": 0.9}
    )
    wide = params.export.model_copy(update={"dtype": "float32"})
    params = params.model_copy(update={"model": model, "train": learn, "export": wide})
    answered = schemas.read(paths.TEST, schemas.Split)[::3]
    with Path(params.evaluate.sample).open("a") as sample:
        sample.writelines(f"{row.id},relabel,{row.label},ann,,\n" for row in answered.itertuples())
    for stage in (base_model, baseline, train, predictions, evaluate, export):
        stage.run(params)
    baselines = read(paths.BASELINE_METRICS)["baselines"]
    figures = read(paths.EVALUATE_METRICS)
    fit = pd.read_csv(paths.FIT)
    asked_of = fit.loc[fit["part"] == "train", "id"]
    taught = draw(schemas.read(paths.TRAIN, schemas.Split), 0.9, params.seed)
    assert len(taught) == read(paths.TRAIN_METRICS)["rows"] == 81
    assert asked_of.tolist() == sorted(taught["id"])[: SIZES["test"]], "rows that it learnt from"
    assert set(baselines) == {"majority", "tfidf", "frozen_embeddings"} == set(figures["gain_over"])
    losses = pd.read_csv(paths.TRAIN_CURVE, sep="\t")["train_loss"]
    assert losses.iloc[-1] < losses.iloc[0]
    assert set(figures["fit"]) == {"train", "validation"}
    reviewed = figures["reviewed"]
    assert (reviewed["rows"], reviewed["label_error"]) == (20, 0.0)
    assert list(reviewed["predictors"]) == ["tuned", *baselines]
    tuned = reviewed["predictors"]["tuned"]
    assert tuned["interval"][0] < figures["test"]["accuracy"] < tuned["interval"][1]
    assert "forgetting" not in figures, "a head says no words"
    assert figures["calibration"]["temperature"] > 0
    assert len(pd.read_csv(paths.ERRORS)) <= params.evaluate.errors
    assert read(paths.EXPORT_METRICS)["agreement"] == 1.0
    assert (paths.TUNED / "adapter_config.json").is_file() == (method == "lora")
    card = (paths.MERGED / "README.md").read_text()
    assert "pipeline_tag: text-classification" in card
    assert f"{figures['test']['accuracy']:.3f}" in card
    assert list(read(paths.MERGED / "config.json")["id2label"].values()) == CLASSES


def test_an_export_that_says_something_else_leaves_the_earlier_one(
    project: Path, params: Params
) -> None:
    model = params.model.model_copy(
        update={"kind": "path", "location": "bert", "task": "classification"}
    )
    learn = params.train.model_copy(update={"epochs": 1})
    strict = params.export.model_copy(update={"log_likelihood_tolerance": 1e-12})
    params = params.model_copy(update={"model": model, "train": learn, "export": strict})
    paths.MERGED.mkdir(parents=True)
    (paths.MERGED / "precious").touch()
    for stage in (base_model, baseline, train, predictions, evaluate):
        stage.run(params)
    with pytest.raises(InputError, match=r"log_likelihood_tolerance.*export\.dtype float32"):
        export.run(params)
    assert [file.name for file in paths.MERGED.iterdir()] == ["precious"]


def test_baselines_learn_from_so_many_rows_and_from_enough_of_a_rare_class() -> None:
    labels = [*["often"] * 900, *["seldom"] * 90, *["rarely"] * 10]
    rows = pd.DataFrame({"label": labels}).sample(frac=1, random_state=1)
    taught = rows[take_first(rows["label"], 100)]
    assert dict(taught["label"].value_counts()) == {"often": 90, "seldom": 20, "rarely": 10}
    assert list(taught[taught["label"] == "often"].index) == [n for n in rows.index if n < 900][:90]
    assert take_first(rows["label"], 1000).all()
