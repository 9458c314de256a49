"""The stages and their order, as DVC has them; nothing else in ``pipelines`` knows any."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dvc.lock import LockError
from dvc.repo import Repo
from dvc.repo.reproduce import plan_repro

from pipelines.commands import BUSY, FlowError


@dataclass(frozen=True)
class Stage:
    name: str
    retries: int = 0  # of its meta in dvc.yaml
    timeout: float | None = None  # seconds, of its meta
    due: bool = True  # it changed, or one before it did: DVC has to look again when its turn comes


def list_stages(root: Path = Path()) -> list[Stage]:
    """Every stage of a project, each after those that it needs."""
    found = []
    with Repo(str(root)) as repo, hold_lock(repo):
        graph = repo.index.graph
        due: set[Any] = set()
        for stage in plan_repro(graph):
            if stage.status() or due.intersection(graph.successors(stage)):
                due.add(stage)
            if stage in due or not stage.is_data_source:  # of a file, only that it changed matters
                meta = getattr(stage, "meta", None) or {}
                limits = int(meta.get("retries", 0)), meta.get("timeout")
                found.append(Stage(name_stage(stage, root), *limits, stage in due))
    return found


@contextmanager
def hold_lock(repo: Repo) -> Iterator[None]:
    """Hold the lock of DVC while its files are read."""
    try:
        with repo.lock:
            yield
    except LockError:
        raise FlowError(BUSY) from None


def name_stage(stage: Any, root: Path) -> str:
    """A stage's name, with its file if that is not the ``dvc.yaml`` of the project."""
    file = Path(stage.path).relative_to(root.resolve()).as_posix()
    name = getattr(stage, "name", None)
    if name is None:
        return file
    return str(name) if file == "dvc.yaml" else f"{file}:{name}"
