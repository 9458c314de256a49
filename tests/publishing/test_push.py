"""The model gets to the Hub whole, or one sentence says why not."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import huggingface_hub
import huggingface_hub.constants
import pytest
from google.protobuf.json_format import ParseDict
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement

from reprotune import cli
from reprotune.core.seals import check_seal
from reprotune.core.signing import verify
from tests import hub
from tests.hub import TOKEN, Hub
from tests.hub_writing import Store, WritingHandler
from tests.production.made import MERGED, git
from tests.project.test_signing import write_keys
from tests.publishing.released import export, released

NAME = "team/headlines"
PUBLISHED = Path("models/published")
PUBLISHED_DATA = Path("data/published")
Push = Callable[..., str]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    with released(folder):
        return folder


@pytest.fixture
def push(
    made: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Push:
    shutil.copytree(made, tmp_path / "made", symlinks=True)
    monkeypatch.chdir(tmp_path / "made/project")

    def run(*arguments: str) -> str:
        end = ""
        try:
            cli.main(["push", NAME, *arguments])
        except SystemExit as stop:
            end = str(stop.code)
        out, err = capsys.readouterr()
        assert TOKEN not in out + err + end
        return out + end

    return run


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def stand_in(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with hub.served(WritingHandler, store=store) as served:
        monkeypatch.setenv("HF_ENDPOINT", served.address)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
        monkeypatch.setattr(time, "sleep", lambda _: None)
        yield served


def test_what_is_on_the_hub_is_the_published_folder_and_what_people_put_there(
    push: Push, stand_in: Hub
) -> None:
    export(more={"template [1].jinja": "which the next one has not"})
    assert "sent: a commit in team/headlines, private" in push()
    repo = stand_in.repos[NAME]
    there = repo.commits[repo.branches["main"]]
    assert repo.private
    assert there == {file.name: file.read_bytes() for file in PUBLISHED.iterdir()}
    check_seal(PUBLISHED)
    by_hand = {"LICENSE": b"MIT", "template 1.jinja": b""}
    there |= by_hand | {"model.sig": b"of the first"}
    export("other weights " * 1000)
    push()
    there = repo.commits[repo.branches["main"]]
    published = {file.name: file.read_bytes() for file in PUBLISHED.iterdir()}
    assert there == by_hand | published


def test_data_are_sent_as_they_are_committed_and_to_all_with_a_license_alone(
    push: Push, stand_in: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "sent: a commit in team/headlines, private" in push("--data")
    repo = stand_in.repos[f"datasets/{NAME}"]
    there = repo.commits[repo.branches["main"]]
    assert there == {file.name: file.read_bytes() for file in PUBLISHED_DATA.iterdir()}
    assert list(stand_in.repos) == [f"datasets/{NAME}"]
    assert "is private: run this without --public" in push("--data", "--public")
    push("--data", "--dry-run")
    assert {file.name: file.read_bytes() for file in PUBLISHED_DATA.iterdir()} == there
    monkeypatch.setattr("reprotune.publishing.facts.OWN_LICENSE", None)
    assert "nothing states the license" in push("--data", "--public")
    file = Path("data/splits/test.parquet")
    whole = file.read_bytes()
    file.unlink()
    assert "test.parquet: no such file; dvc pull" in push("--data")
    file.write_bytes(whole[:-1] + b"x")
    assert "not the file that dvc.lock names" in push("--data")


def test_a_dry_run_sends_nothing_and_makes_the_same_bytes_again(
    push: Push, stand_in: Hub, tmp_path: Path
) -> None:
    assert "nothing was sent" in push("--dry-run")
    first = {file.name: file.read_bytes() for file in PUBLISHED.iterdir()}
    push("--dry-run")
    assert {file.name: file.read_bytes() for file in PUBLISHED.iterdir()} == first
    said = json.loads(first["provenance.intoto.json"])
    Statement.copy_from_pb(ParseDict(said, statement_pb2.Statement())).validate()
    found = {one["name"]: one["digest"]["sha256"] for one in said["subject"]}
    own = {"provenance.intoto.json", "sha256.json"}
    assert found == {k: sha256(v).hexdigest() for k, v in first.items() if k not in own}
    made = {
        one["name"]: one["digest"]
        for one in said["predicate"]["buildDefinition"]["resolvedDependencies"]
    }
    assert made["commit"] == {"gitCommit": git("rev-parse", "HEAD").strip()}
    assert made["dvc.lock"] == {"sha256": sha256(Path("dvc.lock").read_bytes()).hexdigest()}
    key, public = write_keys(tmp_path, "mine")
    push("--dry-run", "--sign", str(key))
    verify(PUBLISHED, public)
    assert stand_in.requests == []


def test_a_pull_request_leaves_the_repository_as_it_is(
    push: Push, stand_in: Hub, store: Store
) -> None:
    assert "/discussions/1" in push("--pull-request")
    assert stand_in.repos[NAME].commits[hub.commit(0)] == {}
    assert "model.safetensors" in store.pulls[0]


def test_what_broke_off_is_gone_on_from(push: Push, stand_in: Hub, store: Store) -> None:
    store.refusals = {"put": 400}
    store.allowed = 1
    assert "400" in push()
    assert stand_in.repos[NAME].commits == {hub.commit(0): {}}
    store.refusals = {}
    first = list(store.sent)
    assert "sent:" in push()
    assert len(first) == 1
    assert len(store.sent) == len(set(store.sent)) > 1


@pytest.mark.parametrize(("step", "status", "told"), [
    ("create", 403, "may not write there"),
    ("commit", 409, "run this again"),
    ("commit", 500, "try again later"),
    ("create", 401, "your token is refused"),
])  # fmt: skip
def test_a_refusal_is_one_sentence(
    push: Push, stand_in: Hub, store: Store, step: str, status: int, told: str
) -> None:
    store.refusals = {step: status}
    said = push()
    assert told in said
    assert len(said.splitlines()) == 1


def test_a_hub_that_is_away_or_a_missing_token_is_said(
    push: Push, stand_in: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "")
    assert "no token of the Hub" in push()
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert "cannot be reached" in push()


def test_who_may_see_it_is_never_widened(push: Push, stand_in: Hub) -> None:
    push("--public")
    assert not stand_in.repos[NAME].private
    assert "team/headlines is public" in push()


def test_what_the_commit_does_not_stand_for_is_refused(push: Push) -> None:
    weights = MERGED / "model.safetensors"
    kept = weights.read_bytes()
    weights.unlink()
    weights.write_bytes(b"X" + kept[1:])
    assert "not the file that was exported" in push("--dry-run")
    weights.write_bytes(kept)
    (MERGED / "added.json").write_text("{}")
    assert "added.json: was not exported" in push("--dry-run")
    (MERGED / "added.json").rename(MERGED / "added.md")
    assert "not the folder that dvc.lock names" in push("--dry-run")
    (MERGED / "added.md").unlink()
    with Path("metrics/evaluate.json").open("a") as file:
        file.write("\n")
    assert "not as committed" in push("--dry-run")
    assert not PUBLISHED.exists()
