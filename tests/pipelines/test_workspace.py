"""A clone in which a flow works has what its project has: its paths, and who commits."""

import logging
import os
from pathlib import Path

import pytest
from dvc.config import Config

from pipelines import server
from pipelines.commands import FlowError
from pipelines.logs import cut_repeated
from pipelines.workspace import clone, has_remote, home, require_identity, share
from tests.production.made import git

CONFIG = """[core]
    remote = store
['remote "store"']
    url = ../../store
"""
STRANGER = {"HOME": "/nowhere", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that names its origin and its remote of DVC by paths from where it is."""
    folder = tmp_path / "a project ü"
    folder.mkdir()
    monkeypatch.chdir(folder)
    git("init", "-q", "--bare", "-b", "main", "../origin.git")
    git("init", "-q", "-b", "main")
    git("remote", "add", "origin", "../origin.git")
    Path(".dvc").mkdir()
    Path(".dvc/config").write_text(CONFIG)
    Path(".dvc/.gitignore").write_text("/config.local\n/tmp\n/cache\n")
    git("add", "-A")
    git("commit", "-qm", "a project")
    git("push", "-q", "origin", "main")
    return folder


def test_paths_of_a_project_are_meant_from_the_project(project: Path) -> None:
    folder = clone(home(project), "origin/main", project / ".reprotune/retrain")
    Path(".dvc/config.local").write_text("['remote \"store\"']\n    verify = true\n")
    share(project, folder)
    config = Config(str(folder / ".dvc"))
    assert config["remote"]["store"]["url"] == str(project.parent / "store")
    assert config["remote"]["store"]["verify"] is True
    assert config["cache"]["dir"] == str(project / ".dvc/cache")
    assert has_remote(folder)
    assert git("-C", str(folder), "config", "remote.origin.url") == str(
        project.parent / "origin.git"
    )
    git("remote", "set-url", "origin", "git@host:team/project")
    assert home(project) == "git@host:team/project"


def test_a_branch_that_is_not_there_is_told_with_those_that_are(project: Path) -> None:
    with pytest.raises(FlowError, match=r"origin\.git: no branch trunk; it has main; name one"):
        clone(home(project), "origin/trunk", project / ".reprotune/retrain")
    git("init", "-q", "../empty")
    with pytest.raises(FlowError, match="empty: no branch main; commit and push first"):
        clone(str(project.parent / "empty"), "origin/main", project / ".reprotune/other")


@pytest.mark.skipif(not Path("/sys").is_dir(), reason="has a folder that nobody may write in")
def test_a_folder_that_may_not_be_written_is_told_before_a_server_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "check_database", lambda _: pytest.fail("goes on"))
    told = r"retrain: /sys/\.reprotune: .*work in a copy of your own"
    with pytest.raises(SystemExit, match=told), server.serving("retrain", Path("/sys")):
        pytest.fail("is at work")


def test_who_commits_is_known_before_the_work_begins(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [key for key in os.environ if key.startswith(("GIT_AUTHOR", "GIT_COMMITTER"))]:
        monkeypatch.delenv(name)
    for name, value in STRANGER.items():
        monkeypatch.setenv(name, value)
    folder = clone(home(project), "origin/main", project / ".reprotune/retrain")
    git("-C", str(folder), "config", "user.useConfigOnly", "true")
    with pytest.raises(FlowError, match="identity unknown"):
        require_identity(folder)
    git("config", "user.name", "Ada")
    git("config", "user.email", "ada@example.org")
    share(project, folder)
    require_identity(folder)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Finished in state Failed('train: it broke')", "Finished in state Failed"),
        (
            "Finished in state GateClosed('Worse:\n4 %', type=FAILED)",
            "Finished in state GateClosed",
        ),
        ("Finished in state NothingNew('nothing', type=COMPLETED)", None),
    ],
)
def test_the_log_leaves_a_failure_to_the_message_that_follows(said: str, told: str | None) -> None:
    record = logging.LogRecord("prefect.flow_runs", logging.INFO, "", 1, said, (), None)
    assert cut_repeated(record)
    assert record.getMessage() == (told or said)
