"""What random kills leave of a small pipeline: wrong locks, orphans and damaged outputs.

The stages are trifles, but DVC, the start of a stage and the writing of files and folders are the
real ones. Half of the kills fall into the first 0.3 s of a stage.
"""

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NoReturn

import psutil
import yaml
from dvc.cli import main as dvc

ROOT = Path(__file__).resolve().parents[1]
NAMES = ("first", "second", "third")
KILLS = 200
GRACE = 3.0  # seconds in which everything must have ended
LATE = 60.0
START = 0.3  # seconds of a start
LINES = 20_000  # of an output, which are all alike: half of one is no output
STAGE = """
import time
from pathlib import Path

from reprotune.core.io import whole_file, whole_folder

text = (Path("seed").read_text() + " {name}\\n") * {lines}
time.sleep(0.2)
with whole_file(Path("{name}.txt")) as file:
    file.write_text(text)
with whole_folder(Path("{name}")) as folder:
    (folder / "weights").write_text(text)
"""
ENTRY = """
  {name}:
    cmd: python -m stages.{name}
    deps: [seed{before}]
    outs: [{name}.txt, {name}: {{persist: {persist}}}]
"""


def make(root: Path) -> None:
    """The project, with the start of a stage as it is here."""
    (root / "stages").mkdir()
    shutil.copy(ROOT / "stages/__init__.py", root / "stages")
    entries = ["stages:"]
    for before, name in zip(("", *NAMES), NAMES, strict=False):
        (root / f"stages/{name}.py").write_text(STAGE.format(name=name, lines=LINES))
        more = f", {before}.txt" if before else ""
        persist = str(name == NAMES[-1]).lower()
        entries.append(ENTRY.format(name=name, before=more, persist=persist))
    (root / "dvc.yaml").write_text("".join(entries))
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q", "--no-scm"], cwd=root, check=True)


def start(root: Path, shell: str) -> int:
    """``dvc repro`` in a process of its own, which need not import DVC once more."""
    pid = os.fork()
    if pid == 0:
        run(root, shell)
    return pid


def run(root: Path, shell: str) -> NoReturn:
    os.chdir(root)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    os.environ.update(SHELL=shell, PYTHONPATH=f"{root}:{ROOT}", PATH=path)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    os._exit(dvc(["repro", "-q"]) & 0xFF)


def list_below(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def name_stage(processes: list[psutil.Process]) -> str:
    """The stage that runs, or ``none``."""
    for process in processes:
        try:
            told = " ".join(process.cmdline())
        except psutil.Error:
            continue
        for name in NAMES:
            if f"stages.{name}" in told:
                return name
    return "none"


def kill_one(pid: int, whole: float, draw: random.Random) -> tuple[str, str]:
    """Kill a process of a run at a random moment; which stage ran, and whose process it was.

    ``whole`` are the seconds that a run takes.
    """
    deadline = time.monotonic() + 10 * whole
    if draw.random() < 0.5:
        wanted = draw.choice(NAMES)
        while name_stage(list_below(pid)) != wanted and time.monotonic() < deadline:
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                break
            time.sleep(0.002)
        time.sleep(draw.random() * START)
    else:
        time.sleep(draw.random() * whole)
    below = list_below(pid)
    victim = draw.choice([psutil.Process(pid), *below])
    stage = name_stage(below)
    try:
        victim.send_signal(signal.SIGKILL)
    except psutil.NoSuchProcess:
        return stage, "over"
    return stage, "dvc" if victim.pid == pid else "stage"


def find_orphans(root: Path) -> list[psutil.Process]:
    """The processes that work in a project."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == str(root) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def wait_for_end(root: Path, seconds: float) -> list[psutil.Process]:
    """The processes that still work in a project after some seconds."""
    deadline = time.monotonic() + seconds
    while (left := find_orphans(root)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def make_text(seed: int, name: str) -> str:
    return f"{seed} {name}\n" * LINES


def find_damage(root: Path, seeds: range) -> list[str]:
    """Outputs that are neither of this run nor whole of an earlier one."""
    files = [root / file for name in NAMES for file in (f"{name}.txt", f"{name}/weights")]
    wrong = []
    for file in filter(Path.is_file, files):
        name = file.parent.name if file.name == "weights" else file.stem
        text = file.read_text()
        seed = text.split(" ", 1)[0]
        if not seed.isdecimal() or int(seed) not in seeds or text != make_text(int(seed), name):
            wrong.append(file.name)
    return wrong


def find_wrong_locks(root: Path, seeds: range) -> list[str]:
    """Stages whose outputs in the lock do not follow from the seed in the lock."""
    lock = root / "dvc.lock"
    if not lock.is_file():
        return []
    hashes = {hashlib.md5(str(seed).encode()).hexdigest(): seed for seed in seeds}
    stages = (yaml.safe_load(lock.read_text()) or {}).get("stages", {})
    wrong = []
    for name, entry in stages.items():
        seed = next(hashes[dep["md5"]] for dep in entry["deps"] if dep["path"] == "seed")
        md5 = hashlib.md5(make_text(seed, name).encode()).hexdigest()
        if next(out["md5"] for out in entry["outs"] if out["path"] == f"{name}.txt") != md5:
            wrong.append(name)
    return wrong


def measure(kills: int, seed: int) -> None:
    draw = random.Random(seed)
    counts: Counter[tuple[str, str, str]] = Counter()
    with tempfile.TemporaryDirectory() as work:
        root = Path(work).resolve() / "project"
        root.mkdir()
        make(root)
        (root / "seed").write_text("0")
        began = time.monotonic()
        if os.waitpid(start(root, "/bin/bash"), 0)[1]:
            raise SystemExit(
                "dvc repro fails even if nothing is killed, so kills would show nothing"
            )
        whole = time.monotonic() - began
        for number in range(1, kills + 1):
            (root / "seed").write_text(str(number))
            pid = start(root, draw.choice(("/bin/bash", "/bin/sh")))
            stage, victim = kill_one(pid, whole, draw)
            if victim != "dvc":
                os.waitpid(pid, 0)
            left = wait_for_end(root, GRACE)
            stayed = wait_for_end(root, LATE) if left else []  # a busy machine ends them later
            if victim == "dvc":
                os.waitpid(pid, 0)
            found = {
                "kills": 1,
                "rwlock damaged": repair(root),
                "orphans": len(left),
                "after a minute": len(stayed),
                "damaged": len(find_damage(root, range(number + 1))),
                "wrong locks": len(find_wrong_locks(root, range(number + 1))),
            }
            for what, count in found.items():
                counts[stage, victim, what] += count
            for process in stayed:
                process.kill()
            print(number, stage, victim, found, file=sys.stderr, flush=True)
    show(counts)


def repair(root: Path) -> int:
    """Whether DVC was killed while it wrote down who runs what; without that file it goes on."""
    held = root / ".dvc/tmp/rwlock"
    try:
        json.loads(held.read_bytes() if held.is_file() else b"{}")
    except ValueError:
        held.unlink()
        return 1
    return 0


def show(counts: Counter[tuple[str, str, str]]) -> None:
    columns = ("kills", "rwlock damaged", "orphans", "after a minute", "damaged", "wrong locks")
    print(f"| stage that ran | killed | {' | '.join(columns)} |\n|---|---|{'---|' * len(columns)}")
    for stage, victim in sorted({key[:2] for key in counts}):
        cells = [str(counts[stage, victim, column]) for column in columns]
        print(f"| {stage} | {victim} | {' | '.join(cells)} |")


def main() -> None:
    measure(KILLS, seed=1)


if __name__ == "__main__":
    main()
