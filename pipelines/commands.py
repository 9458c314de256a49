"""Commands whose output goes into the log of a flow as it comes."""

import os
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

from prefect import State
from prefect.states import Failed

from reprotune.params import InputError

LEASH = (sys.executable, "-m", "reprotune.leash")
LOCKED = ("Unable to acquire lock", "is busy, it is being blocked")  # as DVC says it
BUSY = "another dvc is at work in this folder; wait for it, then run again"
SHOWN = 15  # last lines of a command that failed


class FlowError(RuntimeError):
    """What ends a flow with a message for its user, and without a stack trace."""


def told(run: Callable[..., State[Any]]) -> Callable[..., State[Any]]:
    """A flow's function whose expected failures become the message of its failed run."""

    @wraps(run)
    def tell(*arguments: Any, **named: Any) -> State[Any]:
        try:
            return run(*arguments, **named)
        except (FlowError, InputError) as error:
            return Failed(message=str(error))

    return tell


def run(command: Sequence[str], folder: Path, log: Callable[[str], None]) -> list[str]:
    """Run a command in a folder, and return its lines; it does not outlive this process.

    Raises:
        FlowError: it failed.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    environment = os.environ | {"PYTHONUNBUFFERED": "1", "PATH": path}  # whose python stages take
    if bash := shutil.which("bash"):  # dash would stand between DVC and a stage, and outlive DVC
        environment["SHELL"] = bash
    lines: list[str] = []
    last: deque[str] = deque(maxlen=SHOWN)
    with subprocess.Popen(
        [*LEASH, *command], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=environment,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        for line in process.stdout:  # of a progress bar, what it ended in
            text = line.decode(errors="replace").rstrip().split("\r")[-1]
            if text:
                lines.append(text)
                last.append(text)
                log(text)
    if process.returncode:
        said = "\n".join(last)
        if any(sign in said for sign in LOCKED):
            said = BUSY
        raise FlowError(said)
    return lines
