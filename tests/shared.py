"""What all workers of a run use: started by the first that asks, ended with the run."""

import fcntl
import os
import select
import subprocess
import sys
import time
from pathlib import Path

from tests.projects import ROOT


def start_once(module: str, place: Path, user: int) -> Path:
    """``python -m MODULE PLACE USER``, which makes ``place`` when it is ready, unless it was."""
    with place.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            command = [sys.executable, "-m", module, str(place), str(user)]
            server = subprocess.Popen(command, cwd=ROOT)
            while not place.exists():
                assert server.poll() is None, command
                time.sleep(0.05)
            server.returncode = 0  # it is not for this process to wait for
    return place


def wait_for_the_end(user: int) -> None:
    select.select([os.pidfd_open(user)], [], [])
