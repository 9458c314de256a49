"""Pins are commits, and newer revisions of the sources are seen without a change."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from reprotune import cli
from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.params import Params
from reprotune.core.params_file import load_params
from reprotune.project import profiles
from reprotune.project.terminal import put
from reprotune.project.upstream import Source, list_sources, table
from tests import hub
from tests.conftest import PARAMS
from tests.hub import Hub, Repo, commit

Changed = Callable[[dict[str, Any]], Params]


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with hub.served() as served:
        monkeypatch.setenv("HF_ENDPOINT", served.address)
        commits: dict[str, dict[str, bytes]] = {commit(1): {}, commit(2): {}}
        branches = {"main": commit(2), "v1": commit(1)}
        served.repos["datasets/team/news"] = Repo(commits, branches)
        served.repos["team/model"] = Repo(commits, branches)
        served.plain["a.csv"] = Repo({"": {"": b"text,label\n"}}, {})
        yield served


HUB = {"download.kind": "hub", "download.repository": "team/news", "model.kind": "hub",
       "model.location": "team/model", "download.files": [
           {"location": "a.csv", "sha256": None, "label": None, "split": None}]}  # fmt: skip


def test_a_newer_commit_is_seen(stand_in: Hub, changed: Changed) -> None:
    params = changed(HUB | {"download.revision": commit(1), "model.revision": commit(2)})
    assert list(list_sources(params)) == [
        Source("download.revision", "team/news", commit(1), commit(2)),
        Source("model.revision", "team/model", commit(2), commit(2)),
    ]


def test_an_address_with_another_content_is_seen(stand_in: Hub, changed: Changed) -> None:
    url = f"{stand_in.address}/a.csv"
    file = {"location": url, "sha256": "0" * 64, "label": None, "split": None}
    params = changed({"download.kind": "url", "download.files": [file]})
    (found,) = list_sources(params)
    assert (found.key, found.name, found.is_newer) == ("download.files.0.sha256", url, True)


def test_an_address_with_brackets_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    put(table([Source("download.files.0.sha256", "https://e.com/[old]/a[/b].csv", "1", "1")]), 200)
    assert "https://e.com/[old]/a[/b].csv" in capsys.readouterr().out


def test_the_command_says_it_and_changes_nothing(
    stand_in: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    shutil.copy(PARAMS, "params.yaml")
    cli.main(["outdated"])
    assert "local" in capsys.readouterr().out
    yaml = YAML()
    values = yaml.load(Path("params.yaml").read_text())
    values["model"] |= {"kind": "hub", "location": "team/model", "revision": commit(1)}
    yaml.dump(values, Path("params.yaml"))
    before = Path("params.yaml").read_bytes()
    cli.main(["outdated"])
    assert commit(2) in capsys.readouterr().out
    assert Path("params.yaml").read_bytes() == before


@pytest.mark.parametrize(("written", "expected"), [
    ("v1", commit(1)), ("main", commit(2)), (None, commit(2)), (commit(1), commit(1)),
])  # fmt: skip
def test_a_profile_that_names_a_branch_becomes_a_commit(
    stand_in: Hub, tmp_path: Path, written: str | None, expected: str
) -> None:
    shutil.copy(paths.PROFILES / "builtin.yaml", tmp_path)
    profile = {"model": {"kind": "hub", "location": "team/model", "revision": written}}
    YAML().dump(profile, tmp_path / "mine.yaml")
    profiles.use("mine", tmp_path, tmp_path / "params.yaml")
    assert load_params(tmp_path / "params.yaml").model.revision == expected


def test_a_profile_whose_hub_does_not_answer_leaves_the_parameters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    shutil.copy(paths.PROFILES / "builtin.yaml", tmp_path)
    profile = {"model": {"kind": "hub", "location": "team/model", "revision": "main"}}
    YAML().dump(profile, tmp_path / "mine.yaml")
    (tmp_path / "params.yaml").write_text("mine: 1\n")
    with pytest.raises(InputError, match=r"team/model at main: http://127\.0\.0\.1:9 cannot be"):
        profiles.use("mine", tmp_path, tmp_path / "params.yaml")
    assert (tmp_path / "params.yaml").read_text() == "mine: 1\n"
