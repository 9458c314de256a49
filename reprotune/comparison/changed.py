"""What was changed, in a few lines that stand beside the verdict."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from reprotune.comparison import statistics
from reprotune.comparison.changes import (
    count_decisions,
    diff_files,
    format_value,
    list_reruns,
    list_unfounded,
)
from reprotune.comparison.forms import COLUMNS
from reprotune.comparison.lineage import Lineage
from reprotune.comparison.lock import SHARED, Stage, read_pins, read_stages
from reprotune.comparison.records import RECORDS
from reprotune.comparison.report import code, join
from reprotune.comparison.revision import Revision, flat, git
from reprotune.core import paths
from reprotune.core.io import parse_json
from reprotune.core.printing import count_of
from reprotune.tables import metrics

MOST_CHECKS = 12
UNFOUNDED = "Other outputs of the same inputs (another machine, or no run at all)"
IDLE = "Other parameters, the same bytes (without effect, or not run)"
GATE = "compare."  # parameters by which a change is judged: those before it
CODE = (".py", ".sh", ".toml", "Makefile", "dvc.yaml")
DATA = ("data/", "models/")
CHECKS = (
    ".ci/", ".dvc/", ".dvcignore", ".git", "Jenkinsfile", "azure-pipelines", "bitbucket-",
    "reprotune/comparison/", "reprotune/core/", "reprotune/project/",
    "reports/comparison", "reports/run.json", "reports/verified.json",
)  # fmt: skip
REQUIREMENTS = Path("requirements.lock")
VALUES = ("params.yaml", "pins.yaml", str(REQUIREMENTS), "dvc.lock")  # told by their values


def summarize_changes(base: Revision, head: Revision) -> list[str]:
    """Parameters, data, packages, code and the stages that ran: a line each, if there is any."""
    files = list_files(base, head)
    code_files = [name for name in files if name.endswith(CODE)]
    checks = [*filter(is_check, files)]
    data, made = files_of(files, DATA), list(filter(Lineage(head).find_makers, files))
    ours, own = (
        set(map(str, (*RECORDS, *COLUMNS))),
        [read_own_params(side) for side in (base, head)],
    )
    known = {*code_files, *checks, *data, *made, *VALUES, *ours, *list_own_files(base, head)}
    figures = [name for name in made if name not in ours and name.endswith(".json")]
    lines = {
        "The gate, of which the one before judges": join(
            list_values(*(pick(side.params, of_gate=True) for side in (base, head))), MOST_CHECKS
        ),
        "Parameters": join(
            list_values(*(pick(side.params, of_gate=False) for side in (base, head)))
            + list_values(*own)
        ),
        "Chosen by trials": join(list_values(read_chosen(base), read_chosen(head))),
        "Data": join([*count_rows(base, head), *map(code, data)]),
        "Figures of other stages": join(
            list_values(*(read_figures(side, figures) for side in (base, head)))
        ),
        "Packages": join(list_packages(base, head)),
        "Checks, and what git and DVC ignore": join(list(map(code, checks)), MOST_CHECKS),
        "Code": join([code(name) for name in code_files]),
        "Stages depend no more on": join(list_dropped(base, head, list_inputs)),
        "Stages depend now on": join(list_dropped(head, base, list_inputs)),
        "Stages make no more": join(list_dropped(base, head, list_outputs)),
        "Stages that are no more": join(list_gone(base, head)),
        "Stages that DVC never runs (frozen)": join(list_frozen(base, head)),
        "Commands": join(list_commands(base, head)),
        UNFOUNDED: join([code(name) for name in list_unfounded(base, head)]),
        IDLE: join(list_idle(base, head)),
        "Documents and other files": join([code(name) for name in files if name not in known]),
        "Stages that ran": join([code(name) for name in list_reruns(base, head)]) or "none",
    }
    return [f"**{name}**: {told}" for name, told in lines.items() if told]


def is_check(path: str) -> bool:
    """Whether a file decides on what is looked at, wherever the file lies or by its folder."""
    return path.rpartition("/")[2].startswith(CHECKS) or path.lstrip("/").startswith(CHECKS)


def list_dropped(base: Revision, head: Revision, listed: Callable[[Stage], set[str]]) -> list[str]:
    """What a stage listed and lists no more: another content of it makes no run stale."""
    new = Lineage(head).noted
    return [
        f"{code(what)} ({code(name)})"
        for name, stage in Lineage(base).noted.items()
        if name in new
        for what in sorted(listed(stage) - listed(new[name]))
    ]


def list_gone(base: Revision, head: Revision) -> list[str]:
    """Stages that have no such name any more, or are made from a template now."""
    old, new = Lineage(base), Lineage(head)
    gone = (old.listed.keys() - new.listed) | (old.single.keys() - new.single)
    return [code(name) for name in sorted(gone)]


def list_frozen(base: Revision, head: Revision) -> list[str]:
    """Stages that are so now and were not before."""
    old, new = (
        {name for name, entry in Lineage(side).listed.items() if entry.get("frozen")}
        for side in (base, head)
    )
    return [code(name) for name in sorted(new - old)]


def list_idle(base: Revision, head: Revision) -> list[str]:
    """Stages that are noted with other values of their parameters, and with the same outputs."""
    old, new = Lineage(base).noted, Lineage(head).noted
    found = []
    for name in old.keys() & new.keys():
        was, now = (side[name].params.get(str(paths.PARAMS), {}) for side in (old, new))
        is_other = any(was[key] != now[key] for key in was.keys() & now.keys())
        if is_other and not diff_files(old[name].outs, new[name].outs):
            found.append(code(name))
    return sorted(found)


def list_commands(base: Revision, head: Revision) -> list[str]:
    """The stages that another command runs, with both."""
    old, new = (
        {name: " && ".join(stage.lines) for name, stage in Lineage(side).noted.items()}
        for side in (base, head)
    )
    both = old.keys() & new.keys()
    return list_values({name: old[name] for name in both}, {name: new[name] for name in both})


def list_packages(base: Revision, head: Revision) -> list[str]:
    """The pinned packages, and others that are installed with them, with both versions."""
    pinned, locked = [read_pins(base), read_pins(head)], [read_locked(base), read_locked(head)]
    told = set(pinned[0].items()) ^ set(pinned[1].items())
    others = [
        {f"{REQUIREMENTS}: {name}": kept for name, kept in side.items() if (name, kept) not in told}
        for side in locked
    ]
    return [*list_values(*pinned), *list_values(*others)]


def read_locked(side: Revision) -> dict[str, str]:
    """Each package of the lock with what follows its name: a version, or an address."""
    text = (side.read_bytes(REQUIREMENTS) or b"").decode(errors="replace")
    found = re.findall(r"^([\w.-]+)[ \t]*(?:==)?(.*)$|^([^#\s].*)$", text, re.MULTILINE)
    return {name or line: kept.strip() for name, kept, line in found}


def pick(values: Mapping[str, object], *, of_gate: bool) -> dict[str, object]:
    return {name: value for name, value in values.items() if name.startswith(GATE) == of_gate}


def list_own_files(*sides: Revision) -> set[str]:
    """Files of parameters that are not the library's."""
    stages = [stage for side in sides for stage in read_stages(side).values()]
    return {file for stage in stages for file in stage.params} - {*SHARED}


