"""A clone in which a flow works has what its project has: its paths, and who commits."""

import json
import logging
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from dvc.config import Config
from prefect.logging import disable_run_logger

from pipelines import registry, server, workspace
from pipelines.commands import FlowError
from pipelines.logs import cut_repeated
from pipelines.retrain import is_committed, was_tried
from pipelines.workspace import (
    clone,
    copy_whole,
    find_prefix,
    has_remote,
    home,
    publish,
    require_commit,
    share,
    take,
)
from tests.commands import dvc
from tests.production import made
from tests.production.made import DAG, git

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
    (folder / ".dvc/config").write_text(CONFIG.replace("remote = store", ""))
    with pytest.raises(FlowError, match=r"no remote is the default \(store\).*dvc remote default"):
        has_remote(folder)
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


def test_a_project_that_is_a_part_of_its_repository_is_the_same_part_of_a_clone(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = Path("services/ü x")
    (part / "models/source").mkdir(parents=True)
    Path(".dvc").rename(part / ".dvc")
    git("add", "-A")
    git("commit", "-qm", "a part")
    git("push", "-q", "origin", "main")
    names = ("é [1].bin", "a*", "b \\")  # of a base model that is in no commit
    for name in names:
        (part / "models/source" / name).write_text("weights")
    (part / ".dvc/config.local").write_text("['remote \"store\"']\n    verify = true\n")
    here = (project / part).resolve()
    assert home(here) == str(project.parent / "origin.git") and find_prefix(here) == f"{part}/"
    folder = clone(home(here), "origin/main", here / ".reprotune/retrain", find_prefix(here))
    share(here, folder)
    assert folder == here / ".reprotune/retrain" / part and has_remote(folder)
    assert {path.name for path in (folder / "models/source").iterdir()} == {*names}
    assert git("-C", str(folder), "status", "--porcelain") == ""
    git("remote", "remove", "origin")
    assert home(here) == str(project)
    with pytest.raises(FlowError, match="origin/main has no folder else"):
        clone(home(here), "origin/main", here / ".reprotune/retrain", "else")


def test_what_would_refuse_a_commit_is_known_before_the_work_begins(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = clone(home(project), "origin/main", project / ".reprotune/retrain")
    before = git("-C", str(folder), "rev-parse", "HEAD")
    (folder / "new.csv").write_text("")
    require_commit(folder, "Retrained")
    assert git("-C", str(folder), "rev-parse", "HEAD") == before
    assert git("-C", str(folder), "status", "--porcelain") == "?? new.csv"
    hook = folder / ".git/hooks/commit-msg"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho it names no issue\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(FlowError, match="git commit: it names no issue"):
        require_commit(folder, "Retrained")


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
        require_commit(folder, "Retrained")
    git("config", "user.name", "Ada")
    git("config", "user.email", "ada@example.org")
    share(project, folder)
    require_commit(folder, "Retrained")


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


def test_of_two_retrainings_the_second_leaves_what_the_first_has_pushed(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspace, "push", lambda _: None)
    folders = [clone(home(project), "origin/main", project.parent / name) for name in ("a", "b")]
    for folder in folders:
        git("-C", str(folder), "commit", "-qm", f"by {folder.name}", "--allow-empty")
    first, second = folders
    assert publish(first, "retrain/x") and not publish(second, "retrain/x")
    assert publish(first, "retrain/x"), "its own, of which the answer was lost"
    git("fetch", "-q", "origin")
    assert git("log", "-1", "--format=%s", "origin/retrain/x") == "by a"
    for folder in folders:
        git("-C", str(folder), "tag", "-am", "x", "classifier@v0.0.1")
    assert publish(first, "retrain/y")
    with pytest.raises(FlowError, match=r"registered a version meanwhile: origin has classifier@"):
        publish(second, "retrain/z")
    assert "retrain/z" not in git("ls-remote", "origin"), "half of it"


def test_a_branch_that_comes_while_a_retraining_looks_is_the_one_that_was_tried(
    project: Path,
) -> None:
    folder, other = (
        clone(home(project), "origin/main", project.parent / name) for name in ("a", "b")
    )
    git("-C", str(other), "commit", "-qm", "Retrained\n\nGate: closed", "--allow-empty")
    git("-C", str(other), "push", "-q", "origin", "HEAD:refs/heads/retrain/x")
    told = was_tried(folder, "HEAD", "retrain/x", "main", "on_merge")
    assert told == "branch retrain/x, which the gate stopped"


def test_a_file_that_is_being_written_is_copied_when_it_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target, copy = tmp_path / "own.csv", tmp_path / "copy.csv", shutil.copy
    growing = ["text,label\ngood", "text,label\ngood,positive\n"]

    def grow(one: Path, other: Path) -> None:
        copy(one, other)
        if growing:
            source.write_text(growing.pop(0))

    monkeypatch.setattr(workspace, "PAUSE", 0.0)
    monkeypatch.setattr(workspace.shutil, "copy", grow)
    source.write_text("text")
    copy_whole(source, target)
    assert target.read_text() == "text,label\ngood,positive\n" == source.read_text()
    growing += ["a" * n for n in range(20)]
    with pytest.raises(FlowError, match=r"own\.csv: somebody is writing it"):
        copy_whole(source, target)


def test_a_version_that_would_not_serve_for_a_tag_of_a_time_to_come_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    git("init", "-q")
    Path("dvc.yaml").write_text(DAG)
    stage = {"cmd": "true", "outs": [{"path": "models/merged", "md5": "1.dir"}]}
    for number, stages in enumerate(({}, {"export": stage}, {"export": stage})):
        Path("dvc.lock").write_text(json.dumps({"stages": stages, "number": number}))
        git("add", "-A")
        git("commit", "-qm", "a run")
        if number == 0:
            told = registry.register(tmp_path, git("rev-parse", "HEAD"))
            assert told == "no stage makes models/merged: nothing to register"
            assert git("tag") == ""
        elif number == 1:
            made.register("v0.0.1", 1, datetime.now(UTC) + timedelta(days=99))
    with pytest.raises(FlowError, match=r"classifier: .* at a time that is still to come"):
        registry.register(tmp_path, git("rev-parse", "HEAD"))


def test_of_two_that_register_what_was_merged_the_second_finds_it_done(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "get_run_logger", lambda: logging.getLogger("test"))
    Path("dvc.yaml").write_text(DAG)
    stage = {"cmd": "true", "outs": [{"path": "models/merged", "md5": "1.dir"}]}
    Path("dvc.lock").write_text(json.dumps({"stages": {"export": stage}}))
    git("add", "-A")
    git("commit", "-qm", "Retrained\n\nGate: passed")
    git("push", "-q", "origin", "main")
    folders = [clone(home(project), "origin/main", project.parent / name) for name in ("a", "b")]
    for second, folder in enumerate(folders, start=1_700_000_000):
        monkeypatch.setenv("GIT_COMMITTER_DATE", f"@{second} +0000")
        registry.register_merged(folder, "Gate: passed")
    first, second = (git("-C", str(one), "show-ref", "--tags", "--dereference") for one in folders)
    assert first == second and "classifier#production#1" in first


@pytest.mark.slow  # dvc in processes of its own
def test_a_new_file_of_a_folder_that_dvc_keeps_is_news_and_loses_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, folder = tmp_path / "project", tmp_path / "clone"
    (source / "data/source").mkdir(parents=True)
    monkeypatch.chdir(source)
    git("init", "-q")
    dvc("init", "-q")
    own, other = Path("data/source/own.csv"), Path("data/source/other.csv")
    own.write_text("text,label\n")
    other.write_text("another")
    dvc("add", "-q", "data/source")
    git("add", "--all")
    git("commit", "-qm", "data")
    assert is_committed(source, own)
    git("clone", "-q", ".", str(folder))
    share(source, folder)
    own.unlink()
    own.write_text("text,label\nnew,good\n")
    assert not is_committed(source, own)
    with disable_run_logger():
        assert take(source, folder, own)
    assert (folder / own).read_text() == own.read_text() and (folder / other).is_file()
    assert "nfiles: 2" in (folder / "data/source.dvc").read_text()
