"""Run a stage as a command."""

import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

from psutil import Process

from reprotune.core import paths
from reprotune.core.costs import COSTS, Cost, Latency, hash_figures, read_costs
from reprotune.core.errors import InputError
from reprotune.core.io import whole_file
from reprotune.core.params import Params
from reprotune.core.params_file import load_params
from reprotune.core.printing import end, say
from reprotune.core.restoring import restore
from reprotune.core.rooms import require_pinned


def main(run: Callable[[Params], Latency | None]) -> None:
    """Check parameters and pins, run the stage, and note what it cost in ``reports/run.json``.

    What a stage returns is how long its model took for a text, if it asked one.

    Bad input and a full disk end in one message and exit code 1, without a traceback. However it
    fails, the outputs of its last good run are there again.
    """
    name = Path(sys.argv[0]).stem
    began = time.time()
    alone = "LOCAL_RANK" not in os.environ  # else the process that started this one sees to it
    try:
        require_pinned()
        latency = run(load_params())
    except BaseException as error:
        if alone and "DVC_STAGE" in os.environ:
            restore(name, began)
        end(name, error)
    if alone:
        note_cost(name, time.time() - Process().create_time(), latency)  # with the imports


def note_cost(name: str, seconds: float, latency: Latency | None = None) -> None:
    """Seconds and peak memory (MiB); in no tracked file, for they differ from run to run."""
    costs = read_costs()
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    peak = max(resource.getrusage(who).ru_maxrss for who in whose) // unit
    costs[name] = Cost(
        seconds=round(seconds, 2),
        peak_mib=peak,
        milliseconds=latency,
        figures=hash_figures(name),
    )
    try:
        with whole_file(paths.RUN) as partial:
            partial.write_bytes(COSTS.dump_json(costs, indent=2, exclude_none=True) + b"\n")
    except (OSError, InputError) as error:  # the outputs of the stage are written
        say(f"{paths.RUN}: the cost of {name} is not noted: {error}", sys.stderr)
