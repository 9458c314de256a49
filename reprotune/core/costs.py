"""What each stage cost when it last ran here."""

from pathlib import Path

from pydantic import BaseModel, TypeAdapter, ValidationError

from reprotune.core import paths
from reprotune.core.seals import hash_file


class Latency(BaseModel):
    """Milliseconds that one text takes, asked alone."""

    p50: float
    p95: float


class Cost(BaseModel):
    """An entry of ``reports/run.json``."""

    seconds: float
    peak_mib: int  # memory
    milliseconds: Latency | None = None  # of a stage that measured them
    figures: str | None = None  # sha256 of the stage's file of figures; None: an older note


METRICS = paths.DOWNLOAD_METRICS.parent
COSTS = TypeAdapter(dict[str, Cost])


def hash_figures(stage: str, folder: Path = METRICS) -> str:
    """The sha256 of a stage's file of figures as it lies here; empty if there is none."""
    file = (folder / stage).with_suffix(".json")
    return hash_file(file) if file.is_file() else ""


def read_costs(path: Path = paths.RUN) -> dict[str, Cost]:
    """The cost of each stage; of none if there is no such file, or a damaged one."""
    if not path.is_file():
        return {}
    try:
        return COSTS.validate_json(path.read_bytes())
    except (OSError, ValidationError):  # it is in no commit, and the next run writes it again
        return {}


def list_current(path: Path = paths.RUN, folder: Path = METRICS) -> dict[str, Cost]:
    """The cost of each stage whose figures here are of that run, and not of another branch."""
    return {
        stage: cost
        for stage, cost in read_costs(path).items()
        if cost.figures in (None, hash_figures(stage, folder))
    }
