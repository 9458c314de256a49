"""Whether ``dvc.lock`` belongs to the parameters, the code and the sources beside it.

What each stage took from another must be what that one made: a pipeline that ran by half is stale.
"""

import subprocess
from pathlib import Path

from pydantic import BaseModel, Field, TypeAdapter

from reprotune.comparison.lineage import SOURCES, find_breaks
from reprotune.comparison.revision import WORKSPACE, Revision
from reprotune.core import dvc
from reprotune.core.dvc import COMMAND as DVC
from reprotune.core.errors import InputError

GONE = {"deleted", "not in cache"}  # of outputs: a clone without the cache has none


class Changed(BaseModel):
    """Files of a stage whose state is another; of a file of parameters a state for each name."""

    deps: dict[str, str | dict[str, object]] = Field({}, alias="changed deps")
    outs: dict[str, str] = Field({}, alias="changed outs")


Status = dict[str, list[Changed | str]]  # stage: what changed


def find_stale() -> dict[str, list[str]]:
    """The stages that would run again, each with what changed; needs no cache and no remote.

    Raises:
        InputError: DVC cannot read the pipeline.
    """
    outputs = list_outputs()
    stages = {
        stage: [reason for change in changes for reason in explain_change(change, outputs)]
        for stage, changes in read_status().items()
    }
    for stage, reasons in find_breaks(Revision(WORKSPACE, None)).items():
        stages[stage] = list(dict.fromkeys([*stages.get(stage, []), *reasons]))
    return {stage: reasons for stage, reasons in stages.items() if reasons}


def read_status() -> Status:
    """What ``dvc status`` says of the stages that changed.

    Raises:
        InputError: DVC cannot read the pipeline.
    """
    command = [*DVC, "status", "--json"]
    done = subprocess.run(command, capture_output=True, errors="replace", check=False)
    if done.returncode:
        raise InputError(f"dvc status: {done.stderr.strip()}")
    return TypeAdapter(Status).validate_json(done.stdout or "{}")


def explain_change(change: Changed | str, outputs: set[str]) -> list[str]:
    """What one entry of DVC's answer says of parameters, code and sources."""
    if isinstance(change, str):
        return ["its command"] if change == "changed command" else [change]
    reasons = []
    for path, state in change.deps.items():
        if isinstance(state, dict):  # parameters, by name
            reasons += [f"{path}: {name}" for name in state]
        elif path not in outputs and not (path in SOURCES and is_elsewhere(Path(path))):
            reasons.append(path)
    for path, state in change.outs.items():
        if state not in GONE:
            reasons.append(f"{path} is not what the stage made")
    return reasons


def list_outputs() -> set[str]:
    """The outputs of all stages."""
    kinds = ("outs", "metrics", "plots")
    return {path for stage in dvc.read_stages().values() for path in dvc.entries(stage, *kinds)}


def is_elsewhere(folder: Path) -> bool:
    """Whether files of a source folder lie in DVC's remote and not here."""
    return any(not file.with_suffix("").exists() for file in folder.rglob("*.dvc"))
