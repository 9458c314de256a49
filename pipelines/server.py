"""The server in which a flow notes its run: the one that is named, else one for this run alone."""

import atexit
import logging
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
from prefect.client.orchestration import get_client
from prefect.context import refresh_global_settings_context
from prefect.exceptions import TerminationSignal
from prefect.settings import PREFECT_API_URL

from pipelines.commands import FlowError, build_environment
from pipelines.database import check_database
from pipelines.logs import cut_repeated
from reprotune.core import paths
from reprotune.core.printing import end, fail
from reprotune.core.space import explain_denied, is_denied
from reprotune.core.supervision import SUPERVISED

PATIENCE = 120  # seconds for a server to start: the machine may be busy
PATIENCE_AT_END = 10  # seconds for it to end


@contextmanager
def serving(flow: str, place: Path = Path()) -> Iterator[None]:
    """Have a server while a flow is at work in a place; what ends it early ends in one message.

    Why it failed is for the caller to say, and so not for the log.
    """
    logging.getLogger("prefect.flow_runs").addFilter(cut_repeated)
    try:
        require_writable(place / paths.WORK)
        if address := PREFECT_API_URL.value():
            require_answer(address)
            yield
            return
        check_database(flow)
        until_exit = ExitStack()  # later than here: Prefect's threads send what is left to log
        atexit.register(until_exit.close)
        address = until_exit.enter_context(started())
        os.environ["PREFECT_API_URL"] = address
        refresh_global_settings_context()
        yield
    except (KeyboardInterrupt, TerminationSignal):
        end(flow, KeyboardInterrupt())
    except httpx.TransportError as error:
        fail(f"{flow}: the server at {address} no longer answers ({error}); what is done is kept")
    except FlowError as error:
        fail(f"{flow}: {error}")


def require_writable(folder: Path) -> None:
    """Raise FlowError if a flow could write nothing in its folder: before the server starts."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        error.filename = str(folder.resolve())
        if is_denied(error):
            raise FlowError(explain_denied(error)) from None
        raise


def require_answer(address: str) -> None:
    """Raise FlowError if no server answers there, or one of another version."""
    try:
        with get_client(sync_client=True) as client:
            client.raise_for_api_version_mismatch()
    except RuntimeError as error:
        raise FlowError(
            f"{error}; start it (prefect server start), or unset PREFECT_API_URL for a server that "
            f"lasts as long as the run (it is {address})"
        ) from None


@contextmanager
def started(more: dict[str, str] | None = None) -> Iterator[str]:
    """The address of a server's API, and ``more`` in its environment.

    Prefect would start one in the group of this process, which Ctrl-C at a terminal ends before
    the flow could say there that it was interrupted.

    Raises:
        FlowError: it does not start.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--host", "127.0.0.1", "--port", str(port), "--no-ui"]
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(
            [*SUPERVISED, sys.executable, "-P", "-m", "prefect", "server", "start", *options],
            env=build_environment() | (more or {}),
            stdin=subprocess.DEVNULL, stdout=said, stderr=said, process_group=0,
        ) as process,
    ):  # fmt: skip
        address = f"http://127.0.0.1:{port}/api"
        try:
            deadline = time.monotonic() + PATIENCE
            while not is_healthy(address):
                if process.poll() is not None or time.monotonic() > deadline:
                    said.seek(0)
                    text = said.read().decode(errors="replace").strip()
                    raise FlowError(f"Prefect's server does not start: {text[-1000:]}")
                time.sleep(0.2)
            yield address
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE_AT_END)
            except subprocess.TimeoutExpired:
                process.kill()


def is_healthy(address: str) -> bool:
    try:
        return httpx.get(f"{address}/health", timeout=2).is_success
    except httpx.TransportError:
        return False
