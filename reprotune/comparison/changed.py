"""What was changed, in a few lines that stand beside the verdict."""

from collections.abc import Callable, Mapping, Sequence

from reprotune.comparison import statistics
from reprotune.comparison.changes import count_decisions, format_value, list_reruns
from reprotune.comparison.lineage import Lineage
from reprotune.comparison.lock import Stage, read_pins
from reprotune.comparison.report import code
from reprotune.comparison.revision import Revision, git
from reprotune.core import paths
from reprotune.tables import metrics

NAMED = 4  # of a kind
MADE = ("dvc.lock", "metrics/", "reports/")  # by the stages
CODE = (".py", ".sh", ".toml", "Makefile", "dvc.yaml")
DATA = ("data/", "models/")
CHECKS = (".ci/", ".dvc/", ".dvcignore", ".git", "Jenkinsfile", "azure-pipelines", "bitbucket-")
VALUES = ("params.yaml", "pins.yaml", "requirements.lock")  # told by their values


def summarize_changes(base: Revision, head: Revision) -> list[str]:
    """Parameters, data, packages, code and the stages that ran: a line each, if there is any."""
    files = list_files(base, head)
    code_files = [name for name in files if name.endswith(CODE)]
    checks = [name for name in files if name.startswith(CHECKS)]
    known = {*code_files, *checks, *(f for f in files if f.startswith((*MADE, *DATA, *VALUES)))}
    lines = {
        "Parameters": join(list_values(base.params, head.params)),
        "Chosen by trials": join(list_values(read_chosen(base), read_chosen(head))),
        "Data": join([*count_rows(base, head), *map(code, files_of(files, DATA))]),
        "Packages": join(list_values(read_pins(base), read_pins(head))),
        "Checks, and what git and DVC ignore": ", ".join(map(code, checks)),
        "Code": join([code(name) for name in code_files]),
        "Stages depend no more on": join(list_dropped(base, head, list_inputs)),
        "Stages make no more": join(list_dropped(base, head, list_outputs)),
        "Documents and other files": join([code(name) for name in files if name not in known]),
        "Stages that ran": join([code(name) for name in list_reruns(base, head)]) or "none",
    }
    return [f"**{name}**: {told}" for name, told in lines.items() if told]


def list_dropped(base: Revision, head: Revision, listed: Callable[[Stage], set[str]]) -> list[str]:
    """What a stage listed and lists no more: another content of it makes no run stale."""
    new = Lineage(head).noted
    return [
        f"{code(what)} ({code(name)})"
        for name, stage in Lineage(base).noted.items()
        if name in new
        for what in sorted(listed(stage) - listed(new[name]))
    ]


def list_inputs(stage: Stage) -> set[str]:
    values = {
        name if file == str(paths.PARAMS) else f"{file}: {name}"
        for file, known in stage.params.items()
        for name in known
    }
    return values | {dep.path for dep in stage.deps}


def list_outputs(stage: Stage) -> set[str]:
    return {out.path for out in stage.outs}


def join(told: Sequence[str]) -> str:
    more = [f"{len(told) - NAMED} more"] if len(told) > NAMED else []
    return ", ".join([*told[:NAMED], *more])


def list_values(old: Mapping[str, object], new: Mapping[str, object]) -> list[str]:
    """Names whose value changed, with both values."""

    def show(values: Mapping[str, object], name: str) -> str:
        value = values.get(name)
        told = value if isinstance(value, str) else str(format_value(value))
        return code(told) if name in values else "none"

    return [
        f"{code(name)} {show(old, name)} → {show(new, name)}"
        for name in sorted({*old, *new})
        if old.get(name, ...) != new.get(name, ...)
    ]


def read_chosen(side: Revision) -> dict[str, object]:
    """What a run found out by itself."""
    found = side.read_figures(paths.TRAIN_METRICS, metrics.Train)
    rate = found and found.learning_rate
    return {"train.learning_rate": rate} if rate else {}


def count_rows(base: Revision, head: Revision) -> list[str]:
    """What became of the rows, and how many decisions were added."""
    old, new = base.read_table(paths.ROWS), head.read_table(paths.ROWS)
    if old is None or new is None:
        return []
    found = statistics.diff_rows(old, new)
    told = [f"{len(rows)} rows {name}" for name, rows in found.items() if len(rows)]
    decided = count_decisions(base, head)
    return [*told, *([f"decisions: {decided}"] if decided else [])]


def files_of(files: Sequence[str], folders: tuple[str, ...]) -> list[str]:
    return [name for name in files if name.startswith(folders)]


def list_files(base: Revision, head: Revision) -> list[str]:
    """The files that differ, by git; in the workspace those that git does not know, too."""
    if base.commit is None:
        return []
    asked = ["diff", "--name-only", "--relative", "-z", base.commit]
    found = git(*asked, *([head.commit] if head.commit else []), "--").split("\0")
    if head.commit is None:
        found += git("ls-files", "--others", "--exclude-standard", "-z").split("\0")
    return sorted(filter(None, found))
