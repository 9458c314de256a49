"""Git answers what it is asked for, whatever somebody has set, and in the folder that is meant."""

import os
import socket
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from reprotune import cli
from reprotune.comparison.changed import list_files
from reprotune.comparison.revision import Revision
from reprotune.comparison.revision import git as ask
from reprotune.core.errors import InputError
from reprotune.core.git import HOOKED, SETTINGS, ask_nobody, settle
from tests.production.made import git

OTHERS = {
    "core.quotePath": "true",
    "diff.relative": "true",
    "grep.patternType": "fixed",
    "http.lowSpeedLimit": "0",
    "http.lowSpeedTime": "0",
    "log.showSignature": "true",
    "status.showUntrackedFiles": "no",
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A part of a repository whose owner has set all that could change an answer."""
    assert OTHERS.keys() == SETTINGS.keys()
    monkeypatch.chdir(tmp_path)
    git("init", "-q", "-b", "main")
    for name, value in OTHERS.items():
        git("config", name, value)
    Path(".github").mkdir()
    Path("part").mkdir()
    for file in ("part/é.txt", ".github/a.yml"):
        Path(file).write_text("")
    git("add", "-A")
    git("commit", "-qm", "Gate: passed")
    monkeypatch.chdir("part")
    return tmp_path


def test_what_people_set_for_their_own_eyes_changes_no_answer(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("new").write_text("")
    assert ask("status", "--porcelain") == "?? part/new\n"
    assert ask("ls-files") == "é.txt\n"
    assert ask("log", "--format=%s", "--grep=^Gate") == "Gate: passed\n"
    base = Revision("HEAD", git("rev-parse", "HEAD"))
    for file in (Path("é.txt"), project / ".github/a.yml"):
        file.write_text("changed")
    assert list_files(base, Revision("workspace", None)) == ["/.github/a.yml", "new", "é.txt"]
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "user.name")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "Ada")
    assert ask("config", "user.name") == "Ada\n" and settle()["GIT_CONFIG_COUNT"] == "8"


def test_a_server_that_says_nothing_is_not_waited_for_for_ever(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SETTINGS, "http.lowSpeedTime", "1")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/project"
        with pytest.raises(InputError, match=r"git ls-remote: .*too slow"):
            ask("ls-remote", address)


class Locked(BaseHTTPRequestHandler):
    """A server that wants a name and a password."""

    def do_GET(self) -> None:
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="here"')
        self.send_header("Content-Length", "0")
        self.end_headers()


def test_at_night_nobody_is_asked_for_a_password(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GIT_TERMINAL_PROMPT", "SSH_ASKPASS", "SSH_ASKPASS_REQUIRE"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    ask_nobody()
    server = HTTPServer(("127.0.0.1", 0), Locked)
    Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/project"
    terminal = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)"
    done = subprocess.run(
        [sys.executable, "-c", terminal, "git", "ls-remote", address],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    server.shutdown()
    server.server_close()
    assert done.returncode == 128 and b"could not read Username" in done.stdout


def test_a_command_that_a_hook_starts_leaves_the_repository_of_the_hook_alone(
    project: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = git("show-ref"), git("status", "--porcelain"), git("config", "--list", "--local")
    mine = tmp_path_factory.mktemp("elsewhere") / "mine"
    for name in HOOKED:
        monkeypatch.delenv(name, raising=False)
    with monkeypatch.context() as patch:
        patch.setenv("GIT_DIR", str(project / ".git"))
        patch.setenv("GIT_WORK_TREE", str(project))
        patch.setenv("GIT_INDEX_FILE", str(project / ".git/index"))
        cli.main(["new", str(mine)])
    assert not any(name in os.environ for name in HOOKED)
    assert git("-C", str(mine), "log", "--format=%s").startswith("A project by reprotune")
    assert before == (
        git("show-ref"), git("status", "--porcelain"), git("config", "--list", "--local")
    )  # fmt: skip


def test_without_a_commit_the_way_to_one_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    git("init", "-q")
    with pytest.raises(InputError, match="no commit here yet; git add --all && git commit"):
        ask("rev-parse", "HEAD")
