"""Whether ``dvc.lock`` belongs to the parameters, the code and the sources beside it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from reprotune.core import paths
from reprotune.core.errors import InputError

GONE = {"deleted", "not in cache"}  # of outputs: a clone without the cache has none


def find_stale() -> dict[str, list[str]]:
    """The stages that would run again, each with what changed; needs no cache and no remote.

    Raises:
        InputError: DVC cannot read the pipeline.
    """
    command = [sys.executable, "-m", "dvc", "status", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError(f"dvc status: {done.stderr.strip()}")
    outputs = list_outputs()
    found = {}
    for stage, changes in json.loads(done.stdout or "{}").items():
        reasons = [reason for change in changes for reason in explain_change(change, outputs)]
        if reasons:
            found[stage] = reasons
    return found


def explain_change(change: Any, outputs: set[str]) -> list[str]:
    """What one entry of DVC's answer says of parameters, code and sources."""
    if isinstance(change, str):
        return ["its command"] if change == "changed command" else [change]
    reasons = []
    for path, state in change.get("changed deps", {}).items():
        if isinstance(state, dict):  # parameters, by name
            reasons += [f"{path}: {name}" for name in state]
        elif path not in outputs and not (path in SOURCES and is_elsewhere(Path(path))):
            reasons.append(path)
    for path, state in change.get("changed outs", {}).items():
        if state not in GONE:
            reasons.append(f"{path} is not what the stage made")
    return reasons


SOURCES = {paths.SOURCE_DATA.as_posix(), paths.SOURCE_MODELS.as_posix()}


def list_outputs() -> set[str]:
    """The outputs of all stages."""
    stages = YAML(typ="safe", pure=True).load(Path("dvc.yaml").read_text("utf-8"))["stages"]
    entries = [
        entry
        for stage in stages.values()
        for key in ("outs", "metrics", "plots")
        for entry in stage.get(key, [])
    ]
    return {next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries}


def is_elsewhere(folder: Path) -> bool:
    """Whether files of a source folder lie in DVC's remote and not here."""
    return any(not file.with_suffix("").exists() for file in folder.rglob("*.dvc"))
