"""What a run has to keep of the one that it follows: its files, who makes them, what they say."""

from collections.abc import Iterator
from pathlib import Path

from reprotune.comparison.changes import list_unfounded
from reprotune.comparison.contradictions import is_close
from reprotune.comparison.forms import COLUMNS
from reprotune.comparison.lineage import Lineage, list_uncached
from reprotune.comparison.records import RECORDS
from reprotune.comparison.report import code
from reprotune.comparison.revision import Revision
from reprotune.core import dvc, paths


def find_breach(base: Revision, head: Revision) -> str:
    """The first that was not kept of what files say, and who makes them; empty if there is none."""
    return next((told for check in CHECKS for told in check(base, head)), "")


def name_missing(base: Revision, head: Revision) -> Iterator[str]:
    """A file of figures that git held before and holds no more.

    What another version wrote, this one need not write.
    """
    held = [path for path, kind in RECORDS.items() if base.read_figures(path, kind) is not None]
    for path in (*held, *filter(base.is_table, COLUMNS)):
        is_due = head.commit or path != paths.PREDICTIONS  # else nothing was run here yet
        if is_due and head.read_bytes(path) is None:
            yield f"{path} is not in git any more, as it is of {code(base.label)}"


def name_unmade(base: Revision, head: Revision) -> Iterator[str]:
    """A file of figures that no stage makes any more: it could say anything."""
    old, new = Lineage(base), Lineage(head)
    if old.listed and not new.listed:
        yield f"{dvc.FILE} lists no stages any more, as it does in {code(base.label)}"
    for path in map(str, (*RECORDS, *COLUMNS)):
        made = head.read_bytes(Path(path)) is not None and old.find_makers(path)
        if made and not new.find_makers(path):
            yield f"no stage makes {path} any more, as {made[0]} does in {code(base.label)}"


def name_retold(base: Revision, head: Revision) -> Iterator[str]:
    """A test row with another text: its id is a hash of what it says."""
    if base.predictions is None or head.predictions is None:
        return
    both = base.predictions.merge(head.predictions, on="id", suffixes=("_base", "_head"))
    for name in both.loc[both["text_base"] != both["text_head"], "id"]:
        yield (
            f"{paths.PREDICTIONS}, row {code(str(name))}: it has another text than in "
            f"{code(base.label)}"
        )


def name_unfounded(base: Revision, head: Revision) -> Iterator[str]:
    """Another answer to the same question, by a stage all of whose outputs git has.

    No clean clone has a reason to run it again, and another machine moves its figures by noise.
    The rows are no figures: no machine moves them.
    """
    lineage = Lineage(base)
    for name, outputs in list_unfounded(base, head).items():
        kept = list_uncached(lineage.told.get(name, {}))
        is_kept = {out.path for out in lineage.noted[name].outs} <= kept
        for path in outputs if is_kept else {str(paths.ROWS)}.intersection(outputs):
            if Path(path).suffix and not is_close(base, head, Path(path)):
                yield f"{code(name)} rests on the same as in {code(base.label)}; {path} is another"


CHECKS = (name_unmade, name_retold, name_unfounded)
