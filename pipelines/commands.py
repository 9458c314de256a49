"""Commands whose output goes into the log of a flow as it comes."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

from prefect import State
from prefect.states import Failed

from reprotune.core.errors import InputError
from reprotune.core.git import settle
from reprotune.core.printing import plain
from reprotune.core.space import explain_denied, is_denied
from reprotune.core.supervision import PARENT, SUPERVISED

LOCKED = ("Unable to acquire lock", "is busy, it is being blocked")  # as DVC says it
BUSY = "another dvc is at work in this folder; wait for it, then run again"
BAR = re.compile(r"\d%\|")  # of tqdm, which ends the inner one of two bars like a line
PROGRESS_SECONDS = 30  # between two states of a progress bar in the log
# What DVC says after each command, though nobody is there who could follow it.
HINT = re.compile(
    r"To track the changes with git|\s*git add |To enable auto staging|\s*dvc config core\."
    r"|Use `dvc push`|Having any troubles\? Hit us up at"
)
SHOWN = 15  # last lines of a command that failed


class FlowError(RuntimeError):
    """What ends a flow with a message for its user, and without a stack trace."""

    def __init__(self, message: object) -> None:
        super().__init__(plain(message))


def report_failures(run: Callable[..., State[Any]]) -> Callable[..., State[Any]]:
    """A flow's function whose expected failures become the message of its failed run."""

    @wraps(run)
    def tell(*arguments: Any, **named: Any) -> State[Any]:
        try:
            return run(*arguments, **named)
        except (FlowError, InputError) as error:
            return Failed(message=plain(error))
        except OSError as error:
            if is_denied(error):
                return Failed(message=plain(explain_denied(error)))
            raise

    return tell


def ask(command: Sequence[str], folder: Path) -> str:
    """What a command answers; what it says beside, on stderr, counts only if it fails.

    Raises:
        FlowError: it failed.
    """
    done = subprocess.run(
        [*SUPERVISED, *command],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
        env=build_environment(),
    )
    if done.returncode:
        raise FlowError(f"{command[0]} {command[1]}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout.strip()


def ask_reprotune(command: Sequence[str], folder: Path) -> dict[str, Any]:
    """What a command of reprotune answers with ``--json``, whatever its exit code says.

    Raises:
        FlowError: it has no answer.
    """
    done = subprocess.run(
        [*SUPERVISED, sys.executable, "-m", "reprotune", *command, "--json"],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
        env=build_environment(),
    )
    if not done.stdout:
        raise FlowError(done.stderr.strip())
    return dict(json.loads(done.stdout))


def build_environment() -> dict[str, str]:
    """The environment in which a command ends with this process (see ``core.supervision``)."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    more = {"PYTHONUNBUFFERED": "1", "PATH": path, PARENT: str(os.getpid())}
    if bash := shutil.which("bash"):  # dash would stand between DVC and a stage
        more["SHELL"] = bash
    return os.environ | settle() | more  # PATH: whose python the stages take


def read_pieces(stream: Any) -> Iterator[tuple[str, bool]]:
    """What comes, and whether it is a line: a progress bar rewrites its line until it ends."""
    rest = b""
    while chunk := stream.read1():
        *found, rest = re.split(rb"(\r\n|\r|\n)", rest + chunk)
        for text, end in zip(found[::2], found[1::2], strict=True):
            if told := text.decode(errors="replace").rstrip():
                yield plain(told), end != b"\r"
    if rest.strip():
        yield plain(rest.decode(errors="replace").rstrip()), True


def run(command: Sequence[str], folder: Path, log: Callable[[str], None]) -> list[str]:
    """Run a command in a folder, and return its lines; it does not outlive this process.

    Raises:
        FlowError: it failed.
    """
    lines: list[str] = []
    shown = time.monotonic()
    with subprocess.Popen(
        [*SUPERVISED, *command], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=build_environment(),
    ) as process:  # fmt: skip
        try:
            for text, ended in read_pieces(process.stdout):
                if HINT.match(text):
                    continue
                whole = ended and not BAR.search(text)
                if whole:
                    lines.append(text)
                if whole or time.monotonic() - shown > PROGRESS_SECONDS:
                    shown = time.monotonic()
                    log(text)
        except BaseException:  # a time-out, a run that was cancelled
            process.kill()
            raise
    if process.returncode:
        said = "\n".join(lines[-SHOWN:])
        if any(sign in said for sign in LOCKED):
            said = f"{BUSY}\n{said}"
        raise FlowError(said)
    return lines