def read_own_params(side: Revision) -> dict[str, object]:
    """The parameters that stages took from other files, as they ran."""
    stages = read_stages(side).values()
    values = {name: value for stage in stages for name, value in stage.values.items()}
    names = tuple(f"{file}: " for file in list_own_files(side))
    return {name: value for name, value in values.items() if name.startswith(names)}


def read_figures(side: Revision, files: Sequence[str]) -> dict[str, object]:
    """What stages that are not the library's wrote as JSON, by file and name."""
    found: dict[str, object] = {}
    for file in files:
        try:
            tree = parse_json(side.read_bytes(Path(file)) or b"{}")
        except ValueError:
            continue
        values = flat(tree) if isinstance(tree, dict) else {}
        found |= {f"{file}: {name}": value for name, value in values.items()}
    return found


def list_inputs(stage: Stage) -> set[str]:
    values = {
        name if file == str(paths.PARAMS) else f"{file}: {name}"
        for file, known in stage.params.items()
        for name in known
    }
    return values | {dep.path for dep in stage.deps}


def list_outputs(stage: Stage) -> set[str]:
    return {out.path for out in stage.outs}


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
    told = [f"{count_of(len(rows), 'row')} {name}" for name, rows in found.items() if len(rows)]
    decided = count_decisions(base, head)
    return [*told, *([f"decisions: {decided}"] if decided else [])]


def files_of(files: Sequence[str], folders: tuple[str, ...]) -> list[str]:
    return [name for name in files if name.startswith(folders)]


def list_files(base: Revision, head: Revision) -> list[str]:
    """The files that differ, by git; in the workspace those that git does not know, too.

    What was renamed is there with both names; of what is not under this folder what decides on
    checks, with a slash before it.
    """
    if base.commit is None:
        return []
    asked = ["diff", "--name-only", "--no-renames", "--ignore-submodules=none", "-z", base.commit]
    found = git(*asked, *([head.commit] if head.commit else []), "--").split("\0")
    here = git("rev-parse", "--show-prefix").strip()
    inside = [name.removeprefix(here) for name in found if name.startswith(here)]
    outside = [f"/{name}" for name in found if not name.startswith(here)]
    found = [*inside, *filter(is_check, outside)]
    if head.commit is None:
        found += git("ls-files", "--others", "--exclude-standard", "-z").split("\0")
    return sorted(filter(None, found))
