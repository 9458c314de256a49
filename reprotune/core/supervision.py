"""A process that does not outlive its parent: ``python -m reprotune.core.supervision ...``."""

import ctypes
import os
import signal
import sys
import threading
import time

import psutil

PARENT = "REPROTUNE_PARENT"  # of the environment: the process that must be above this one
PR_SET_PDEATHSIG = 1  # of linux/prctl.h
SHELLS = {"sh", "dash", "ash", "busybox"}  # bash and zsh put the command in their own place


def die_with_parent() -> None:
    """Be killed when the parent process is, however it ends (Linux); a command inherits it.

    Where a shell stands between, whoever started the shell counts as the parent too.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    above = {str(process.pid) for process in psutil.Process().parents()}
    if PARENT in os.environ and os.environ[PARENT] not in above:  # it died before we got here
        os.kill(os.getpid(), signal.SIGKILL)
    shell = psutil.Process().parent()
    if shell is not None and shell.name() in SHELLS:
        threading.Thread(target=follow, args=(shell, shell.ppid()), daemon=True).start()


def follow(shell: psutil.Process, parent: int) -> None:
    """Be killed within a second of the parent of a shell, which itself would wait for us."""
    while shell.is_running() and shell.ppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    die_with_parent()
    os.environ[PARENT] = str(os.getpid())  # the command's, for what it starts in turn
    os.execvp(sys.argv[1], sys.argv[1:])
