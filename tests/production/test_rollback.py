"""A rollback from a fresh clone: whole, hash-checked and pushed, or nothing is changed."""

import contextlib
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from dvc_data.hashfile.hash_info import HashInfo
from dvc_data.hashfile.tree import Tree

from reprotune import cli
from reprotune.core.errors import InputError
from reprotune.production import keeping, rollback
from reprotune.production.history import read_history
from tests.commands import dvc
from tests.pipelines.test_pool import s3
from tests.production.made import DAG, MERGED, git, make_project, register, release

__all__ = ["s3"]
START = datetime(2026, 1, 1, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "reprotune", "rollback", "--reason", "it answers neutral to all"]
Try = Callable[..., str]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with three versions, once for all tests, which get copies."""
    folder = tmp_path_factory.mktemp("finished")
    publish(folder, "../store")
    return folder


@pytest.fixture
def released(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh clone of it; ``origin`` and the remote of DVC are folders beside."""
    shutil.copytree(finished, tmp_path, symlinks=True, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path / "fresh")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return tmp_path


def publish(folder: Path, store: str, settings: Mapping[str, str] | None = None) -> None:
    (folder / "first").mkdir()
    with contextlib.chdir(folder / "first"):
        make_project("../origin.git", store, settings)
        for number in (1, 2, 3):
            release(f"v0.0.{number}", number, START + timedelta(days=number))
            dvc("push", "-q")
        git("push", "-q", "origin", "main", "--tags")
        git("clone", "-q", "../origin.git", "../fresh")
        git("-C", "../fresh", "remote", "set-url", "origin", "../origin.git")


def roll_back(*arguments: str) -> None:
    cli.main(["rollback", "--reason", "it answers neutral to all", *arguments])


@pytest.fixture
def refused(released: Path) -> Try:
    """What a rollback says that is refused, here and at origin, with nothing changed."""

    def attempt(*arguments: str) -> str:
        before = state()
        with pytest.raises(SystemExit) as end:
            roll_back(*arguments)
        assert state() == before
        assert "\n" not in str(end.value) and "Traceback" not in str(end.value)
        return str(end.value)

    def state() -> list[object]:
        model = MERGED / "model.safetensors"
        left = sorted(str(path) for path in MERGED.parent.glob(".*.partial"))
        told = model.read_text() if model.is_file() else None
        bare = str(released / "origin.git")
        return [git("tag"), git("-C", bare, "tag"), told, left, git("status", "--porcelain")]

    return attempt


def model() -> str:
    return (MERGED / "model.safetensors").read_text()


