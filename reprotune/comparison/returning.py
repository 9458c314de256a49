"""Whether a run takes back what was changed without a reason: then git had its answer first."""

from collections.abc import Iterator, Sequence

from reprotune.comparison.changes import list_reasons
from reprotune.comparison.lineage import Lineage
from reprotune.comparison.lock import LOCK, Stage
from reprotune.comparison.revision import Revision, git
from reprotune.core.errors import InputError


def tell_first(base: Revision, head: Revision, name: str, outputs: Sequence[str]) -> str:
    """The first commit since which a stage rests on the same, if head has its outputs; else empty.

    Of the commits before the base, and the base itself.
    """
    now = Lineage(head).noted.get(name)
    if now is None:
        return ""
    wanted, label, found = pick(now, outputs), "", None
    for commit in list_runs(base):
        then = Revision(commit, commit)
        try:
            record = Lineage(then).noted.get(name)
        except InputError:  # a conflict that was committed
            break
        if record is None or list_reasons(record, now) or not pick(record, outputs):
            break
        label, found = then.label, pick(record, outputs)
    return label if found == wanted else ""


def pick(stage: Stage, outputs: Sequence[str]) -> dict[str, str | None]:
    """The hashes of some outputs of a stage, if it makes them all."""
    made = {out.path: out.md5 for out in stage.outs if out.path in outputs}
    return made if len(made) == len(outputs) else {}


def list_runs(base: Revision) -> Iterator[str]:
    """The commits of a branch that changed its lock, the last first; none of the workspace."""
    if base.commit is not None:
        how = ["--first-parent", "-m", "--format=%H"]
        yield from git("log", *how, base.commit, "--", str(LOCK)).splitlines()
