"""What a rebuild of a commit came to, in a small file that goes into git with it."""

from enum import StrEnum
from hashlib import sha256

from pydantic import BaseModel

from reprotune.comparison.lineage import Lineage
from reprotune.comparison.lock import LOCK, Stage
from reprotune.comparison.report import code
from reprotune.comparison.revision import Revision
from reprotune.core import paths
from reprotune.core.printing import count_of


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
    sampled: list[str] = []  # the stages that were rebuilt, each from the records of the others;
    stages: int = 0  # of so many. None are named if all were rebuilt, in turn
    pulled: bool = False  # what was not rebuilt came from DVC's remote

    @property
    def scope(self) -> str:
        """What was rebuilt, and where the rest came from; empty if it was the whole, from here."""
        named = (
            f"{len(self.sampled)} of {count_of(self.stages, 'stage')}: {', '.join(self.sampled)}"
        )
        remote = "what was not rebuilt from DVC's remote"
        return "; ".join([named] * bool(self.sampled) + [remote] * self.pulled)

    @property
    def sentence(self) -> str:
        """What came of it, for people."""
        others = [path for path, found in self.outputs.items() if found != Outcome.IDENTICAL]
        where = f"{self.machine} ({self.scope})" if self.scope else self.machine
        told = f"{self.commit[:7]}, rebuilt in {self.seconds} s on {where}: {self.verdict}"
        if not others:
            return f"{told}, {count_of(len(self.outputs), 'output')}"
        listed = "\n".join(f"  {path}: {self.outputs[path]}" for path in others)
        return f"{told}. First {self.reason}\n{listed}"


def is_whole(said: Statement, stages: dict[str, Stage]) -> bool:
    """Whether a statement tells of every output that it is about, and its verdict is of these."""
    about = [stages.get(name, Stage()) for name in said.sampled] or [*stages.values()]
    worst = max(said.outputs.values(), key=list(Outcome).index, default=None)
    return {out.path for one in about for out in one.outs} == {*said.outputs} and (
        worst == said.verdict
    )


def tell_rebuild(revision: Revision) -> str:
    """What the statement beside a run says of it; empty if there is none, or of another run."""
    said, lock = revision.read_figures(paths.VERIFIED, Statement), revision.read_bytes(LOCK)
    if said is None or lock is None or said.lock != sha256(lock).hexdigest():
        return ""
    if not is_whole(said, Lineage(revision).noted):
        return f"{paths.VERIFIED} is not whole, and so no statement of `reprotune verify`."
    scope = f" ({code(said.scope)})" if said.scope else ""
    why = f" First {code(said.reason)}." if said.reason else ""
    return (
        f"{code(revision.name)} says of itself that it was rebuilt in a clone, on "
        f"{code(said.machine)}{scope}: {said.verdict}.{why}"
    )
