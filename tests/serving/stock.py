"""A stand-in of the servers that this machine cannot run, with their answers and their faults."""

import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

Scores = Mapping[str, float]


def of_vllm(body: dict[str, Any], ask: Callable[[str], Scores]) -> Any:
    given = body["input"]
    scores = ask(given[0] if isinstance(given, list) else given)
    label = max(scores, key=scores.__getitem__)
    entry = {"index": 0, "label": label, "probs": [*scores.values()], "num_classes": len(scores)}
    return {"object": "list", "model": body["model"], "data": [entry]}


def of_infinity(body: dict[str, Any], ask: Callable[[str], Scores]) -> Any:
    (text,) = body["input"]
    return {"object": "classify", "data": [rank(ask(text))], "model": body["model"]}


def of_tei(body: dict[str, Any], ask: Callable[[str], Scores]) -> Any:
    return rank(ask(body["inputs"]))


def of_openai(body: dict[str, Any], ask: Callable[[str], Scores]) -> Any:
    said = body["prompt"] if "prompt" in body else body["messages"][0]["content"]
    scores = ask(said.removesuffix("\nSentiment:"))
    word = f" {max(scores, key=scores.__getitem__)}.\n\nAnd"
    return {"choices": [{"text": word, "message": {"role": "assistant", "content": word}}]}


def rank(scores: Scores) -> list[dict[str, Any]]:
    ranked = sorted(scores.items(), key=lambda pair: -pair[1])
    return [{"score": score, "label": name} for name, score in ranked]


ANSWERS = {
    "vllm": ("/classify", of_vllm),
    "infinity": ("/classify", of_infinity),
    "sglang": ("/v1/classify", of_vllm),
    "tei": ("/predict", of_tei),
    "chat": ("/v1/chat/completions", of_openai),
    "completions": ("/v1/completions", of_openai),
}


@dataclass
class Stock:
    """What it is, what it says, and what goes wrong."""

    kind: str
    scores: Mapping[str, Scores]  # by text
    busy: int = 0  # requests that are turned away first
    broken: bool = False
    slow: float = 0.0
    describes_itself: bool = True
    pages: object = None  # what it says of itself instead
    drip: float = 0.0  # seconds between two bytes
    wait: int = 0  # seconds, as it says when it is busy
    raw: bytes | None = b""  # in place of an answer; None: it hangs up
    keys: list[str | None] = field(default_factory=list)
    most: int = 0  # requests that were under way at once
    now: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextmanager
def running(stock: Stock) -> Iterator[str]:
    """Its address."""
    path, answer = ANSWERS[stock.kind]

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: Any) -> None:
            pass

        def say(self, said: Any, code: int = 200) -> None:
            raw = json.dumps(said).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(raw)))
            if stock.wait and code != 200:
                self.send_header("Retry-After", str(stock.wait))
            self.end_headers()
            step = 1 if stock.drip else len(raw) or 1
            for start in range(0, len(raw), step):
                self.wfile.write(raw[start : start + step])
                time.sleep(stock.drip)

        def do_GET(self) -> None:
            if stock.pages is not None:
                self.say(stock.pages)
                return
            pages = {"/v1/models": {"data": [{"id": "the-model"}]}}
            if stock.describes_itself:
                pages["/openapi.json"] = {"paths": {path: {}, "/health": {}}}
            self.say(pages.get(self.path, {}), 200 if self.path in pages else 404)

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            with stock.lock:
                stock.keys.append(self.headers["Authorization"])
                stock.now += 1
                stock.most = max(stock.most, stock.now)
                turned_away = stock.busy > 0
                stock.busy -= turned_away
            time.sleep(stock.slow or 0.005)
            with stock.lock:
                stock.now -= 1
            if turned_away or self.path != path:
                self.say({"error": "later"}, 503 if turned_away else 404)
            elif stock.raw is None:
                self.close_connection = True
            elif stock.raw:
                self.send_response(200)
                self.send_header("Content-Length", str(len(stock.raw)))
                self.end_headers()
                self.wfile.write(stock.raw)
            elif stock.broken:
                self.say({"error": "no memory left"}, 500)
            else:
                self.say(answer(json.loads(raw), stock.scores.__getitem__))

    class Quiet(http.server.ThreadingHTTPServer):
        daemon_threads = True  # who drips is not waited for

        def handle_error(self, *given: Any) -> None:
            """Clients hang up."""

    with Quiet(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
