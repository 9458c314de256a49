"""What ``dvc.lock`` and ``pins.yaml`` say of a revision, whichever version wrote them."""

from pathlib import Path

from pydantic import BaseModel, ValidationError

from reprotune.comparison.revision import Revision
from reprotune.core import paths
from reprotune.core.rooms import PINS, list_pinned

LOCK = Path("dvc.lock")


class File(BaseModel):
    path: str
    md5: str | None = None
    nfiles: int | None = None  # of a folder
    size: int | None = None  # bytes, of a folder those of all its files


SHARED = (str(paths.PARAMS), str(PINS))  # in which no name stands twice


def name_param(file: str, name: str) -> str:
    """What a parameter is called; with its file, if that is one's own."""
    return name if file in SHARED else f"{file}: {name}"


class Stage(BaseModel):
    """What DVC notes of a stage when it ran."""

    cmd: str | list[str] = ""
    deps: list[File] = []
    outs: list[File] = []
    params: dict[str, dict[str, object]] = {}  # file: name: value

    @property
    def lines(self) -> list[str]:
        """The commands."""
        return [self.cmd] if isinstance(self.cmd, str) else self.cmd

    @property
    def values(self) -> dict[str, object]:
        """The parameters of all files by name, those of one's own files with the file's."""
        return {
            name_param(file, name): value
            for file, known in self.params.items()
            for name, value in known.items()
        }


class Lock(BaseModel):
    stages: dict[str, Stage] = {}


def read_stages(revision: Revision, lock: Path = LOCK) -> dict[str, Stage]:
    """The stages of the lock; none if it has another form."""
    try:
        return Lock.model_validate(revision.read_yaml(lock)).stages
    except ValidationError:
        return {}


def read_pins(revision: Revision) -> dict[str, str]:
    """The version of each package and room; older commits have them without groups."""
    return dict(list_pinned(revision.read_yaml(PINS)))
