"""A headless Chromium, driven by its DevTools protocol: keys, pictures, and what a page shows."""

import base64
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests
from websockets.sync.client import ClientConnection, connect

from reprotune.core import paths
from reprotune.core.params_file import load_params
from reprotune.data.decisions import write_date
from reprotune.review.command import open_session
from reprotune.review.page import Page
from reprotune.review.server import Server
from reprotune.review.session import LABEL, Session
from reprotune.tables import schemas

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
SECONDS = 60  # that a page may take: the machine may be busy
# How DevTools says that the page which was asked is being left.
LEFT = ("navigated or closed", "context was destroyed", "Cannot find default execution context")
ANSWERED, PACE = 30, timedelta(seconds=8)  # rows of the pictures' example, and the time of each
GUIDELINES = """# What the classes mean

- **negative**: the reader of the headline would sell: losses, falling sales, dismissals.
- **neutral**: neither good nor bad for the company; *plans without figures* are neutral.
- **positive**: profits, growth, new orders.

If two things are said, the one about **money** decides.
"""


class LeavingError(Exception):
    """The page was left while it was asked, and the next one is not there yet."""


class Tab:
    """One page of the browser."""

    def __init__(self, port: int) -> None:
        made = requests.put(f"http://127.0.0.1:{port}/json/new?about:blank", timeout=SECONDS)
        self.socket: ClientConnection = connect(
            made.json()["webSocketDebuggerUrl"], max_size=None, open_timeout=SECONDS
        )
        self.numbers = itertools.count(1)
        for domain in ("Page", "Runtime"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **params: Any) -> Any:
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            said = json.loads(self.socket.recv(timeout=SECONDS))
            if said.get("id") == number:
                told = said.get("error", {}).get("message", "")
                if any(part in told for part in LEFT):
                    raise LeavingError(told)
                assert "error" not in said, said
                return said["result"]

    def evaluate(self, script: str) -> Any:
        found = self.ask(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def open(self, address: str) -> None:
        self.ask("Page.navigate", url=address)
        self.wait(
            f"location.href.startsWith({json.dumps(address)}) && document.readyState == 'complete'"
        )

    def wait(self, script: str) -> None:
        """Wait until a script says true, of this page or of the one that follows it."""
        end, found = time.monotonic() + SECONDS, False
        while not found:
            with suppress(LeavingError):
                found = self.evaluate(f"Boolean({script})")
            assert found or time.monotonic() < end, (script, self.text("body"))
            time.sleep(0.005)

    def click(self, selector: str, count: int = 1) -> None:
        """Click an element; with a count of two as the second of a double click."""
        place = self.evaluate(
            f"(box => [box.x + box.width / 2, box.y + box.height / 2])"
            f"(document.querySelector({selector!r}).getBoundingClientRect())"
        )
        more = {"x": place[0], "y": place[1], "button": "left", "clickCount": count}
        for kind in ("mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", type=kind, **more)

    def press(self, key: str, *, repeat: bool = False, place: str = "") -> None:
        """Press a key; ``place`` is its name on an American keyboard."""
        code = {"Enter": 13, "Escape": 27, "Tab": 9}.get(key, ord(key[0].upper()))
        text = {"text": key} if len(key) == 1 else {"text": "\r"} if key == "Enter" else {}
        more = {"key": key, "code": place, "windowsVirtualKeyCode": code}
        self.ask("Input.dispatchKeyEvent", type="keyDown", autoRepeat=repeat, **more, **text)
        self.ask("Input.dispatchKeyEvent", type="keyUp", **more)

    def text(self, selector: str) -> str:
        return str(self.evaluate(f"document.querySelector({selector!r})?.innerText ?? ''"))

    def look(self, file: Path, width: int, height: int, *, dark: bool = False) -> None:
        """Keep a picture of the page on a screen of this size; a narrow one is a phone's."""
        self.ask("Emulation.setTouchEmulationEnabled", enabled=width < 600)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.ask("Emulation.setEmulatedMedia", features=scheme)
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        self.evaluate("new Promise((done) => setTimeout(done, 300))")
        data = self.ask("Page.captureScreenshot", format="png")["data"]
        file.write_bytes(base64.b64decode(data))


@contextmanager
def browser(folder: Path) -> Iterator[int]:
    """A browser with a profile of its own; gives the port of its DevTools."""
    assert PROGRAM
    command = [
        PROGRAM,
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--remote-debugging-port=0",
        f"--user-data-dir={folder / 'profile'}",
        "about:blank",
    ]
    said = folder / "browser.txt"
    with said.open("w") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=out, env=os.environ | {"HOME": str(folder)}
        )
        try:
            end = time.monotonic() + SECONDS
            while not (found := re.search(r"ws://127\.0\.0\.1:(\d+)/", said.read_text())):
                assert time.monotonic() < end and process.poll() is None, said.read_text()
                time.sleep(0.1)
            yield int(found[1])
        finally:
            process.terminate()
            process.wait()


@contextmanager
def serve(session: Session, guidelines: Path) -> Iterator[Server]:
    """The page of a session, while the test does something else."""
    with Server(session, Page(guidelines)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@contextmanager
def example(folder: Path) -> Iterator[Server]:
    """The page on this project's queue, of which Ann has answered some rows, each as it is."""
    guidelines, decisions = folder / "guidelines.md", folder / "decisions.csv"
    guidelines.write_text(GUIDELINES, "utf-8")
    params = load_params()
    curate = params.curate.model_copy(update={"decisions": str(decisions)})
    session = open_session(params.model_copy(update={"curate": curate}), "Ann")
    truth = schemas.read(paths.RAW, schemas.Raw).set_index("id")["reference_label"]
    start = datetime.now(UTC) - ANSWERED * PACE
    for number, row in enumerate(session.queue.table["id"][:ANSWERED]):
        entry = session.write(row, f"{LABEL}{truth[row]}", "")
        session.take([entry._replace(date=write_date(start + number * PACE))])
    with serve(session, guidelines) as server:
        yield server


def main() -> None:
    """Take the pictures: ``python -m tests.review.browser FILE [WIDTH [dark]]``."""
    file, width, *dark = [*sys.argv[1:], "1200"] if len(sys.argv) == 2 else sys.argv[1:]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with browser(folder) as port, example(folder) as server:
            tab = Tab(port)
            tab.open(server.address)
            tab.look(Path(file), int(width), 800, dark=bool(dark))


if __name__ == "__main__":
    main()
