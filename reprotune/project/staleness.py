"""Whether ``dvc.lock`` belongs to the parameters, the code and the sources beside it.

What each stage took from another must be what that one made: a pipeline that ran by half is stale.
So it is where the other stands in the ``dvc.yaml`` of a folder below.
"""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import BaseModel, Field, TypeAdapter

from reprotune.comparison.lineage import SOURCES, Lineage, find_breaks, find_half_run, move
from reprotune.comparison.lock import Stage
from reprotune.comparison.revision import WORKSPACE, Revision, git
from reprotune.core import dvc
from reprotune.core.dvc import COMMAND as DVC
from reprotune.core.errors import InputError

GONE = {"deleted", "not in cache"}  # of outputs: a clone without the cache has none


class Changed(BaseModel):
    """Files of a stage whose state is another; of a file of parameters a state for each name."""

    deps: dict[str, str | dict[str, object]] = Field({}, alias="changed deps")
    outs: dict[str, str] = Field({}, alias="changed outs")


Status = dict[str, list[Changed | str]]  # stage: what changed


@dataclass(frozen=True)
class Whole(Lineage):
    """The stages of this folder, and those of every ``dvc.yaml`` below, named as DVC does."""

    @cached_property
    def noted(self) -> dict[str, Stage]:
        found = dict(Lineage(self.revision).noted)
        for file in list_below():
            for name, stage in Lineage(self.revision, file).noted.items():
                found[f"{file.as_posix()}:{name}"] = move(stage, file.parent.as_posix())
        return found


def find_stale() -> dict[str, list[str]]:
    """The stages that would run again, each with what changed; needs no cache and no remote.

    Raises:
        InputError: DVC cannot read the pipeline.
    """
    here = Revision(WORKSPACE, None)
    whole = Whole(here)
    outputs = list_outputs() | whole.made.keys()
    stages = {
        stage: [reason for change in changes for reason in explain_change(change, outputs)]
        for stage, changes in read_status().items()
    }
    for found in (find_breaks(here), find_half_run(whole)):
        for stage, reasons in found.items():
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
        raise InputError(f"dvc status: {dvc.tell_cause(done.stderr)}")
    return TypeAdapter(Status).validate_json(done.stdout or "{}")


def explain_change(change: Changed | str, outputs: set[str]) -> list[str]:
    """What one entry of DVC's answer says of parameters, code and sources."""
    if isinstance(change, str):
        return ["its command"] if change == "changed command" else [change]
    reasons = []
    for path, state in change.deps.items():
        if isinstance(state, dict):  # parameters, by name
            reasons += [f"{path}: {name}" for name in state]
        elif outputs.isdisjoint([path, *map(str, Path(path).parents)]) and not (
            path in SOURCES and is_elsewhere(Path(path), outputs)
        ):
            reasons.append(path)
    for path, state in change.outs.items():
        if state not in GONE:
            reasons.append(f"{path} is not what the stage made")
    return reasons


def list_outputs() -> set[str]:
    """The outputs of all stages."""
    kinds = ("outs", "metrics", "plots")
    return {path for stage in dvc.read_stages().values() for path in dvc.entries(stage, *kinds)}


def is_elsewhere(folder: Path, outputs: set[str]) -> bool:
    """Whether files of a source folder lie in DVC's remote and not here, or a stage makes them."""
    made = (Path(out) for out in outputs if Path(out).is_relative_to(folder))
    return bool(dvc.list_absent(folder)) or not all(file.exists() for file in made)


def list_below() -> Iterator[Path]:
    """The ``dvc.yaml`` of folders below, but of those that are a repository of DVC of their own."""
    for name in git("ls-files", "-z", "--", f":(glob)*/**/{dvc.FILE}").split("\0")[:-1]:
        file = Path(name)
        if not any((folder / ".dvc").is_dir() for folder in file.parents[:-1]):
            yield file
