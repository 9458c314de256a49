"""A Prefect server of its own for the tests of the flows: starting one a flow takes ten seconds."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests


@contextmanager
def served(home: Path) -> Iterator[str]:
    """The address of its API."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    known = {"PREFECT_HOME": str(home), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
    known["PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS"] = "2"
    command = ["prefect", "server", "start", "--host", "127.0.0.1", "--port", port, "--no-ui"]
    with subprocess.Popen(
        [sys.executable, "-m", *command], env=os.environ | known,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        address = f"http://127.0.0.1:{port}/api"
        try:
            deadline = time.monotonic() + 600  # the machine may be busy
            while not healthy(address):
                assert process.poll() is None and time.monotonic() < deadline, "no server"
                time.sleep(0.5)
            yield address
        finally:
            process.terminate()


def healthy(address: str) -> bool:
    try:
        return requests.get(f"{address}/health", timeout=2).ok
    except requests.RequestException:
        return False
