"""``reprotune verify``: rebuild a commit in a clone of its own, and say what comes out the same."""

import platform
import random
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from hashlib import sha256
from pathlib import Path

from reprotune.comparison.contradictions import is_close
from reprotune.comparison.lineage import Lineage, find_breaks
from reprotune.comparison.lock import LOCK, Stage, read_stages
from reprotune.comparison.revision import Revision, git, read_revision
from reprotune.comparison.statement import Outcome, Statement
from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.printing import count_of, say
from reprotune.core.rooms import PINS, list_pinned
from reprotune.project import pins
from reprotune.project.checks import Check
from reprotune.project.clean_clone import clone, fetch, run
from reprotune.tables import metrics

SHOWN = 3  # changes that are named
FIGURES = {".json", ".csv", ".tsv"}
UNKNOWN = (
    "code, data, parameters and packages are those of the lock; so another kind of CPU, number of "
    "threads or system, a step that is not the same twice, or outputs that this run did not make"
)


def verify(pull: bool = False, sample: int | None = None) -> Check:
    """Rebuild what is committed, and note in ``reports/verified.json`` what came of it.

    Nothing of this folder but its commits and what DVC keeps is used, and nothing in it is
    changed. It takes as long as the whole pipeline, or as the stages of a ``sample``. With
    ``pull``, what is not rebuilt comes from DVC's remote, and else from the cache here.

    Raises:
        InputError: there is no commit with a lock, something is not kept, or a stage fails.
    """
    head = read_revision("HEAD")
    raw = head.read_bytes(LOCK)
    if raw is None:
        raise InputError(f"{head.name} has no {LOCK}: run dvc repro and commit it first")
    tell_left_out()
    lineage = Lineage(head)
    sampled = choose_stages(lineage, sample, str(head.commit)) if sample else []
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="reprotune-verify-") as folder:
        root = clone(Path(folder) / "clone", pull)
        if sampled:
            fetch(root, list_inputs(lineage, sampled, root), pull)
            run(root, "repro", "--force", "--no-run-cache", "--single-item", *sampled)
        else:
            run(root, "repro", "--force", "--no-run-cache")
        found = dict(compare_outputs(head, Rebuilt("rebuilt", None, root), sampled))
    outcomes = settle(found, whole=not sampled)
    statement = Statement(
        commit=str(head.commit),
        lock=sha256(raw).hexdigest(),
        machine=name_machine(),
        seconds=round(time.monotonic() - began),
        verdict=max(outcomes.values(), key=list(Outcome).index, default=Outcome.IDENTICAL),
        outputs=outcomes,
        reason=explain(head, outcomes),
        sampled=sampled,
        stages=len(lineage.noted),
        pulled=pull,
    )
    metrics.write(paths.VERIFIED, statement)
    drifted = [path for path, found in outcomes.items() if found == Outcome.DRIFTED]
    return Check({"drifted": drifted}, statement.sentence)


def tell_left_out() -> None:
    """Say which files of this folder differ from the commit that is rebuilt."""
    changed = git("status", "--porcelain", "--", ".", f":(exclude){paths.VERIFIED}").splitlines()
    if changed:
        named = ", ".join(line[3:] for line in changed[:SHOWN]) + ", ..." * (len(changed) > SHOWN)
        told = f"verify: HEAD is rebuilt, without the uncommitted changes of this folder: {named}"
        say(told, sys.stderr)


def choose_stages(lineage: Lineage, count: int, commit: str) -> list[str]:
    """So many stages, by chance but always the same for a commit; what comes later stands first.

    So each is made before another changes what it was made from.

    Raises:
        InputError: there are fewer, or they depend on themselves.
    """
    names = sorted(lineage.noted)
    if count > len(names):
        raise InputError(
            f"verify --sample {count}: this commit has {count_of(len(names), 'stage')}"
        )
    before = {
        name: {maker for dep in stage.deps for maker in lineage.find_makers(dep.path)} - {name}
        for name, stage in lineage.noted.items()
    }
    try:
        ordered = list(TopologicalSorter(before).static_order())
    except CycleError:
        raise InputError(f"{LOCK} of {lineage.revision.name}: a stage depends on itself") from None
    chosen = random.Random(commit).sample(names, count)
    return [name for name in reversed(ordered) if name in chosen]


