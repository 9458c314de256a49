"""What each stage says when the disk is full, and what it keeps: a table of docs/architecture.md.

A tiny project lies on a disk in memory, which is filled up to 4 KiB as soon as a stage has begun
(Linux).
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import yaml

from reprotune.builtin import headlines
from reprotune.core import paths
from tests.projects import ROOT, made, run_stages
from tests.test_rerun import SMALL, STAGES

INSIDE = "REPROTUNE_FULL_DISK"  # of the environment: the folder of this process's own disk
SIZE = "300m"
LEFT = 4096  # bytes


def enter(folder: str) -> None:
    """Begin once more with a disk of one's own in a folder, which nobody else sees."""
    mount = f"mount -t tmpfs -o size={SIZE} tmpfs {folder}"
    again = [sys.executable, "-m", "benchmarks", "full_disk"]
    command = [
        "unshare",
        "--user",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        f'{mount} && exec "$@"',
    ]
    subprocess.run([*command, "sh", *again], env=os.environ | {INSIDE: folder}, check=True)


def prepare(root: Path) -> None:
    """A tiny project that was run and committed twice, so that there is something to compare."""
    made(root, headlines.examples(rows=300, wrong=0.06, repeated=0.02, seed=1), SMALL)
    run_stages(root, STAGES)
    for command in (["add", "-A"], ["commit", "-qm", "a run"]):
        subprocess.run(["git", *command], cwd=root, check=True)
    ask(root, "reprotune", "compare", "HEAD", "HEAD").wait()


def ask(root: Path, *command: str) -> subprocess.Popen[str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.Popen(
        [sys.executable, "-m", *command], cwd=root, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, env=os.environ | {"PYTHONPATH": f"{root}:{ROOT}", "PATH": path},
    )  # fmt: skip


def fill(folder: Path, left: int = LEFT) -> Path:
    """Leave next to nothing free; the file that takes the room."""
    filler = folder / "filler"
    with filler.open("wb") as file:
        room = max(shutil.disk_usage(folder).free - left, 1)
        os.posix_fallocate(file.fileno(), 0, room)
    return filler


def wait_for_stage(process: subprocess.Popen[str], stage: str) -> None:
    """Until a stage has a process of its own."""
    while process.poll() is None:
        for below in psutil.Process(process.pid).children(recursive=True):
            try:
                if f"stages.{stage}" in below.cmdline():
                    return
            except psutil.Error:
                continue
        time.sleep(0.005)


def hash_output(place: Path) -> str:
    """A hash of a file or folder, or that there is none."""
    files = sorted(f for f in (place, *place.rglob("*")) if f.is_file())
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files))
    return digest.hexdigest() if files else "none"


def find_message(process: subprocess.Popen[str], name: str) -> str:
    """What a stage or command said at last, once it has ended."""
    said = process.communicate()[0]
    traceback = "a traceback: " if "Traceback" in said else ""
    told = [line.rpartition(f"{name}: ")[2] for line in said.splitlines() if f"{name}: " in line]
    own = [text for text in told if "%|" not in text]  # of a progress bar
    if not process.returncode:
        return f"{traceback}nothing, for it found room"
    return traceback + (own or ["nothing"])[-1]


def try_stage(root: Path, stage: str) -> tuple[str, str]:
    """What a stage says, and what became of its outputs."""
    lock = yaml.safe_load((root / "dvc.lock").read_text())["stages"]
    outputs = [root / out["path"] for out in lock[stage]["outs"]]
    before = [hash_output(place) for place in outputs]
    process = ask(root, "dvc", "repro", "--force", "--single-item", stage)
    wait_for_stage(process, stage)
    filler = fill(root.parent)
    said = find_message(process, stage)
    filler.unlink()
    return said, compare(outputs, before, root)


def try_compare(root: Path) -> tuple[str, str]:
    report = [root / paths.COMPARISON.with_suffix(suffix) for suffix in (".md", ".html")]
    before = [hash_output(place) for place in report]
    filler = fill(root.parent, left=0)  # the pages of two equal runs are small
    said = find_message(ask(root, "reprotune", "compare", "HEAD", "HEAD"), "reprotune")
    filler.unlink()
    return said, compare(report, before, root)


def compare(outputs: list[Path], before: list[str], root: Path) -> str:
    """How many outputs are as they were, and which are not."""
    after = [hash_output(place) for place in outputs]
    pairs = zip(outputs, before, after, strict=True)
    lost = [str(place.relative_to(root)) for place, was, now in pairs if was != now]
    half = [str(place.relative_to(root)) for place in root.rglob("*.partial")]
    named = "".join(f", not `{place}`" for place in lost) + "".join(f", `{f}`" for f in half)
    return f"{len(outputs) - len(lost)} of {len(outputs)}{named}"


def list_rows(root: Path) -> Iterator[tuple[str, str, str]]:
    for stage in STAGES:
        yield (f"`{stage}`", *try_stage(root, stage))
    yield ("`reprotune compare`", *try_compare(root))


def main() -> None:
    if INSIDE not in os.environ:
        with tempfile.TemporaryDirectory() as folder:
            enter(folder)
        return
    root = Path(os.environ[INSIDE]).resolve() / "project"
    root.mkdir()
    prepare(root)
    print("| stage | it says | outputs that are as before |\n|---|---|---|", flush=True)
    for name, said, kept in list_rows(root):
        print(f"| {name} | `{said}` | {kept} |", flush=True)


if __name__ == "__main__":
    main()
