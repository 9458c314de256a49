"""A project whose model can be published: the built-in example's figures, and a small folder."""

import contextlib
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd

from reprotune.core import paths
from reprotune.data.ids import digest
from reprotune.publishing.facts import PARTS
from reprotune.tables import metrics, schemas
from tests.commands import dvc
from tests.production import made
from tests.production.made import MERGED, git
from tests.projects import ROOT

CARD = """---
pipeline_tag: text-classification
library_name: transformers
---
# A text classifier made with reprotune

`pipeline("text-classification")` runs it.

| test rows | accuracy |
|---|---|
| 600 | 0.111 |
"""
SPLIT = """  split:
    cmd: "true"
    outs: [data/splits/train.parquet, data/splits/validation.parquet, data/splits/test.parquet]
"""
COPIED = ("metrics", "reports", "params.yaml", "pins.yaml", "requirements.lock")


@contextlib.contextmanager
def released(folder: Path) -> Iterator[None]:
    """A committed project as the working folder, which is ``folder / "project"``."""
    (folder / "project").mkdir()
    with contextlib.chdir(folder / "project"):
        make_release(folder)
        yield


def make_release(folder: Path) -> None:
    made.make_project(str(folder / "origin.git"), str(folder / "store"))
    for name in COPIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, name)
    base = {"kind": "builtin", "location": "models/source/builtin", "revision": None}
    base |= {"architecture": "LlamaForCausalLM", "parameters": 4458752}
    base["files"] = [{"name": "model.safetensors", "bytes": 9, "sha256": "a" * 64}]
    Path("models/base").mkdir(parents=True)
    Path("models/base/base.json").write_text(json.dumps(base))
    split()
    export()


def split() -> None:
    """As many rows of each class and part as the figures say; of some the truth is known."""
    counts = metrics.read(paths.SPLIT_METRICS, metrics.Split)
    for part, file in PARTS.items():
        labels = [name for name, n in getattr(counts, part).items() for _ in range(n)]
        rows = {
            "id": [digest(part, str(n)) for n in range(len(labels))],
            "text": [f'{part} {n}: "50 %", Ümlaut' for n in range(len(labels))],
            "label": labels,
            "reference_label": [None, *labels[1:]],
        }
        file.parent.mkdir(parents=True, exist_ok=True)
        schemas.write(pd.DataFrame(rows), file, schemas.Split)
    dag = Path("dvc.yaml")
    dag.write_text(dag.read_text().replace("artifacts:", f"{SPLIT}artifacts:"))
    dvc("commit", "-q", "-f", "split")


def export(weights: str = "weights " * 1000, more: Mapping[str, str] | None = None) -> None:
    """Another model, committed; with more files, if there are any."""
    made.export(weights, {"README.md": CARD, "tokenizer.json": "{}", **(more or {})})
    size = sum(file.stat().st_size for file in MERGED.iterdir())
    known = metrics.read(paths.EXPORT_METRICS, metrics.Export)
    metrics.write(paths.EXPORT_METRICS, known.model_copy(update={"bytes": size}))
    dvc("commit", "-q", "-f", "export")
    git("add", "-A")
    git("commit", "-qm", "exported")
    assert MERGED.is_dir()
