"""Run a stage as a command."""

import json
import os
import resource
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from psutil import Process

from reprotune import paths
from reprotune.params import InputError, Params, load_params


def main(run: Callable[[Params], None]) -> None:
    """Check the parameters, run the stage, and note what it cost in ``reports/run.json``.

    Bad input ends in one message and exit code 1, without a traceback.
    """
    name = Path(sys.argv[0]).stem
    try:
        run(load_params())
    except InputError as error:
        sys.exit(f"{name}: {error}")
    if "LOCAL_RANK" not in os.environ:  # else the process that started this one notes it
        note_cost(name, time.time() - Process().create_time())  # the imports count too


def note_cost(name: str, seconds: float, path: Path = paths.RUN) -> None:
    """Seconds and peak memory (MiB); in no tracked file, for they differ from run to run."""
    costs = json.loads(path.read_text()) if path.exists() else {}
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    peak = max(resource.getrusage(who).ru_maxrss for who in whose) // unit
    costs[name] = {"seconds": round(seconds, 2), "peak_mib": peak}
    write_json(path, costs)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary path that replaces ``path`` once it is complete: never a half-written file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A temporary folder that replaces ``path`` once it is complete and proven."""
    partial = path.with_name(f".{path.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        shutil.rmtree(path, ignore_errors=True)
        partial.replace(path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write figures with at most six decimals, so that noise in the last bits stays out of git."""
    with whole_file(path) as partial:
        text = json.dumps(rounded(values), indent=2, ensure_ascii=False) + "\n"
        partial.write_text(text, encoding="utf-8")


def rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return round(float(value), 6) if isinstance(value, float) else value
