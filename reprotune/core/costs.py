"""What each stage cost when it last ran here."""

from pathlib import Path

from pydantic import BaseModel, TypeAdapter, ValidationError

from reprotune.core import paths


class Latency(BaseModel):
    """Milliseconds that one text takes, asked alone."""

    p50: float
    p95: float


class Cost(BaseModel):
    """An entry of ``reports/run.json``."""

    seconds: float
    peak_mib: int  # memory
    milliseconds: Latency | None = None  # of a stage that measured them


COSTS = TypeAdapter(dict[str, Cost])


def read_costs(path: Path = paths.RUN) -> dict[str, Cost]:
    """The cost of each stage; of none if there is no such file, or a damaged one."""
    if not path.is_file():
        return {}
    try:
        return COSTS.validate_json(path.read_bytes())
    except (OSError, ValidationError):  # it is in no commit, and the next run writes it again
        return {}
