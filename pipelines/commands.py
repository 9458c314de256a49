"""Commands whose output goes into the log of a flow as it comes."""

import os
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

LEASH = (sys.executable, "-m", "reprotune.leash")
LOCKED = ("Unable to acquire lock", "is busy, it is being blocked")  # as DVC says it
SHOWN = 15  # last lines of a command that failed


class CommandError(RuntimeError):
    """A command failed; the message is the last that it said."""


def run(command: Sequence[str], folder: Path, log: Callable[[str], None]) -> list[str]:
    """Run a command in a folder, and return its lines; it does not outlive this process.

    Raises:
        CommandError: it failed.
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
        told = "\n".join(last)
        if any(sign in told for sign in LOCKED):
            told = "another dvc is at work in this folder; wait for it, then run again"
        raise CommandError(told)
    return lines
