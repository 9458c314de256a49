"""The stages and their order, as DVC has them; nothing else in ``pipelines`` knows any."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dvc.repo import Repo
from dvc.repo.reproduce import plan_repro


@dataclass(frozen=True)
class Stage:
    name: str
    retries: int = 0  # of its meta in dvc.yaml


def stages(root: Path = Path()) -> list[Stage]:
    """Every stage of a project, each after those that it needs."""
    with Repo(str(root)) as repo:
        plan = [stage for stage in plan_repro(repo.index.graph) if not stage.is_data_source]
        return [Stage(address(s, root), int((s.meta or {}).get("retries", 0))) for s in plan]


def address(stage: Any, root: Path) -> str:
    """A stage's name, with its file if that is not the ``dvc.yaml`` of the project."""
    file = Path(stage.path).relative_to(root.resolve()).as_posix()
    return str(stage.name) if file == "dvc.yaml" else f"{file}:{stage.name}"
