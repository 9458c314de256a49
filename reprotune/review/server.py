"""The page on loopback: only the browser that was given its address may read or write it."""

import hmac
import http.client
import secrets
import sys
from functools import cached_property
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlencode

from reprotune.core.errors import InputError
from reprotune.core.printing import say
from reprotune.core.space import REMEDY
from reprotune.review.page import Page
from reprotune.review.queue import Filter
from reprotune.review.session import TYPED, Form, Session

HOST = "127.0.0.1"
LONGEST = 1 << 20  # bytes of what a page hands in
FILES = {"page.css": "text/css", "page.js": "text/javascript"}
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; form-action 'self'; img-src data:; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
STRANGER = "This page is of another session. Open the address that `reprotune review` prints."


class Answer(NamedTuple):
    status: HTTPStatus
    body: str = ""
    kind: str = "text/html"
    location: str = ""


class Server(ThreadingHTTPServer):
    """A session's server, with a secret in its address that no other page can know."""

    daemon_threads = True

    def __init__(self, session: Session, page: Page, port: int = 0) -> None:
        self.session, self.page = session, page
        self.token = secrets.token_urlsafe(16)
        try:
            super().__init__((HOST, port), Handler)
        except OSError as error:
            told = f"port {port}: {error.strerror}; without --port a free one is taken"
            raise InputError(told) from None

    @cached_property
    def names(self) -> set[str]:
        """What a request may call this server: any other name is led here by a stranger's DNS.

        Browsers leave out the usual port.
        """
        port = "" if self.server_port == http.client.HTTP_PORT else f":{self.server_port}"
        return {f"{name}{port}" for name in (HOST, "localhost")}

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self.server_port}/{self.token}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that went away is none of ours to tell."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One request: who asks, what for, and the answer."""

    server: Server
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and page in one piece, or each waits 40 ms for the other (Nagle)
    timeout = 60

    def do_GET(self) -> None:
        self.answer(self.refuse() or self.show())

    def do_POST(self) -> None:
        refused = self.refuse()
        if refused:  # what was sent is left unread
            self.close_connection = True
        self.answer(refused or self.take())

    @property
    def asked(self) -> tuple[str, dict[str, list[str]]]:
        """The path behind the secret, and the values of the query."""
        path, _, query = self.path.partition("?")
        return path.rpartition("/")[2], parse_qs(query)

    def refuse(self) -> Answer | None:
        """The answer to who has no business here, whatever page sent them."""
        origin = self.headers.get("Origin")
        if self.headers.get("Host", "") not in self.server.names or (
            origin is not None and origin.removeprefix("http://") not in self.server.names
        ):
            return Answer(HTTPStatus.FORBIDDEN, "Asked under another name.", "text/plain")
        _, token, *_ = [*self.path.partition("?")[0].split("/"), ""]
        if not hmac.compare_digest(token.encode(), self.server.token.encode()):
            return Answer(HTTPStatus.FORBIDDEN, STRANGER, "text/plain")
        return None

    def show(self) -> Answer:
        name, query = self.asked
        if name in FILES:
            text = (Path(__file__).parent / name).read_text("utf-8")
            return Answer(HTTPStatus.OK, text, FILES[name])
        if name == "figures":
            return Answer(HTTPStatus.OK, self.server.page.figures(self.server.session))
        if name:
            return Answer(HTTPStatus.NOT_FOUND, "No such page.", "text/plain")
        values = {key: found[-1] for key, found in query.items()}
        asked = read_filter(values)
        try:
            view = self.server.session.view(asked, values.get("row", ""), values.get("after", ""))
        except InputError as error:
            return Answer(HTTPStatus.CONFLICT, str(error), "text/plain")
        return Answer(HTTPStatus.OK, self.server.page.row(self.server.session, view))

    def take(self) -> Answer:
        """Do what a page hands in, then send it on to the next row."""
        size = self.headers.get("Content-Length", "")
        if not size.isdecimal() or int(size) > LONGEST:
            self.close_connection = True
            return Answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Too long.", "text/plain")
        sent = self.rfile.read(int(size)).decode("utf-8", "replace")
        form = parse_qs(sent, keep_blank_values=True)
        name, query = self.asked
        values = {key: found[-1] for key, found in query.items()}
        more = {key: value for key, value in read_filter(values)._asdict().items() if value}
        session = self.server.session
        try:
            if name == "undo":
                row = session.undo()
            elif name == "decide":
                row = session.decide(read_form(form))
                more |= {} if row else {"after": form.get("id", [""])[-1]}
            else:
                return Answer(HTTPStatus.NOT_FOUND, "No such page.", "text/plain")
        except InputError as error:
            told = str(error).replace(REMEDY, "make room, then answer again")
            session.say(f"Not written: {told}")
            row = form.get("id", [""])[-1]
        more |= {"row": row} if row else {}
        return Answer(HTTPStatus.SEE_OTHER, location=f"./?{urlencode(more)}")

    def answer(self, answer: Answer) -> None:
        raw = answer.body.encode()
        self.send_response(answer.status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        if answer.location:
            self.send_header("Location", answer.location)
        self.send_header("Content-Type", f"{answer.kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of what is right; of what is refused, without what was asked."""

    def log_error(self, format: str, *args: Any) -> None:
        say(f"review: {format % args}", sys.stderr)


def read_filter(values: dict[str, str]) -> Filter:
    """The filter of an address; what is no filter asks for all."""
    asked = Filter(**{name: values.get(name, "") for name in Filter._fields})
    known = {"open", "second", "disputed", "unsure", "outdated", "decided"}
    issues = {"", "any", "conflict", "label", "near_duplicate", "duplicate"}
    return asked._replace(
        show=asked.show if asked.show in known else "open",
        issue=asked.issue if asked.issue in issues else "",
    )


def read_form(form: dict[str, list[str]]) -> Form:
    """What a page hands in; the similar rows count if it says so."""
    values = {name: form.get(name, [""])[-1] for name in ("id", "answer", "seen", "note")}
    values["answer"] = unquote(values["answer"])  # browsers change the ends of lines in a class
    if not values["answer"] and (typed := form.get("typed", [""])[-1]):
        values["answer"] = TYPED + typed
    similar = form.get("similar", []) if form.get("same", [""])[-1] == "yes" else []
    return Form(**values, similar=tuple(similar))
