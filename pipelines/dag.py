"""The stages and their order, as DVC has them; nothing else in ``pipelines`` knows any."""

from dataclasses import dataclass
from pathlib import Path

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
        return [Stage(s.addressing, int((s.meta or {}).get("retries", 0))) for s in plan]
