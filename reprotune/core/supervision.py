"""A process that does not outlive its parent: ``python -m reprotune.core.supervision ...``."""

import ctypes
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from reprotune.core.errors import InputError
from reprotune.core.io import parse_json

SUPERVISED = (sys.executable, "-P", "-m", "reprotune.core.supervision")  # before a command
PARENT = "REPROTUNE_PARENT"  # of the environment: the process that must be above this one
PR_SET_PDEATHSIG = 1  # of linux/prctl.h
SHELLS = {"sh", "dash", "ash", "busybox"}  # bash and zsh put the command in their own place
RWLOCK = Path(".dvc/tmp/rwlock")  # in which DVC notes who runs a stage, and which stays if it dies


def die_with_parent() -> None:
    """Be killed when the parent process is, however it ends (Linux); a command inherits it.

    Where a shell stands between, whoever started the shell counts as the parent too.
    """
    follow_kernel()
    shell = psutil.Process().parent()
    starter = shell.ppid() if shell is not None and shell.name() in SHELLS else None
    if is_orphan():  # asked last: from here on, whoever dies takes this process along
        end()
    if starter is not None:
        threading.Thread(target=follow, args=(shell, starter), daemon=True).start()


def die_with(parent: int) -> None:
    """Be killed when a parent is, in a process that was forked and so knows its parent."""
    follow_kernel()
    if os.getppid() != parent:
        end()


def follow_kernel() -> None:
    """Have the kernel kill this process once its parent dies; not if it is dead already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def is_orphan() -> bool:
    """Whether those who started this process were gone before it was tied to them."""
    above = {process.pid for process in psutil.Process().parents()}
    if PARENT in os.environ and os.environ[PARENT] not in map(str, above):
        return True
    if "DVC_STAGE" not in os.environ:
        return False
    if running := read_running():
        return not running & above
    # DVC has ended, for its shell was killed; it starts a stage in its own group of processes.
    return os.getpgid(os.getppid()) != os.getpgrp()


def read_running() -> set[int]:
    """The processes in which DVC runs something here, or did when it was killed."""
    try:
        return {entry["pid"] for entry in find_holders(json.loads(RWLOCK.read_bytes()))}
    except (OSError, ValueError, RecursionError):  # none, or damaged: DVC says so
        return set()


def require_readable() -> None:
    """Raise InputError if DVC cannot read who runs something here, as after a kill while it wrote.

    DVC then runs nothing, until somebody who sees that no other does removes the file.
    """
    try:
        if RWLOCK.is_file() and not isinstance(parse_json(RWLOCK.read_bytes()), dict):
            raise ValueError("it is no object")
    except ValueError:
        raise InputError(
            f"{RWLOCK} is damaged, as a killed dvc leaves it; if no dvc is running here, remove it"
        ) from None


def is_written(path: Path) -> bool:
    """Whether a stage is at work that makes this file or folder."""
    path = path.absolute()
    try:
        root = next(place for place in path.parents if (place / RWLOCK).is_file())
        noted = json.loads((root / RWLOCK).read_bytes())["write"][str(path)]
        return bool(psutil.pid_exists(int(noted["pid"])))
    except (StopIteration, OSError, ValueError, LookupError, TypeError, RecursionError):
        return False


def find_holders(tree: object) -> Iterator[dict[str, int]]:
    """The entries of DVC's rwlock that name a process."""
    if isinstance(tree, dict):
        if isinstance(pid := tree.get("pid"), int) and 0 < pid < 1 << 31:
            yield tree
        for value in tree.values():
            yield from find_holders(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from find_holders(value)


def follow(shell: psutil.Process, parent: int) -> None:
    """Be killed within a second of the parent of a shell, which itself would wait for us."""
    while shell.is_running() and shell.ppid() == parent:
        time.sleep(1)
    end()


def end() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    die_with_parent()
    os.environ[PARENT] = str(os.getpid())  # the command's, for what it starts in turn
    os.execvp(sys.argv[1], sys.argv[1:])
