"""The examples of docs/scaling.md, on two workers of this machine, where an engine is installed.

``pip install 'ray[data]' pyspark``, and a Java runtime.
"""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from reprotune import Classifier
from tests import tiny
from tests.projects import ROOT
from tests.test_documents import BLOCK

pytestmark = pytest.mark.slow
LOCAL = {
    "ray": "import ray; ray.init(num_cpus=2, include_dashboard=False)",
    "pyspark": "from pyspark.sql import SparkSession; "
    "SparkSession.builder.master('local[2]').config('spark.ui.enabled', 'false').getOrCreate()",
}
PATIENCE = {"RAY_raylet_start_wait_time_s": "300"}  # a machine may be busy


@pytest.mark.parametrize("engine", LOCAL)
def test_an_engine_says_of_each_row_what_the_model_says(engine: str, tmp_path: Path) -> None:
    if find_spec(engine) is None or (engine == "pyspark" and shutil.which("java") is None):
        pytest.skip(f"{engine} is not installed")
    tiny.export(tmp_path / "models/merged")
    (tmp_path / "texts").mkdir()
    rows = pd.DataFrame({"id": range(60)})
    rows["text"] = [f"Net sales of {number} rose" + ", too" * (number % 7) for number in rows["id"]]
    for part in range(4):
        rows[part * 15 : part * 15 + 15].to_parquet(tmp_path / f"texts/{part}.parquet")
    found = BLOCK.findall((ROOT / "docs/scaling.md").read_text("utf-8"))
    (code,) = [block for kind, block in found if kind == "python" and engine in block]
    subprocess.run(
        [sys.executable, "-c", f"{LOCAL[engine]}\n{code}"],
        cwd=tmp_path, timeout=500, check=True,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYSPARK_PYTHON": sys.executable} | PATIENCE,
    )  # fmt: skip
    labelled = pd.read_parquet(tmp_path / "labelled")
    if engine == "pyspark":  # which reads the largest file first
        labelled = labelled.sort_values("id", ignore_index=True)
    assert labelled[["id", "text"]].to_dict("list") == rows.to_dict("list")
    alone = Classifier.load(tmp_path / "models/merged").label(rows["text"])
    assert labelled["predicted"].tolist() == alone["predicted"].tolist()
    assert np.allclose(labelled[alone.columns[1:]], alone[alone.columns[1:]], atol=1e-5)
