"""Ask a server about many texts: several at a time, again where that may help, in order."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, cast
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from tqdm.auto import tqdm
from urllib3.exceptions import ReadTimeoutError
from urllib3.util import Retry

from reprotune.core.errors import InputError
from reprotune.core.io import parse_json
from reprotune.serving.apis import APIS, Answer, Api, Asked

KEY = "REPROTUNE_API_KEY"  # variable of the environment, for servers that want one
BUSY = (429, 502, 503, 504)
ATTEMPTS = 5  # more, at a busy server
PAUSE = 0.2  # seconds before the first of them, each time twice as long
BROKEN = ("Connection aborted", "Connection broken", "Connection reset")  # as requests says it
OPENAPI = ("/openapi.json", "/api-doc/openapi.json")
MODELS = ("/v1/models", "/models")
SHOWN = 300  # characters of an answer that is no answer


@dataclass(frozen=True)
class Timed:
    answer: Answer
    seconds: float  # of the request that was answered, to the last byte


class Server:
    """A server's address; a session of its own for each thread, for they are not shared safely."""

    def __init__(self, url: str, timeout: float) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(f"{url}: no address of a server, such as http://127.0.0.1:8000")
        self.url, self.timeout = url.rstrip("/").removesuffix("/v1"), timeout
        self.own = threading.local()

    @property
    def session(self) -> requests.Session:
        if not hasattr(self.own, "session"):
            session = requests.Session()
            again = Retry(
                ATTEMPTS, connect=2, read=1, backoff_factor=PAUSE, allowed_methods=None,
                respect_retry_after_header=False,
            )  # fmt: skip
            for scheme in ("http://", "https://"):
                session.mount(scheme, HTTPAdapter(max_retries=again))
            if key := os.environ.get(KEY):
                session.headers["Authorization"] = f"Bearer {key}"
            self.own.session = session
        return cast(requests.Session, self.own.session)

    def send(
        self, method: str, path: str, body: dict[str, Any] | None = None
    ) -> tuple[requests.Response, float]:
        """The answer, of a busy server to the last of some attempts, and its seconds."""
        asked = partial(self.session.request, method, self.url + path, json=body)
        for attempt in range(ATTEMPTS + 1):
            start = time.perf_counter()
            answer = wait_for(partial(asked, timeout=self.timeout), self.timeout)
            seconds = time.perf_counter() - start
            if answer.status_code not in BUSY or attempt == ATTEMPTS:
                break
            told = answer.headers.get("Retry-After", "")
            pause = float(told) if told.isdecimal() else PAUSE * 2**attempt
            time.sleep(min(pause, self.timeout))
        return answer, seconds

    def get(self, path: str) -> dict[str, Any]:
        """The values of a page; none if there is no such page, or it has other JSON.

        Raises:
            InputError: there is no server.
        """
        with explain(self.url):
            answer, _ = self.send("GET", path)
            found = parse_json(answer.content) if answer.ok else None
            return found if isinstance(found, dict) else {}

    def find_api(self, has_decision: bool) -> str:
        """The name of the first API that it has; ``systemone`` needs a folder made for it.

        Raises:
            InputError: it has none that is known.
        """
        pages = (self.get(path) for path in OPENAPI)
        offered = next(
            (found for page in pages if isinstance(found := page.get("paths"), dict)), {}
        )
        for name, api in APIS.items():
            if api.path in offered and (has_decision or name != "systemone"):
                return name
        raise InputError(
            f"{self.url}: describes none of {', '.join(api.path for api in APIS.values())} in its "
            f"openapi.json; name the API: --api {' | '.join(APIS)}"
        )

    def find_model(self) -> str:
        """The name of the first model that it serves; empty if it does not say."""
        pages = (self.get(path) for path in MODELS)
        served: Any = next((found for page in pages if (found := page.get("data"))), [])
        try:
            return str(served[0]["id"])
        except (LookupError, TypeError):  # a list of another form, or none
            return ""

    def ask(self, api: Api, asked: Asked, text: str) -> Timed:
        """One answer.

        Raises:
            InputError: there is none, or it is none.
        """
        with explain(self.url):
            named = {"model": asked.model} if asked.model else {}
            body: dict[str, Any] = {**named, **api.body(asked, text)}
            answer, seconds = self.send("POST", api.path, body)
            if not answer.ok:
                raise InputError(
                    f"{self.url}{api.path}: {answer.status_code} {answer.reason}: "
                    f"{answer.text[:SHOWN]}"
                )
            try:
                return Timed(api.read(asked, parse_json(answer.content)), seconds)
            except (LookupError, TypeError, ValueError, AttributeError) as error:
                raise InputError(
                    f"{self.url}{api.path}: no answer for the classes {list(asked.classes)}: "
                    f"{error}: {answer.text[:SHOWN]}"
                ) from None


def wait_for(ask: Callable[[], requests.Response], seconds: float) -> requests.Response:
    """A whole answer; the limit of ``requests`` is for a byte, of which a slow server sends many.

    Raises:
        Timeout: it is not there in time.
    """
    found: Future[requests.Response] = Future()

    def run() -> None:
        try:
            found.set_result(ask())
        except BaseException as error:
            found.set_exception(error)

    threading.Thread(target=run, daemon=True).start()  # left behind, if it is late
    try:
        return found.result(seconds)
    except TimeoutError:
        raise requests.Timeout from None


@contextmanager
def explain(url: str) -> Iterator[None]:
    """Turn what goes wrong on the way into one message."""
    try:
        yield
    except InputError:
        raise
    except requests.RequestException as error:
        reason = getattr(error.args[0], "reason", error) if error.args else error
        if isinstance(reason, requests.Timeout | ReadTimeoutError):
            raise InputError(f"{url}: no answer in time; give it more by --timeout") from None
        if any(sign in str(error) for sign in BROKEN):
            raise InputError(f"{url}: it hung up before it had answered; see its log") from None
        raise InputError(f"{url}: no server answers there: {str(reason)[:SHOWN]}") from None
    except ValueError:
        raise InputError(f"{url}: answers with something that is no JSON") from None


def ask_all(
    server: Server, api: Api, asked: Asked, texts: Sequence[str], concurrency: int
) -> list[Timed]:
    """The answers in the order of the texts; the first failure ends it."""
    with ThreadPoolExecutor(concurrency) as pool:
        found = pool.map(lambda text: server.ask(api, asked, text), texts)
        try:
            return list(tqdm(found, total=len(texts), desc="asked", unit="text"))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
