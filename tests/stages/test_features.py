"""The base model's features come to the audit's judges, and only if these are asked."""

import json
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
from stages import audit, base_model, features
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
    texts = schemas.read(paths.RAW, schemas.Raw)["text"]
    opened = Base.open(paths.BASE, params.model, params.prompt, CLASSES)
    expected = embed_texts(opened.load(), opened.encoder, texts, 64, "")
    assert np.abs(table.read(paths.FEATURES, len(texts)) - expected).max() < 1e-5


def test_words_load_no_model_and_import_no_torch(project: Path) -> None:
    (project / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    said = "import sys, stages.features as it; from reprotune.core.params_file import load_params"
    code = (
        f"{said}; it.run(load_params()); print(sorted({{'torch', 'sklearn'}} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    said = paths.FEATURES.read_text()  # not empty, or DVC would warn
    assert (done.stdout, said) == ("[]\n", "none: audit.judge is words\n"), done.stderr


@pytest.mark.parametrize("others", [0, 199, 201])
def test_features_of_other_rows_are_refused(project: Path, changed: Changed, others: int) -> None:
    texts = pd.Series(["x"] * others)
    table.write(paths.FEATURES, texts, lambda some: np.zeros((len(some), 3)))
    with pytest.raises(InputError, match=r"features\.npy: not the features of these 200 rows"):
        audit.run(changed({"audit.judge": "both"}))
