"""What a check of ``reprotune doctor`` found."""

from enum import StrEnum
from typing import NamedTuple


class Level(StrEnum):
    """Whether a run would start."""

    OK = "ok"
    WARN = "warn"  # it will, but
    STOP = "stop"


OK, WARN, STOP = Level


class Finding(NamedTuple):
    """What one check found."""

    level: Level
    what: str
    detail: str
