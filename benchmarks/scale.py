"""Seconds and memory of what reads all rows, by the number of rows: `ROWS=10000,100000` of them.

Texts are `LENGTH` words by Zipf's law, labels by chance; what predicts them is a tiny model, and
`OF=predict` measures nothing but that. This process
imports nothing large: its memory would count as that of what it starts.
"""

import csv
import hashlib
import itertools
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
SIZES = "10000,100000,1000000"
STAGES = "download base_model roles features folds audit curate split baseline".split()
WORDS, LENGTH, CLASSES = 20_000, int(os.environ.get("LENGTH", "20")), 4
COMMAND = [sys.executable, "-m", "reprotune"]
EXPORT = "from pathlib import Path; from tests import tiny; tiny.export(Path('tiny'))"


class Cost(NamedTuple):
    """What a process took: seconds of the clock and of processors, and the most memory in GiB."""

    wall: float
    cpu: float
    peak: float


def write_rows(file: Path, count: int) -> Path:
    """A CSV file of texts and labels."""
    draw = random.Random(1)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(draw.choices(letters, k=draw.randint(2, 9))) for _ in range(WORDS)]
    weights = list(itertools.accumulate(1 / place for place in range(1, WORDS + 1)))
    with file.open("w", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(["text", "label"])
        for _ in range(count):
            text = " ".join(draw.choices(words, cum_weights=weights, k=LENGTH))
            writer.writerow([text, f"class {draw.randrange(CLASSES)}"])
    return file


def begin(count: int) -> Path:
    """A project in the working folder, and the file of its rows."""
    for folder in ("profiles", "models/source/builtin"):
        shutil.copytree(ROOT / folder, folder)
    Path("data/source").mkdir(parents=True)
    for file in ("data/decisions.csv", "data/general.txt", "dvc.yaml", "pins.yaml"):
        shutil.copy(ROOT / file, file)
    return write_rows(Path("own.csv"), count)


def start(command: Sequence[str]) -> "subprocess.Popen[bytes]":
    known = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, env=known, stdout=subprocess.DEVNULL)


def run(command: Sequence[str]) -> Cost:
    """The cost of a command.

    Raises:
        CalledProcessError: it failed.
    """
    began = time.perf_counter()
    process = start(command)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Cost(time.perf_counter() - began, used.ru_utime + used.ru_stime, to_gib(used))


def to_gib(used: resource.struct_rusage) -> float:
    return used.ru_maxrss / (1 << (30 if sys.platform == "darwin" else 20))


def predict(rows: Path) -> tuple[Cost, bool]:
    """The cost of labelling the rows, and whether a run that is killed and resumed says the same.

    It is killed once the first part of the rows is done.
    """
    run([sys.executable, "-c", EXPORT])
    asked = [*COMMAND, "predict", str(rows), "--model", "tiny", "--output"]
    cost = run([*asked, "whole.csv"])
    killed = start([*asked, "resumed.csv"])
    while killed.poll() is None and not list(Path(".resumed.csv.parts").glob("[0-9]*")):
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    was_killed = killed.wait() < 0
    run([*asked, "resumed.csv"])
    hashes = {
        hashlib.sha256(Path(name).read_bytes()).digest() for name in ("whole.csv", "resumed.csv")
    }
    return cost, was_killed and len(hashes) == 1


def measure(count: int) -> None:
    """A row of the table for each command."""

    def tell(name: str, cost: Cost) -> None:
        figures = f"{cost.cpu:.1f} | {cost.wall:.1f} | {cost.peak:.2f}"
        print(f"| {count:,} | {name} | {figures} |", flush=True)

    rows = begin(count)
    if os.environ.get("OF") != "predict":
        tell("`init`", run([*COMMAND, "init", str(rows), "--minutes", "0"]))
        for stage in STAGES:
            tell(f"`{stage}`", run([sys.executable, "-m", f"stages.{stage}"]))
    cost, is_same = predict(rows)
    tell("`predict`, killed and resumed: " + ("the same" if is_same else "OTHER BYTES"), cost)


def main() -> None:
    print("| rows | of | CPU seconds | seconds | peak GiB |\n|---|---|---|---|---|", flush=True)
    for size in map(int, os.environ.get("ROWS", SIZES).split(",")):
        with tempfile.TemporaryDirectory() as work:
            os.chdir(work)
            measure(size)
            os.chdir(ROOT)
