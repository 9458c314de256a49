"""`dvc repro` with nothing changed, beside an empty pipeline of ten stages (goal: 1.2 times)."""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 9
DVC = Path(sys.executable).parent / "dvc"


def empty_pipeline(folder: Path) -> None:
    """Ten stages in a row, each copying a file of one byte."""
    stages = ["stages:"]
    (folder / "f0").write_text("0")
    for i in range(10):
        stages += [f"  s{i}:", f"    cmd: cp f{i} f{i + 1}"]
        stages += [f"    deps: [f{i}]", f"    outs: [f{i + 1}]"]
    (folder / "dvc.yaml").write_text("\n".join(stages))
    for command in (["git", "init", "-q"], [DVC, "init", "-q"], [DVC, "repro", "-q"]):
        subprocess.run(command, cwd=folder, check=True, capture_output=True)


def seconds(folder: Path) -> float:
    start = time.perf_counter()
    result = subprocess.run([DVC, "repro"], cwd=folder, check=True, capture_output=True, text=True)
    if "Running stage" in result.stdout:
        sys.exit("noop: something changed; run dvc repro first")
    return time.perf_counter() - start


def main() -> None:
    ours = Path.cwd()
    with tempfile.TemporaryDirectory() as name:
        empty = Path(name)
        empty_pipeline(empty)
        seconds(ours), seconds(empty)  # warm the file cache
        pairs = [(seconds(ours), seconds(empty)) for _ in range(ROUNDS)]
    medians = [statistics.median(column) for column in zip(*pairs, strict=True)]
    ratio = statistics.median(a / b for a, b in pairs)
    print(
        f"noop: reprotune {medians[0]:.2f} s, empty pipeline {medians[1]:.2f} s, "
        f"ratio {ratio:.2f} (medians of {ROUNDS} pairs)"
    )
