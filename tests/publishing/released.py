"""A project whose model can be published: the built-in example's figures, and a small folder."""

import json
import shutil
from pathlib import Path

from reprotune.core import paths
from reprotune.tables import metrics
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
COPIED = ("metrics", "reports", "params.yaml", "pins.yaml", "requirements.lock")


def make_release(folder: Path) -> None:
    """A committed project in the working folder, which is ``folder / "project"``."""
    made.make_project(str(folder / "origin.git"), str(folder / "store"))
    for name in COPIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, name)
    base = {"kind": "builtin", "location": "models/source/builtin", "revision": None}
    base |= {"architecture": "LlamaForCausalLM", "parameters": 4458752}
    base["files"] = [{"name": "model.safetensors", "bytes": 9, "sha256": "a" * 64}]
    Path("models/base").mkdir(parents=True)
    Path("models/base/base.json").write_text(json.dumps(base))
    export()


def export(weights: str = "weights " * 1000) -> None:
    """Another model, committed."""
    made.export(weights, {"README.md": CARD, "tokenizer.json": "{}"})
    size = sum(file.stat().st_size for file in MERGED.iterdir())
    known = metrics.read(paths.EXPORT_METRICS, metrics.Export)
    metrics.write(paths.EXPORT_METRICS, known.model_copy(update={"bytes": size}))
    dvc("commit", "-q", "-f", "export")
    git("add", "-A")
    git("commit", "-qm", "exported")
    assert MERGED.is_dir()