def list_inputs(lineage: Lineage, stages: Iterable[str], root: Path) -> list[str]:
    """What these stages read of others and git does not hold."""
    deps = {dep.path for name in stages for dep in lineage.noted[name].deps}
    return sorted(path for path in deps if lineage.find_makers(path) and not (root / path).exists())


@dataclass(frozen=True)
class Rebuilt(Revision):
    """The files of a run in another folder."""

    root: Path

    def read_bytes(self, path: Path) -> bytes | None:
        file = self.root / path
        return file.read_bytes() if file.is_file() else None

    def list_files(self, path: Path) -> list[Path]:
        """A file, or the files of a folder; none if there is neither."""
        made = self.root / path
        files = sorted(made.rglob("*")) if made.is_dir() else [made]
        return [file.relative_to(self.root) for file in files if file.is_file()]


def compare_outputs(
    was: Revision, now: Rebuilt, only: Sequence[str]
) -> Iterator[tuple[str, Outcome | None]]:
    """Each output in the order of the stages; None where its bytes alone can be compared.

    With ``only``, those of these stages.
    """
    lineage, made = Lineage(was), Lineage(now).noted
    order = list(lineage.listed)
    for name in sorted(lineage.noted, key=lambda name: order.index(name.split("@")[0])):
        if only and name not in only:
            continue
        hashes = {out.path: out.md5 for out in made.get(name, Stage()).outs}
        for out in lineage.noted[name].outs:
            same = out.md5 is not None and out.md5 == hashes.get(out.path)
            yield out.path, Outcome.IDENTICAL if same else compare_figures(was, now, Path(out.path))


def compare_figures(was: Revision, now: Rebuilt, path: Path) -> Outcome | None:
    """Whether the figures of an output that git holds are the same but for noise.

    Curves are left to the predictions that they follow from: they have a point for each score that
    no other text has, so the last digit of one decides how many.
    """
    files = now.list_files(path)
    if not files:
        return Outcome.DRIFTED
    if path == paths.PLOTS or any(
        was.read_bytes(file) is None or file.suffix not in FIGURES for file in files
    ):
        return None
    return Outcome.SAME if all(is_close(was, now, file) for file in files) else Outcome.DRIFTED


def settle(outcomes: dict[str, Outcome | None], whole: bool) -> dict[str, Outcome]:
    """Other bytes without figures of their own drifted if any figure did.

    And if not the whole was rebuilt, for the figures that would show it may not have been.
    """
    drifted = not whole or Outcome.DRIFTED in outcomes.values()
    rest = Outcome.DRIFTED if drifted else Outcome.SAME
    return {path: outcome or rest for path, outcome in outcomes.items()}


def explain(head: Revision, outcomes: dict[str, Outcome]) -> str:
    """The first stage whose outputs are others, and the likely reason; empty if none is."""
    stages = read_stages(head)
    makers = {out.path: name for name, stage in stages.items() for out in stage.outs}
    first = next((path for path, found in outcomes.items() if found != Outcome.IDENTICAL), None)
    if first is None:
        return ""
    told = []
    if why := find_breaks(head).get(makers[first]):
        told.append(f"its record is not of this commit: {', '.join(why)}")
    pinned = list_pinned(stages[makers[first]].params.get(PINS.as_posix(), {}))
    if wrong := pins.find_differences(pinned):
        told.append(f"the installed packages are others: {', '.join(wrong)}")
    return f"{makers[first]}: {'; '.join(told) or UNKNOWN}"


def name_machine() -> str:
    """System and kind of processor."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{platform.system()} {platform.machine()}, {(names or [platform.processor()])[0]}"
