"""A local stand-in of the Hub's HTTP API, with the faults that a network and a hub can have."""

import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import sleep
from typing import Any
from urllib.parse import unquote, urlsplit

TOKEN = "hf_" + "secret" * 5
PAGE = b"<!DOCTYPE html><html><body>Please log in to the network.</body></html>"


def commit(number: int) -> str:
    return hashlib.sha1(str(number).encode()).hexdigest()


@dataclass
class Repo:
    """Commits with their files, branches, and what goes wrong."""

    commits: dict[str, dict[str, bytes]]
    branches: dict[str, str]
    gated: bool = False
    private: bool = False
    large: set[str] = field(default_factory=set)  # files that are served from elsewhere
    fault: str = ""  # truncated | page | slow | broken
    faults: int = 10**9  # answers that go wrong, then all is well


@dataclass
class Hub:
    """The repositories, by path: ``owner/name`` or ``datasets/owner/name``."""

    repos: dict[str, Repo] = field(default_factory=dict)
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    address: str = ""
    plain: dict[str, Repo] = field(default_factory=dict)


def described(repo: Repo, name: str, revision: str) -> dict[str, Any]:
    siblings = []
    for file, content in sorted(repo.commits[revision].items()):
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        entry: dict[str, Any] = {"rfilename": file, "size": len(content), "blobId": blob}
        if file in repo.large:
            entry["lfs"] = {
                "sha256": hashlib.sha256(content).hexdigest(),
                "size": len(content),
                "pointerSize": 130,
            }
        siblings.append(entry)
    return {"id": name, "sha": revision, "siblings": siblings, "private": repo.private, "tags": []}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.answer()

    def do_HEAD(self) -> None:
        self.answer()

    def answer(self) -> None:
        path = unquote(urlsplit(self.path).path).lstrip("/")
        self.hub.requests.append((self.command, path, self.headers.get("Authorization")))
        for key, repo in self.hub.repos.items():
            kind, _, name = (
                key.partition("/") if key.startswith("datasets/") else ("models", "", key)
            )
            if path.startswith(f"api/{kind}/{name}/"):
                if self.allowed(repo):
                    self.api(repo, name, path.rsplit("/", 1)[1])
                return
            if path.startswith(f"{key}/resolve/"):
                if self.allowed(repo):
                    revision, _, file = path.removeprefix(f"{key}/resolve/").partition("/")
                    self.file(repo, revision, file)
                return
            if path.startswith(f"cdn/{key}/"):
                revision, _, file = path.removeprefix(f"cdn/{key}/").partition("/")
                self.body(repo, repo.commits[revision][file])
                return
        if path in self.hub.plain:
            self.body(self.hub.plain[path], self.hub.plain[path].commits[""][""])
            return
        self.refuse(401 if "api" in path else 404, "RepoNotFound", "Repository not found")

    def allowed(self, repo: Repo) -> bool:
        authorized = self.headers.get("Authorization") == f"Bearer {TOKEN}"
        if self.headers.get("Authorization") and not authorized:
            self.refuse(401, "", "Invalid credentials in Authorization header")
        elif repo.private and not authorized:
            self.refuse(401, "RepoNotFound", "Repository not found")
        elif repo.gated and not authorized:
            self.refuse(403, "GatedRepo", "Access to this model is restricted")
        else:
            return True
        return False

    def api(self, repo: Repo, name: str, revision: str) -> None:
        known = repo.branches.get(revision, revision)
        if known not in repo.commits:
            return self.refuse(404, "RevisionNotFound", "Invalid rev id")
        return self.send(200, json.dumps(described(repo, name, known)).encode(), "application/json")

    def file(self, repo: Repo, revision: str, file: str) -> None:
        revision = repo.branches.get(revision, revision)
        if revision not in repo.commits:
            return self.refuse(404, "RevisionNotFound", "Invalid rev id")
        content = repo.commits[revision].get(file)
        if content is None:
            return self.refuse(404, "EntryNotFound", "Entry not found")
        tag = hashlib.sha256(content).hexdigest()
        headers = {"X-Repo-Commit": revision, "ETag": f'"{tag}"'}
        if file not in repo.large:
            return self.body(repo, content, headers)
        key = next(key for key, one in self.hub.repos.items() if one is repo)
        headers |= {"X-Linked-ETag": f'"{tag}"', "X-Linked-Size": str(len(content))}
        elsewhere = self.hub.address.replace("127.0.0.1", "localhost")
        headers["Location"] = f"{elsewhere}/cdn/{key}/{revision}/{file}"
        return self.send(302, b"", "text/plain", headers)

    def body(self, repo: Repo, content: bytes, headers: dict[str, str] | None = None) -> None:
        """The content from where the client asks on, or what goes wrong with it."""
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        if start >= len(content) > 0:
            return self.send(416, b"", "text/plain", headers)
        part, status = content[start:], 206 if start else 200
        fault = repo.fault if self.command == "GET" and repo.faults > 0 else ""
        repo.faults -= bool(fault)
        if fault == "page":
            return self.send(200, PAGE, "text/html", headers)
        if fault == "broken":
            return self.send(500, b"", "text/plain", headers)
        if fault == "slow":
            sleep(1.5)
        if fault == "truncated":
            self.send(status, part[: max(1, len(part) // 2)], "text/plain", headers, len(part))
            self.close_connection = True
            return None
        return self.send(status, part, "application/octet-stream", headers)

    def refuse(self, status: int, code: str, message: str) -> None:
        self.send(status, b"", "text/plain", {"X-Error-Code": code, "X-Error-Message": message})

    def send(
        self,
        status: int,
        content: bytes,
        kind: str,
        headers: dict[str, str] | None = None,
        length: int | None = None,
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


@contextmanager
def served(kind: type[Handler] = Handler, **more: object) -> Iterator[Hub]:
    """A hub on a free port of this machine."""
    hub = Hub()
    handler = type("Bound", (kind,), {"hub": hub} | more)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        hub.address = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield hub
        server.shutdown()
