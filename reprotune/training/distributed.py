"""One training in several processes, started by torchrun or accelerate."""

import os
import subprocess
import sys

import torch

from reprotune.core.errors import InputError
from reprotune.core.printing import count_of
from reprotune.core.supervision import PARENT, SUPERVISED

MARK = "REPROTUNE_PROCESSES"


def is_launched() -> bool:
    """Whether this process is one of several."""
    return MARK in os.environ


def launch(module: str, processes: int, configuration: str | None, threads: int) -> None:
    """Run a module in ``processes`` processes: DDP, or what the configuration file says.

    accelerate's own launcher starts torchrun for GPUs, and on CPUs asks for MPI.

    Raises:
        InputError: one of them failed; what it had to say stands above. Or there are GPUs here, but
            not one for each.
    """
    gpus = torch.cuda.device_count()
    if configuration is None and 0 < gpus < processes:
        raise InputError(f"train.processes {processes}: one a GPU, and there are {gpus} here")
    count = str(processes)
    if configuration is None:
        way = ["torch.distributed.run", "--standalone", "--nproc_per_node", count, "-m", module]
    else:
        way = ["accelerate.commands.launch", "--config_file", configuration]
        way += ["--num_processes", count, "--module", module]
    more = {MARK: count, "OMP_NUM_THREADS": str(threads), PARENT: str(os.getpid())}
    command = [*SUPERVISED, sys.executable, "-m", *way]  # a killed stage leaves no process behind
    done = subprocess.run(command, env=os.environ | more, check=False)
    if done.returncode:
        raise InputError(f"one of {count_of(int(count), 'process')} failed; it says why above")
