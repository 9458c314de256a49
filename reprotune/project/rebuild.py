"""``reprotune verify``: rebuild a commit in a clone of its own, and say what comes out the same."""

import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from reprotune.comparison.contradictions import is_same, is_same_table, list_leaves
from reprotune.comparison.lineage import find_breaks
from reprotune.comparison.lock import LOCK, Stage, read_stages
from reprotune.comparison.revision import Revision, git, read_revision
from reprotune.comparison.statement import Outcome, Statement
from reprotune.core import dvc, paths
from reprotune.core.errors import InputError
from reprotune.core.io import parse_json
from reprotune.core.supervision import PARENT, SUPERVISED
from reprotune.project import pins
from reprotune.project.checks import Check
from reprotune.tables import metrics

STDERR = 2  # its descriptor: stdout is for what verify says
CLOSE = 1e-3  # by which another CPU may compute a figure or a probability differently
FIGURES = {".json", ".csv", ".tsv"}
UNKNOWN = (
    "code, data, parameters and packages are those of the lock; so another kind of CPU, number of "
    "threads or system, or a step that is not the same twice"
)


def verify() -> Check:
    """Rebuild what is committed, and note in ``reports/verified.json`` what came of it.

    Nothing of this folder but its commits and the sources in DVC's cache is used, and nothing in
    it is changed. It takes as long as the whole pipeline.

    Raises:
        InputError: there is no commit with a lock, or a stage cannot be run.
    """
    head = read_revision("HEAD")
    raw = head.read_bytes(LOCK)
    if raw is None:
        raise InputError(f"{head.name} has no {LOCK}: run dvc repro and commit it first")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="reprotune-verify-") as folder:
        root = clone(Path(folder) / "clone")
        run(root, "repro", "--force", "--no-run-cache")
        outcomes = settle(dict(compare_outputs(head, Rebuilt("rebuilt", None, root))))
    statement = Statement(
        commit=str(head.commit),
        lock=sha256(raw).hexdigest(),
        machine=name_machine(),
        seconds=round(time.monotonic() - began),
        verdict=max(outcomes.values(), key=list(Outcome).index, default=Outcome.IDENTICAL),
        outputs=outcomes,
        reason=explain(head, outcomes),
    )
    metrics.write(paths.VERIFIED, statement)
    drifted = [path for path, found in outcomes.items() if found == Outcome.DRIFTED]
    return Check({"drifted": drifted}, statement.sentence)


def clone(target: Path) -> Path:
    """The committed project in a place of its own, with its sources; the folder of the project."""
    git("clone", "-q", git("rev-parse", "--show-toplevel").strip(), str(target))
    root = target / git("rev-parse", "--show-prefix").strip()
    kept = run(Path(), "cache", "dir", quiet=True).strip()
    run(root, "cache", "dir", "--local", str(target.parent / "cache"), quiet=True)
    sources = sorted(str(f.relative_to(root)) for f in root.rglob("*.dvc") if f.is_file())
    if sources:
        run(root, "remote", "add", "--local", "verified", kept, quiet=True)
        run(root, "pull", "-r", "verified", *sources)
    return root


def run(root: Path, *command: str, quiet: bool = False) -> str:
    """What DVC answers; without ``quiet`` it goes to stderr as it comes.

    Raises:
        InputError: DVC or one of its stages fails.
    """
    own = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    done = subprocess.run(
        [*SUPERVISED, sys.executable, "-m", "dvc", *command],
        cwd=root,
        env=os.environ | {"PATH": own, PARENT: str(os.getpid())},
        stdout=subprocess.PIPE if quiet else STDERR,
        stderr=subprocess.PIPE if quiet else None,
        text=True,
        check=False,
    )
    if done.returncode:
        told = f": {done.stderr.strip()}" if quiet else "; its message is above"
        raise InputError(f"verify: dvc {command[0]} fails in a clone of this commit{told}")
    return done.stdout or ""


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


def compare_outputs(was: Revision, now: Rebuilt) -> Iterator[tuple[str, Outcome | None]]:
    """Each output in the order of the stages; None where its bytes alone can be compared."""
    noted, made = read_stages(was), read_stages(now)
    listed = was.read_yaml(dvc.FILE).get("stages")
    for name in listed if isinstance(listed, dict) else {}:
        hashes = {out.path: out.md5 for out in made.get(name, Stage()).outs}
        for out in noted.get(name, Stage()).outs:
            same = out.md5 is not None and out.md5 == hashes.get(out.path)
            yield out.path, Outcome.IDENTICAL if same else compare_figures(was, now, Path(out.path))


def compare_figures(was: Revision, now: Rebuilt, path: Path) -> Outcome | None:
    """Whether the figures of an output that git holds are the same but for noise."""
    files = now.list_files(path)
    if not files:
        return Outcome.DRIFTED
    if any(was.read_bytes(file) is None or file.suffix not in FIGURES for file in files):
        return None
    return Outcome.SAME if all(is_close(was, now, file) for file in files) else Outcome.DRIFTED


def is_close(was: Revision, now: Revision, file: Path) -> bool:
    """Whether a file has the same texts on both sides, and figures that are close."""
    if file.suffix == ".json":
        old, new = (dict(list_leaves(parse_json(s.read_bytes(file) or b"{}"))) for s in (was, now))
        return old.keys() == new.keys() and all(is_same(old[key], new[key], CLOSE) for key in old)
    before, after = was.read_table(file), now.read_table(file)
    if before is None or after is None:
        return before is after
    return is_same_table(before, after, CLOSE)


def settle(outcomes: dict[str, Outcome | None]) -> dict[str, Outcome]:
    """Other bytes without figures of their own drifted if any figure did."""
    drifted = Outcome.DRIFTED in outcomes.values()
    rest = Outcome.DRIFTED if drifted else Outcome.SAME
    return {path: outcome or rest for path, outcome in outcomes.items()}


def explain(head: Revision, outcomes: dict[str, Outcome]) -> str:
    """The first stage whose outputs are others, and the likely reason; empty if none is."""
    stages = read_stages(head)
    makers = {out.path: name for name, stage in stages.items() for out in stage.outs}
    first = next((path for path, found in outcomes.items() if found != Outcome.IDENTICAL), None)
    if first is None:
        return ""
    if why := find_breaks(head).get(makers[first]):
        told = f"its record is not of this commit: {', '.join(why)}"
    elif wrong := pins.differences():
        told = f"the installed packages are others: {', '.join(wrong)}"
    else:
        told = UNKNOWN
    return f"{makers[first]}: {told}"


def name_machine() -> str:
    """System and kind of processor."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{platform.system()} {platform.machine()}, {(names or [platform.processor()])[0]}"
