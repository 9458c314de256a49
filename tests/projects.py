"""Small projects of their own: this repository's code with few rows and a tiny model."""

import contextlib
import importlib
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from reprotune.core.params_file import load_params
from tests.commands import dvc

ROOT = Path(__file__).resolve().parents[1]
OWN = {
    "threads: 2": "threads: 1",
    "kind: builtin             # builtin (gen": "kind: file  # builtin (gen",
    "files: []": "files: [{location: own.csv, sha256: null, label: null, split: null}]",
    "kind: builtin             # builtin | path": "kind: path  # builtin | path",
    "location: models/source/builtin": "location: tiny",
}


def made(root: Path, examples: pd.DataFrame, changes: Mapping[str, str]) -> Path:
    """A git repository in ``root`` with these examples and the parameters changed so."""
    for folder in ("reprotune", "stages", ".dvc"):
        skipped = shutil.ignore_patterns("__pycache__", "cache", "tmp")
        shutil.copytree(ROOT / folder, root / folder, ignore=skipped)
    for file in ("dvc.yaml", "pins.yaml", ".gitignore", ".dvcignore"):
        shutil.copy(ROOT / file, root)
    shutil.copy(ROOT / "profiles/builtin.yaml", root / "params.yaml")
    change(root / "params.yaml", OWN | dict(changes))
    (root / "data/source").mkdir(parents=True)
    for file in ("decisions.csv", "general.txt", "sample.csv"):
        shutil.copy(ROOT / "data" / file, root / "data")
    examples[["text", "label"]].to_csv(root / "data/source/own.csv", index=False)
    from tests import tiny  # torch takes seconds, and not every test has a project

    tiny.save(root / "models/source/tiny")
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    return root


def run_stages(root: Path, names: Iterable[str]) -> None:
    """Run these stages in this process; DVC takes the outputs for its own, as after `dvc repro`."""
    names = list(names)
    with contextlib.chdir(root):
        params = load_params()
        for name in names:
            importlib.import_module(f"stages.{name}").run(params)
        dvc("commit", "-q", "-f", *names)


def copy_checkout(target: Path, *left_out: str) -> None:
    """The files of this repository as they lie here, without these folders."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "-co", "--exclude-standard", "--",
         *(f":!{folder}" for folder in left_out)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for place in filter(None, listed.stdout.split("\0")):
        if (ROOT / place).is_file():
            (target / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / place, target / place)


def change(file: Path, replacements: Mapping[str, str]) -> None:
    """Replace what must be there, each once."""
    text = file.read_text("utf-8")
    for old, new in replacements.items():
        assert old in text, old
        text = text.replace(old, new, 1)
    file.write_text(text, "utf-8")
