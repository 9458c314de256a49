"""Commands without the seconds that their imports take, where the new process is not the point."""

import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import requests
from dvc.cli import main as dvc_main
from dvc.ui import ui

FLOWS = [f"pipelines.{name}" for name in ("reproduce", "retrain", "sweep", "deploy")]
FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload(FLOWS)  # with the PYTHONPATH of the first call
SECONDS = 600  # that a flow may take: the machine may be busy


def dvc(*command: str) -> None:
    """`dvc COMMAND` in this process; the stages that it runs have processes of their own."""
    ui._enabled = False  # which a command without --quiet leaves switched on
    assert dvc_main([*command]) == 0, command


def flow(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`python -m MODULE ARGUMENTS` in a process of its own, forked from one with the imports."""
    with tempfile.TemporaryDirectory() as folder:
        said = [Path(folder) / name for name in ("out", "err")]
        process = begin_flow(said, module, *arguments)
        process.join(SECONDS)
        if process.exitcode is None:
            process.kill()
            raise TimeoutError(f"{module} is at work for {SECONDS} seconds")
        out, err = (file.read_text() for file in said)
        return subprocess.CompletedProcess([module, *arguments], process.exitcode, out, err)


def begin_flow(said: list[Path], module: str, *arguments: str) -> BaseProcess:
    """The same at work; what it says on stdout and stderr goes to two files."""
    where = sys.executable, Path.cwd(), dict(os.environ)
    process = FORKED.Process(target=call, args=(module, arguments, *where, said))
    process.start()
    return process


def ask_runs(server: str, **asked: Any) -> list[dict[str, Any]]:
    """The runs that Prefect's server knows, filtered; all tests of a session share it."""
    told = requests.post(f"{server}/flow_runs/filter", json=asked, timeout=SECONDS)
    told.raise_for_status()
    return list(told.json())


def call(
    module: str,
    arguments: tuple[str, ...],
    python: str,
    folder: Path,
    environment: dict[str, str],
    said: list[Path],
) -> None:
    """What the forked process does: ``main`` of the module, its output in two files."""
    sys.executable = python
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for descriptor, file in enumerate(said, start=1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), descriptor)
    sys.argv = [module, *arguments]
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored, if these tests are a job
    importlib.import_module("prefect.context").refresh_global_settings_context()
    importlib.import_module(module).main()
