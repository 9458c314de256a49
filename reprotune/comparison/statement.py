"""What a rebuild of a commit came to, in a small file that goes into git with it."""

from enum import StrEnum
from hashlib import sha256

from pydantic import BaseModel

from reprotune.comparison.lock import LOCK
from reprotune.comparison.report import code
from reprotune.comparison.revision import Revision
from reprotune.core import paths


class Outcome(StrEnum):
    """What became of an output, from the best on."""

    IDENTICAL = "bit-identical"
    SAME = "same figures"  # other bytes
    DRIFTED = "drifted"


class Statement(BaseModel):
    """``reports/verified.json``."""

    commit: str
    lock: str  # sha256 of dvc.lock: a later commit with the same one has the same run
    machine: str
    seconds: int
    verdict: Outcome
    reason: str  # the first stage whose outputs are others, and why; empty if none is
    outputs: dict[str, Outcome]

    @property
    def sentence(self) -> str:
        """What came of it, for people."""
        others = [path for path, found in self.outputs.items() if found != Outcome.IDENTICAL]
        told = f"{self.commit[:7]}, rebuilt in {self.seconds} s on {self.machine}: {self.verdict}"
        if not others:
            return f"{told}, {len(self.outputs)} outputs"
        listed = "\n".join(f"  {path}: {self.outputs[path]}" for path in others)
        return f"{told}. First {self.reason}\n{listed}"


def tell_rebuild(revision: Revision) -> str:
    """What the statement beside a run says of it; empty if there is none, or of another run."""
    said, lock = revision.read_figures(paths.VERIFIED, Statement), revision.read_bytes(LOCK)
    if said is None or lock is None or said.lock != sha256(lock).hexdigest():
        return ""
    return (
        f"{code(revision.name)} says of itself that it was rebuilt in a clone, on "
        f"{code(said.machine)}: {said.verdict}."
    )
