"""What the base model holds, and what tuned ones say, comes to the audit's judges if asked for."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reprotune.builtin import headlines
from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.params import Params
from reprotune.data.ids import add_ids
from reprotune.models.base import Base
from reprotune.scoring.scores import embed_texts
from reprotune.tables import features as table
from reprotune.tables import schemas
from reprotune.training import callbacks, checkpoints
from stages import audit, base_model, features, folds
from tests import tiny

ROOT = Path(__file__).resolve().parents[2]
Changed = Callable[[dict[str, Any]], Params]
CLASSES = sorted(headlines.CLASSES)
BERT = {"model.kind": "path", "model.location": "bert", "model.task": "classification"}
WIDTH = 2 * 64  # layers by hidden size of the tiny BERT


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with raw rows, their roles and a BERT."""
    monkeypatch.chdir(tmp_path)
    tiny.save(paths.SOURCE_MODELS / "bert", tiny.bert())
    rows = add_ids(headlines.examples(rows=200, wrong=0.1, repeated=0, seed=1))
    none = pd.array([None] * len(rows), dtype="str")
    rows = rows.assign(split=none, row=range(len(rows)))
    schemas.write(rows[list(schemas.Raw.to_schema().columns)], paths.RAW, schemas.Raw)
    roles = rows[["id"]].assign(group=rows["id"], role="train", rank=range(len(rows)))
    schemas.write(roles, paths.ROLES, schemas.Roles)
    return tmp_path


def run(params: Params) -> pd.DataFrame:
    for stage in (base_model, features, audit):
        stage.run(params)
    return schemas.read(paths.FINDINGS, schemas.Findings)


def test_what_layers_hold_judges_alone_or_beside_the_words(
    project: Path, changed: Changed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "CHUNK", 64)
    found = {}
    for judge in ("words", "features", "both"):
        params = changed(BERT | {"audit.judge": judge})
        found[judge] = run(params).set_index("id")["score"]
        columns = json.loads(paths.FEATURES_METRICS.read_text())["columns"]
        assert columns == (0 if judge == "words" else WIDTH)
    assert not found["words"].equals(found["both"]) and not found["features"].equals(found["both"])
    made = paths.FEATURES.read_bytes()
    features.run(changed(BERT | {"audit.judge": "tuned"}))
    assert json.loads(paths.FEATURES_METRICS.read_text())["columns"] == 0, "nobody asks for them"
    paths.FEATURES.write_bytes(made)
    texts = schemas.read(paths.RAW, schemas.Raw)["text"]
    opened = Base.open(paths.BASE, params.model, params.prompt, CLASSES)
    expected = embed_texts(opened.load(), opened.encoder, texts, 64, "")
    assert np.abs(table.read(paths.FEATURES, len(texts)) - expected).max() < 1e-5


class Pull(callbacks.Forecast):
    """Pulls the plug once, in the fifth step of the second model."""

    def on_step_begin(self, *given: Any, **kwargs: Any) -> None:
        killed = Path("killed")
        if (self.trainings, given[1].global_step) == (2, 5) and not killed.exists():
            killed.touch()
            raise KeyboardInterrupt


def test_tuned_models_judge_what_did_not_tune_them_and_a_kill_within_one_costs_some_steps(
    project: Path, changed: Changed, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file in ("dvc.yaml", "params.yaml", "pins.yaml"):  # by which checkpoints are named
        shutil.copy(ROOT / file, project)
    roles = schemas.read(paths.ROLES, schemas.Roles)
    roles.loc[:19, "role"] = "test"
    schemas.write(roles, paths.ROLES, schemas.Roles)
    wanted = {"audit.folds": 3, "audit.epochs": 2, "audit.learning_rate": 2e-3}
    quantized = {"model.quantization": "none", "audit.judge": "tuned"}
    params = changed(BERT | wanted | quantized)
    base_model.run(params)
    ask, seen = folds.ask_model, list[set[str]]()

    def watch(train: Any, size: int, opened: Any, tables: Any, left: int, place: Any) -> Any:
        taught, asked = (set(table["id"]) for table in tables)
        assert not taught & asked and not taught & set(roles["id"][:20])
        assert len(asked) == 200 - len(taught) and left == 3 - len(seen) % 3
        told = ask(train, size, opened, tables, left, place)
        seen.append(asked)
        return told

    monkeypatch.setattr(folds, "ask_model", watch)
    monkeypatch.setattr(checkpoints, "SECONDS", 0)
    monkeypatch.setattr(callbacks, "Forecast", Pull)
    with pytest.raises(KeyboardInterrupt):
        folds.run(params)
    assert not paths.FOLDS.exists() and list(paths.CHECKPOINTS.glob("*/fold-1/checkpoint-*"))
    monkeypatch.setattr(checkpoints, "SECONDS", 300)
    folds.run(params)
    assert len(seen) == 3 and not list(paths.CHECKPOINTS.glob("*"))
    resumed = paths.FOLDS.read_bytes()
    folds.run(params)  # undisturbed
    assert len(seen) == 6 and paths.FOLDS.read_bytes() == resumed
    said = table.read(paths.FOLDS, 200)
    assert np.abs(said.sum(1) - 1).max() < 1e-5
    found = json.loads(paths.FOLDS_METRICS.read_text())
    labels = schemas.read(paths.RAW, schemas.Raw)["label"].map(CLASSES.index).to_numpy()
    expected = -np.log(said[np.arange(20, 200), labels[20:]]).mean()
    assert found == {"models": 3, "loss": pytest.approx(expected, abs=1e-4)}
    assert expected < np.log(3), "two epochs of 120 rows teach something"
    audit.run(params)
    tuned = schemas.read(paths.FINDINGS, schemas.Findings)
    audit.run(changed({"audit.judge": "words", "audit.folds": 3}))
    assert not tuned.equals(schemas.read(paths.FINDINGS, schemas.Findings))


def test_words_load_no_model_and_import_no_torch(project: Path) -> None:
    (project / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    said = "import sys, stages.features as it, stages.folds as other"
    code = (
        f"{said}; from reprotune.core.params_file import load_params; p = load_params(); "
        "it.run(p); other.run(p); print(sorted({'torch', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    none = [file.read_text() for file in (paths.FEATURES, paths.FOLDS)]  # not empty: DVC would warn
    said = ["none: audit.judge is words\n", "none: audit.judge is not tuned\n"]
    assert (done.stdout, none) == ("[]\n", said), done.stderr


@pytest.mark.parametrize("others", [0, 199, 201])
def test_features_of_other_rows_are_refused(project: Path, changed: Changed, others: int) -> None:
    texts = pd.Series(["x"] * others)
    table.write(paths.FEATURES, texts, lambda some: np.zeros((len(some), 3)))
    with pytest.raises(InputError, match=r"features\.npy: not the features of these 200 rows"):
        audit.run(changed({"audit.judge": "both"}))
