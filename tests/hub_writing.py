"""The part of the Hub's HTTP API by which a repository is written, with its refusals."""

import base64
import hashlib
import json
import threading
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests import hub
from tests.hub import Handler, Repo


@dataclass
class Store:
    """What was sent, and what is refused."""

    objects: dict[str, bytes] = field(default_factory=dict)  # large files by their sha256
    sent: list[str] = field(default_factory=list)  # hashes, in the order in which they came
    refusals: dict[str, int] = field(default_factory=dict)  # create | batch | put | commit: status
    allowed: int = 10**9  # large files, before what `put` says
    pulls: list[dict[str, bytes]] = field(default_factory=list)
    one: threading.Lock = field(default_factory=threading.Lock)  # large files come at once


class WritingHandler(Handler):
    """Regular files up to 1 KB come with the commit, larger ones before it."""

    store: Store
    REGULAR = 1000

    def do_POST(self) -> None:  # noqa: PLR0911
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size)
        path = unquote(urlsplit(self.path).path).lstrip("/")
        self.hub.requests.append(("POST", path, self.headers.get("Authorization")))
        if path == "api/validate-yaml":
            return self.reply({"errors": [], "warnings": []})
        if self.headers.get("Authorization") != f"Bearer {hub.TOKEN}":
            return self.refuse(401, "", "Invalid credentials in Authorization header")
        if path == "api/repos/create":
            return self.create(json.loads(body))
        if path.endswith(".git/info/lfs/objects/batch"):
            return self.batch(json.loads(body))
        kind, *names = path.split("/")[1:4]
        name = "/".join(["datasets", *names] if kind == "datasets" else names)
        if name not in self.hub.repos:
            return self.refuse(401, "RepoNotFound", "Repository not found")
        if "/preupload/" in path:
            return self.sort_files(name, json.loads(body))
        return self.commit(name, body)

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        oid = self.path.rsplit("/", 1)[1]
        assert hashlib.sha256(content).hexdigest() == oid
        with self.store.one:
            if len(self.store.sent) >= self.store.allowed and self.is_refused("put"):
                return
            self.store.objects[oid] = content
            self.store.sent.append(oid)
        self.reply({})

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path).lstrip("/")
        for name, repo in self.hub.repos.items():
            asked = f"api/{name if name.startswith('datasets/') else f'models/{name}'}"
            if path == asked and self.allowed(repo):
                return self.reply(hub.described(repo, name, repo.branches["main"]))
            if path == f"{asked}/tree/main" and self.allowed(repo):
                return self.reply([
                    {"type": "file", "path": file, "size": len(content), "oid": "0" * 40}
                    for file, content in repo.commits[repo.branches["main"]].items()
                ])  # fmt: skip
        return self.answer()

    def create(self, asked: dict[str, Any]) -> None:
        name = f"{asked['organization']}/{asked['name']}"
        if asked.get("type") == "dataset":
            name = f"datasets/{name}"
        if self.is_refused("create"):
            return
        private = asked.get("visibility") == "private"
        self.hub.repos[name] = Repo({hub.commit(0): {}}, {"main": hub.commit(0)}, private=private)
        self.reply({"url": f"{self.hub.address}/{name}"})

    def sort_files(self, name: str, asked: dict[str, Any]) -> None:
        repo = self.hub.repos[name]
        known = repo.commits[repo.branches["main"]]
        self.reply({
            "files": [
                {
                    "path": file["path"],
                    "uploadMode": "regular" if file["size"] <= self.REGULAR else "lfs",
                    "shouldIgnore": False,
                    "oid": self.find_oid(known.get(file["path"])),
                }
                for file in asked["files"]
            ]
        })  # fmt: skip

    def find_oid(self, content: bytes | None) -> str | None:
        if content is None:
            return None
        if len(content) > self.REGULAR:
            return hashlib.sha256(content).hexdigest()
        return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()

    def batch(self, asked: dict[str, Any]) -> None:
        if self.is_refused("batch"):
            return
        objects = [
            {**one, "actions": {"upload": {"href": f"{self.hub.address}/put/{one['oid']}"}}}
            if one["oid"] not in self.store.objects
            else one
            for one in asked["objects"]
        ]
        self.reply({"transfer": "basic", "objects": objects})

    def commit(self, name: str, body: bytes) -> None:
        if self.is_refused("commit"):
            return
        repo = self.hub.repos[name]
        files = dict(repo.commits[repo.branches["main"]])
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.store.objects[value["oid"]]
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        oid = hub.commit(len(repo.commits) + len(self.store.pulls))
        found = {"commitUrl": f"{self.hub.address}/{name}/commit/{oid}", "commitOid": oid}
        if "create_pr" in parse_qs(urlsplit(self.path).query):
            self.store.pulls.append(files)
            found["pullRequestUrl"] = f"{self.hub.address}/{name}/discussions/1"
        else:
            repo.commits[oid] = files
            repo.branches["main"] = oid
        self.reply(found)

    def is_refused(self, step: str) -> bool:
        status = self.store.refusals.get(step, 0)
        if status:
            self.refuse(status, "", "Refused")
        return bool(status)

    def reply(self, found: Any) -> None:
        self.send(200, json.dumps(found).encode(), "application/json")