def test_a_folder_is_said_to_be_the_version_whose_bytes_it_has(
    released: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    served = shutil.copytree(released / "first" / MERGED, released / "served")
    cli.main(["versions", "--of", str(served)])
    assert capsys.readouterr().out == f"{served} is v0.0.3\n"
    (served / "model.safetensors").write_text("the weights of nobody")
    for arguments in (["--of", str(served)], ["--of", str(served), "--json"]):
        with pytest.raises(SystemExit) as end:
            cli.main(["versions", *arguments])
        assert end.value.code == 1
    first, second = capsys.readouterr().out.splitlines()
    assert "is none of the versions" in first
    assert json.loads(second) == {"model": "classifier", "serves": "v0.0.3", "held": []}
    with pytest.raises(SystemExit, match="no folder of an exported model"):
        cli.main(["versions", "--of", "nowhere"])


@pytest.mark.slow  # dvc in a process of its own
def test_the_version_before_serves_again_from_a_fresh_clone(
    released: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = subprocess.run([*COMMAND, "--json"], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {
        "version": "v0.0.2", "replaced": "v0.0.3", "tag": "classifier#production#4",
        "is_pushed": True, "folder": "models/merged",
    }  # fmt: skip
    assert model() == "the weights of v0.0.2"
    assert git("status", "--porcelain") == ""
    now = read_history("classifier").serving
    assert now and now.version == "v0.0.2" and "it answers neutral to all" in now.message
    git("checkout", "-q", "--detach", "HEAD~1")
    roll_back("v0.0.1")
    assert model() == "the weights of v0.0.1", "with a detached head, too"
    Path("dvc.yaml").write_text(Path("dvc.yaml").read_text() + "# being changed\n")
    roll_back("v0.0.1")
    assert "v0.0.1 serves already; models/merged holds" in capsys.readouterr().out


@pytest.mark.slow  # a server of S3, dvc in a process of its own
def test_the_version_before_serves_again_from_s3(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, s3: str
) -> None:
    publish(tmp_path, "s3://store", {"endpointurl": s3})
    monkeypatch.chdir(tmp_path / "fresh")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    subprocess.run(COMMAND, check=True)
    assert model() == "the weights of v0.0.2"


@pytest.mark.slow  # dvc in a process of its own
def test_two_at_once_go_back_one_version_and_not_two(released: Path) -> None:
    shutil.copytree("../fresh", "../other")
    both = [
        subprocess.Popen(COMMAND, cwd=released / name, stderr=subprocess.PIPE, text=True)
        for name in ("fresh", "other")
    ]
    told = [process.communicate()[1] for process in both]
    for process, said in zip(both, told, strict=True):  # in one second both write the same tag
        assert process.returncode == bool(said)
        assert not said or "was put back just now, by" in said or "was pushed meanwhile" in said
    git("fetch", "-q", "--tags")
    now = read_history("classifier").serving
    assert now and now.version == "v0.0.2"
    assert len(git("ls-remote", "--refs", "--tags", "origin").splitlines()) == 7


@pytest.mark.slow  # dvc in a process of its own
def test_a_version_that_was_garbage_collected_is_told(released: Path, refused: Try) -> None:
    known = keeping.find_hash("v0.0.2", git("rev-parse", "classifier@v0.0.2^{}"), "models/merged")
    (listed,) = (released / "store").rglob(known[2:])
    listed.unlink()
    assert "v0.0.2: neither the cache here nor the remote of DVC gives its model" in refused()


@pytest.mark.slow  # dvc in a process of its own
def test_a_file_that_is_missing_or_damaged_is_told(released: Path, refused: Try) -> None:
    weights = b"the weights of v0.0.2"
    (stored,) = (
        f for f in (released / "store").rglob("*") if f.is_file() and f.read_bytes() == weights
    )
    stored.chmod(0o644)
    stored.write_bytes(weights.swapcase())
    assert "is not what was exported" in refused()
    shutil.copytree(released / "store/files", ".dvc/cache/files", dirs_exist_ok=True)
    kept = Path(".dvc/cache/files/md5", *stored.parts[-2:]).absolute()
    kept.chmod(0o444)
    assert f"(model.safetensors is damaged, of {kept})" in refused()
    kept.unlink()
    stored.unlink()
    assert "v0.0.2" in refused()


@pytest.mark.slow  # dvc in a process of its own
def test_a_remote_that_is_away_is_told(released: Path, refused: Try) -> None:
    dvc("remote", "modify", "-q", "--local", "store", "url", str(released / "nowhere"))
    shutil.move(released / "store", released / "away")
    told = refused()
    assert "v0.0.2: neither the cache here nor the remote of DVC" in told
    assert "see that store can be reached" in told and "dvc push --all-tags" in told
    Path(".dvc/config.local").unlink()
    dvc("remote", "remove", "-q", "store")
    assert "no remote is set here: dvc remote add --default" in refused()


def test_an_origin_that_is_away_is_told(released: Path) -> None:
    git("remote", "set-url", "origin", str(released / "nowhere.git"))
    with pytest.raises(InputError, match=r"git ls-remote: .*nowhere\.git.*; nothing was changed"):
        rollback.roll_back(None, "why")
    assert not MERGED.exists()


def test_a_tag_that_only_this_clone_has_is_told(released: Path, refused: Try) -> None:
    git("tag", "-a", "-m", "by hand", "classifier#production#4", "classifier@v0.0.1^{}")
    assert "classifier#production#4: a tag that origin has not; git push origin" in refused()


def test_a_tag_that_was_moved_is_told_and_other_peoples_tags_are_left_alone(
    released: Path, refused: Try
) -> None:
    bare = str(released / "origin.git")
    git("tag", "latest", "classifier@v0.0.1^{}")
    git("-C", bare, "tag", "latest", "classifier@v0.0.2^{}")
    assert rollback.fetch_tags("classifier")
    tag = "classifier#production#2"
    git("-C", bare, "tag", "-f", "-a", "-m", "moved", tag, "classifier@v0.0.1^{}")
    told = refused()
    assert f"{tag}: origin has another tag of this name" in told
    git("fetch", "--force", "origin", "tag", tag)
    assert rollback.fetch_tags("classifier"), "it does what it says"


def test_a_tag_that_another_has_pushed_meanwhile_is_told(released: Path) -> None:
    history = read_history("classifier")
    commit = git("rev-parse", "classifier@v0.0.1^{}")
    rollback.assign(history, "v0.0.1", commit, "first", is_shared=True)
    git("tag", "--delete", "classifier#production#4")
    with pytest.raises(InputError, match=r"#4 was pushed meanwhile: .*; nothing was changed"):
        rollback.assign(history, "v0.0.2", commit, "second", is_shared=True)
    now = read_history("classifier").serving
    assert now and now.message == "Rollback to v0.0.1: first", "versions tells whose it is"


def test_the_signature_that_was_committed_comes_with_the_folder(released: Path) -> None:
    place = Path("models/merged.sig")
    place.parent.mkdir(exist_ok=True)
    for text in ("of the old one", "of the new one"):
        place.write_text(text)
        git("add", "-f", str(place))
        git("commit", "-qm", text)
    keeping.put_signature(git("rev-parse", "HEAD~1"), "models/merged", MERGED)
    assert place.read_text() == "of the old one"
    keeping.put_signature(git("rev-parse", "HEAD~2"), "models/merged", MERGED)
    assert place.read_text() == "of the old one", "there was none"


def test_changes_that_are_nowhere_else_are_not_overwritten(released: Path, refused: Try) -> None:
    MERGED.mkdir(parents=True)
    (MERGED / "model.safetensors").write_text("trained by hand")
    assert "models/merged: holds changes that no version and no dvc.lock knows" in refused()


def test_a_reason_is_needed(refused: Try) -> None:
    assert "--reason is empty" in refused("--reason", " \n")


def test_a_second_one_in_the_same_folder_waits_for_nothing(released: Path, refused: Try) -> None:
    with rollback.alone():
        assert "another rollback is at work in this folder" in refused()


def test_a_version_whose_commit_exports_nothing_is_told(released: Path, refused: Try) -> None:
    git("rm", "-q", "dvc.lock")
    git("commit", "-qm", "no run")
    register("v0.0.4", 4)
    git("push", "-q", "origin", "--tags")
    assert "v0.0.4: the dvc.lock of its commit" in refused("v0.0.4")


def test_the_hash_of_a_folder_is_that_of_dvc(
    released: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(released / "first")
    assert keeping.hash_folder(MERGED) == keeping.find_hash("v0.0.3", "HEAD", "models/merged")


def test_a_folder_beside_files_of_like_names_has_the_hash_of_dvc(tmp_path: Path) -> None:
    tree = Tree()
    for place in ("a/b", "a.txt", "a-b"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_text(place)
        known = hashlib.md5(place.encode()).hexdigest()
        tree.add(tuple(place.split("/")), None, HashInfo("md5", known))
    tree.digest()
    assert keeping.hash_folder(tmp_path) == tree.hash_info.value


@pytest.mark.slow  # DVC clones the repository
def test_the_model_of_a_project_that_is_a_part_of_its_repository_is_to_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    git("init", "-q")
    part = Path("services/my reviews")
    part.mkdir(parents=True)
    monkeypatch.chdir(part)
    dvc("init", "-q", "--subdir")
    Path("dvc.yaml").write_text(DAG)
    release("v0.0.1", 1, START)
    commit = git("rev-parse", "HEAD")
    git("rm", "-q", "dvc.lock")
    keeping.fetch("v0.0.1", commit, MERGED.as_posix(), Path("models/again"))
    assert keeping.hash_folder(Path("models/again")) == keeping.hash_folder(MERGED)
