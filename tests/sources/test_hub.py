"""Files come from the Hub at their commit and whole, or the message says why not."""

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest

from reprotune.core.errors import InputError
from reprotune.sources import hub as ours
from reprotune.sources.hub import Repository
from tests import hub
from tests.hub import TOKEN, Hub, Repo, commit

NAME = "team/news"
ROWS = b"text,label\n" + b"".join(b"Profit rose by %d %%,positive\n" % n for n in range(5000))


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with hub.served() as served:
        monkeypatch.setenv("HF_ENDPOINT", served.address)
        monkeypatch.setenv("HF_TOKEN", "")
        for name, value in (
            ("HF_HUB_CACHE", str(tmp_path / "hub")),
            ("HF_TOKEN_PATH", str(tmp_path / "token")),
            ("HF_HUB_DOWNLOAD_TIMEOUT", 1),
        ):
            monkeypatch.setattr(huggingface_hub.constants, name, value)
        monkeypatch.setattr(ours, "TIMEOUT", 1)
        monkeypatch.setattr(time, "sleep", lambda _: None)  # between one try and the next
        yield served


def dataset(stand_in: Hub, **settings: Any) -> Repository:
    commits = {commit(1): {"data/train.csv": ROWS, "big.csv": ROWS * 20}}
    branches = {"main": commit(1)}
    stand_in.repos[f"datasets/{NAME}"] = Repo(commits, branches, large={"big.csv"}, **settings)
    return Repository(NAME, "dataset", commit(1))


def files(folder: Path) -> list[Path]:
    """What a reader of the cache would find."""
    return [p for p in folder.rglob("*") if p.is_file() and "snapshots" in p.parts]


def test_a_file_comes_from_its_commit_and_the_second_time_from_the_cache(stand_in: Hub) -> None:
    repository = dataset(stand_in)
    path = ours.fetch(repository, ["data/train.csv"])["data/train.csv"]
    assert path.read_bytes() == ROWS
    before = len(stand_in.requests)
    assert ours.fetch(repository, ["data/train.csv"])["data/train.csv"] == path
    assert len(stand_in.requests) == before


def test_a_large_file_is_followed_to_where_it_lies_without_the_token(
    stand_in: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    repository = dataset(stand_in, gated=True)
    assert ours.fetch(repository, ["big.csv"])["big.csv"].read_bytes() == ROWS * 20
    elsewhere = [token for _, path, token in stand_in.requests if path.startswith("cdn/")]
    assert elsewhere == [None]


@pytest.mark.parametrize(("settings", "message"), [
    ({"gated": True}, r"its terms must be accepted on http.*hf auth login.*HF_TOKEN"),
    ({"private": True}, r"no such repository, or a private one.*HF_TOKEN"),
    ({"fault": "page"}, r"download failed|arrived as something else"),
    ({"fault": "broken"}, r"the Hub answers 500; try again later"),
    ({"fault": "truncated"}, r"cannot be reached|download failed"),
    ({"fault": "slow"}, r"cannot be reached.*timed out.*what has arrived is kept"),
])  # fmt: skip
@pytest.mark.parametrize("file", ["data/train.csv", "big.csv"])
def test_what_the_hub_refuses_is_said_and_nothing_is_half_there(
    stand_in: Hub, tmp_path: Path, settings: dict[str, Any], message: str, file: str
) -> None:
    repository = dataset(stand_in, **settings)
    with pytest.raises(InputError, match=f"dataset {NAME} at {commit(1)}: .*({message})"):
        ours.fetch(repository, [file])
    assert files(tmp_path / "hub") == []


def test_a_download_that_was_cut_off_goes_on(stand_in: Hub) -> None:
    repository = dataset(stand_in, fault="truncated", faults=1)
    assert ours.fetch(repository, ["big.csv"])["big.csv"].read_bytes() == ROWS * 20


@pytest.mark.parametrize(("repository", "message"), [
    (Repository("team/absent", "dataset", commit(1)), "no such repository"),
    (Repository(NAME, "model", commit(1)), "no such repository"),
    (Repository(NAME, "dataset", commit(9)), "no such revision"),
    (Repository(NAME, "dataset", "main"), "is no commit.*reprotune outdated"),
    (Repository("a/b/c", "dataset", commit(1)), "no name of a repository"),
])  # fmt: skip
def test_what_is_not_there_is_named(stand_in: Hub, repository: Repository, message: str) -> None:
    dataset(stand_in)
    with pytest.raises(InputError, match=message):
        ours.fetch(repository, ["data/train.csv"])


def test_a_file_that_is_not_there_is_named_with_those_that_are(stand_in: Hub) -> None:
    with pytest.raises(InputError, match=r"has no test\.csv; it has \['big\.csv', 'data/train"):
        ours.fetch(dataset(stand_in), ["test.csv"])


def test_without_a_network_the_address_is_named(
    stand_in: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = dataset(stand_in)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(InputError, match=r"http://127\.0\.0\.1:9 cannot be reached"):
        ours.fetch(repository, ["big.csv"])


def test_the_token_is_in_no_message(stand_in: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", f"{TOKEN}x")
    with pytest.raises(InputError, match="your token is refused") as caught:
        ours.fetch(dataset(stand_in, gated=True), ["big.csv"])
    assert TOKEN not in str(caught.value)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert TOKEN not in ours.redact(OSError(f"header {TOKEN} refused"))


def test_a_branch_is_resolved_and_a_newer_commit_is_seen(stand_in: Hub) -> None:
    dataset(stand_in)
    branch = Repository(NAME, "dataset", "main")
    assert ours.find_newest(branch) == commit(1)
    repo = stand_in.repos[f"datasets/{NAME}"]
    repo.commits[commit(2)], repo.branches["main"] = {}, commit(2)
    assert ours.find_newest(branch) == commit(2)


def test_the_hash_is_that_of_git_or_sha256(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"hello\n")
    git = "ce013625030ba8dba906f756967f9e9ca394464a"  # git hash-object
    sha = hashlib.sha256(b"hello\n").hexdigest()
    assert ours.matches(file, ours.Entry("a", 6, None, git))
    assert ours.matches(file, ours.Entry("a", 6, sha, "pointer"))
    assert not ours.matches(file, ours.Entry("a", 6, None, git[::-1]))
