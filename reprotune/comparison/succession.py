"""What a run has to keep of the one that it follows: its files, who makes them, what they say."""

from collections.abc import Iterator
from pathlib import Path

from reprotune.comparison.changes import list_unfounded
from reprotune.comparison.contradictions import is_close
from reprotune.comparison.forms import COLUMNS
from reprotune.comparison.lineage import SOURCES, Lineage, list_uncached
from reprotune.comparison.records import RECORDS
from reprotune.comparison.report import code
from reprotune.comparison.returning import tell_first
from reprotune.comparison.revision import Revision
from reprotune.comparison.tree import is_under
from reprotune.core import dvc, paths

OPTIONAL = {paths.EXPORT_METRICS}  # on which no verdict rests: a pipeline may be without its stage


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
        if is_due and head.read_bytes(path) is None and not is_taken_out(base, head, path):
            yield f"{path} is not in git any more, as it is of {code(base.label)}"


def is_taken_out(base: Revision, head: Revision, path: Path) -> bool:
    """Whether the stage that made a file is none any more, of which a pipeline may be without."""
    old, new = Lineage(base), Lineage(head)
    makers = old.find_makers(str(path))
    outputs = [out.path for name in makers for out in old.noted[name].outs]
    is_gone = bool(outputs and new.listed) and not any(map(new.find_makers, outputs))
    return is_gone and path in OPTIONAL


def name_unmade(base: Revision, head: Revision) -> Iterator[str]:
    """A file of figures that no stage makes any more: it could say anything."""
    old, new = Lineage(base), Lineage(head)
    if old.listed and not new.listed:
        yield f"{dvc.FILE} lists no stages any more, as it does in {code(base.label)}"
    for path in map(str, (*RECORDS, *COLUMNS)):
        made = head.read_bytes(Path(path)) is not None and old.find_makers(path)
        if made and not new.find_makers(path):
            hint = f"; git rm {path}, if it shall be none" if Path(path) in OPTIONAL else ""
            yield f"no stage makes {path} any more, as {made[0]} does in {code(base.label)}{hint}"


def name_retold(base: Revision, head: Revision) -> Iterator[str]:
    """A test row with another text: its id is a hash of what it says."""
    if base.predictions is None or head.predictions is None:
        return
    both = base.predictions.merge(head.predictions, on="id", suffixes=("_base", "_head"))
    retold = both.loc[both["text_base"] != both["text_head"], "id"]
    path = str(paths.PREDICTIONS)
    if len(retold) and tell_first(base, head, Lineage(base).makers.get(path, ""), [path]):
        return
    for name in retold:
        yield (
            f"{paths.PREDICTIONS}, row {code(str(name))}: it has another text than in "
            f"{code(base.label)}"
        )


def name_unfounded(base: Revision, head: Revision) -> Iterator[str]:
    """Another answer to the same question, by a stage whose outputs in the cache are the same.

    No clean clone has a reason to run it again, and another machine moves its figures by noise.
    Where it moves weights or data, it may move figures by more; but no row.
    """
    lineage = Lineage(base)
    for name, outputs in list_unfounded(base, head).items():
        if tell_first(base, head, name, outputs):
            continue
        is_kept = list_uncached(lineage.told.get(name, {})).issuperset(outputs)
        for path in outputs if is_kept else {str(paths.ROWS)}.intersection(outputs):
            for file in list_figures(Path(path)):
                if not is_close(base, head, file):
                    yield f"{tell_same(name, base.label)}, but another {file}"


def name_returned(base: Revision, head: Revision) -> Iterator[str]:
    """What a base answers otherwise than the first run did that rests on the same, as head does."""
    for name, outputs in list_unfounded(base, head).items():
        if first := tell_first(base, head, name, outputs):
            told = f"{tell_same(name, first)}, but another {outputs[0]}"
            yield f"{told}; the new side has that of then"


def tell_same(stage: str, label: str) -> str:
    return f"{code(stage)} has the same code, parameters and inputs as in {code(label)}"


def list_figures(output: Path) -> list[Path]:
    """An output, or its tables; but for the data of pictures, which follow from predictions."""
    if output.suffix:
        return [output]
    return [file for file in COLUMNS if output in file.parents and file not in paths.PLOTTED]


def name_unread(base: Revision, head: Revision) -> Iterator[str]:
    """A source whose files in git are others, while its stage noted the hash of before.

    Some of its files may be elsewhere, so that the hash itself cannot be held against git.
    """
    old, new = Lineage(base), Lineage(head)
    for name, stage in new.noted.items():
        known = {dep.path: dep.md5 for dep in old.noted[name].deps} if name in old.noted else {}
        for path in SOURCES & {dep.path for dep in stage.deps if dep.md5 == known.get(dep.path)}:
            if list_held(old, path) != list_held(new, path):
                yield f"{path} is another than in {code(base.label)}, and {code(name)} did not run"


def list_held(lineage: Lineage, folder: str) -> set[tuple[str, str | None]]:
    """The files of a folder that git holds, with their hashes."""
    files = lineage.tree.hashes.items()
    return {(path, md5) for path, md5 in files if is_under(path, folder) and "/.git" not in path}


CHECKS = (name_unmade, name_retold, name_unread, name_unfounded)
