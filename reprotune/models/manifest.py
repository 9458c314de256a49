"""The file that pins a base model, and the folder that it stands for."""

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict

from reprotune.core.errors import InputError
from reprotune.sources import hub
from reprotune.sources.hub import Repository
from reprotune.tables import metrics

MANIFEST = "base.json"


class Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PinnedFile(Record):
    """One file of a model folder."""

    name: str
    bytes: int
    sha256: str


class Manifest(Record):
    """What is known of a base model; ``location`` is a folder, or ``owner/name`` on the Hub."""

    kind: Literal["builtin", "path", "hub"]
    location: str
    revision: str | None
    architecture: str  # the class that was saved
    parameters: int
    files: list[PinnedFile]

    @classmethod
    def read(cls, base: Path) -> Self:
        return metrics.read(base / MANIFEST, cls)

    def write(self, base: Path) -> None:
        metrics.write(base / MANIFEST, self)

    def locate(self) -> Path:
        """The folder that is pinned; a model of the Hub is fetched if it is not in the cache.

        Only the sizes are compared: the hashes were taken from files that DVC or a commit pins.

        Raises:
            InputError: a file is missing, or another one.
        """
        folder = Path(self.location)
        if self.kind == "hub":
            repository = Repository(self.location, "model", str(self.revision))
            found = hub.fetch(repository, [file.name for file in self.files])
            folder = found["config.json"].parent
        for file in self.files:
            path = folder / file.name
            if not path.is_file() or path.stat().st_size != file.bytes:
                raise InputError(f"{path}: not the file that was pinned; run dvc repro base_model")
        return folder
