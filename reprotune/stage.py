"""Run a stage as a command."""

import json
import resource
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
    note_cost(name, time.time() - Process().create_time())  # the imports count too


def note_cost(name: str, seconds: float, path: Path = paths.RUN) -> None:
    """Seconds and peak memory (MiB); in no tracked file, for they differ from run to run."""
    costs = json.loads(path.read_text()) if path.exists() else {}
    kibibytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    costs[name] = {"seconds": round(seconds, 2), "peak_mib": kibibytes // 1024}
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


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write figures with at most six decimals, so that noise in the last bits stays out of git."""
    with whole_file(path) as partial:
        partial.write_text(json.dumps(rounded(values), indent=2, ensure_ascii=False) + "\n")


def rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return round(float(value), 6) if isinstance(value, float) else value
