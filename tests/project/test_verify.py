"""What is kept is what was noted, and what is committed can be made again."""

import json
import random
import shutil
import subprocess
from pathlib import Path

import pytest
from dvc.config import Config

from reprotune import cli
from reprotune.comparison.revision import read_revision
from reprotune.comparison.statement import Outcome, Statement, tell_rebuild
from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.seals import hash_file
from reprotune.models.manifest import Manifest, PinnedFile
from reprotune.project import clean_clone
from reprotune.project.integrity import check_bytes, list_kept, read_folder
from reprotune.tables import metrics
from tests.commands import dvc
from tests.project.test_staleness import ROOT, origin, run

__all__ = ["origin"]


@pytest.fixture
def project(origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pipeline that was run and committed, with its cache and a pinned base model."""
    monkeypatch.chdir(shutil.copytree(origin, tmp_path / "project"))
    shutil.copy(ROOT / "pins.yaml", "pins.yaml")
    weights = Path("models/source/tiny/model.safetensors")
    weights.parent.mkdir(parents=True)
    weights.write_bytes(bytes(1000))
    pinned = PinnedFile(name=weights.name, bytes=1000, sha256=hash_file(weights))
    manifest = Manifest(
        kind="path",
        location=weights.parent.as_posix(),
        revision=None,
        architecture="LlamaForCausalLM",
        parameters=250,
        files=[pinned],
    )
    manifest.write(paths.BASE)
    return tmp_path / "project"


def flip(file: Path, draw: random.Random) -> bytes:
    """Change one bit; the bytes before."""
    before = file.read_bytes()
    place = draw.randrange(len(before))
    file.chmod(0o644)  # DVC protects its objects
    changed = bytearray(before)
    changed[place] ^= 1 << draw.randrange(8)
    file.write_bytes(changed)
    return before


def test_one_flipped_bit_is_found_wherever_it_is(project: Path) -> None:
    assert check_bytes().ok
    draw = random.Random(1)
    files = [kept.path for _, found in list_kept() for kept in found]
    assert {"models/source/tiny", "data"} <= {
        str(Path(file).resolve().parent.relative_to(project)) for file in files
    }, "copies and base"
    assert sum(".dvc" in file.parts for file in map(Path.absolute, files)) == 2, "objects"
    for file in draw.choices(files, k=100):
        before = flip(file, draw)
        found = check_bytes()
        assert list(found.wrong["damaged"]) == [str(file)]
        file.write_bytes(before)


def test_what_is_not_here_is_counted(project: Path) -> None:
    Path("data/made.txt").unlink()
    shutil.rmtree(".dvc/cache")
    told = check_bytes().sentence
    assert told.startswith("2 files were read") and told.endswith("not here: data/made.txt")


def test_a_damaged_list_of_a_folder_says_nothing_of_the_files_of_the_folder(project: Path) -> None:
    for name in ("one", "two"):
        file = Path("data/folder", name)
        file.parent.mkdir(exist_ok=True)
        file.write_text(name)
    dvc("add", "-q", "data/folder")
    (listed,) = Path(".dvc/cache/files/md5").rglob("*.dir")
    listed.chmod(0o644)
    other = "0" if (first := json.loads(listed.read_text())[0]["md5"])[0] != "0" else "1"
    listed.write_text(listed.read_text().replace(first, other + first[1:]))
    assert list(check_bytes().wrong["damaged"]) == [str(listed.absolute())]


@pytest.mark.parametrize("raw", [b"", b"[", b"[" * 5000, b"[1]", b'[{"md5": 1}]', b"\xff", b"{}"])
def test_a_list_of_a_folder_that_is_none_lists_nothing(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "x.dir").write_bytes(raw)
    assert read_folder(tmp_path / "x.dir") == {}


def test_a_damaged_file_is_named_with_what_mends_it(project: Path) -> None:
    flip(Path("data/made.txt"), random.Random(1))
    with pytest.raises(SystemExit, match=r"data/made\.txt: remove it, then dvc checkout data/made"):
        cli.main(["verify", "--cache"])


def test_where_nothing_is_kept_nothing_is_said_to_be_whole(
    origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("git", "clone", "-q", str(origin), str(tmp_path / "clone"))
    monkeypatch.chdir(tmp_path / "clone")
    with pytest.raises(InputError, match=r"nothing was read: dvc.lock names 2 outputs"):
        check_bytes()


def commit(message: str) -> None:
    run("git", "add", "-A")
    run("git", "commit", "-qm", message)


@pytest.mark.slow  # a clone and six commands of DVC
def test_what_is_committed_is_made_again_bit_for_bit(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("data/made.txt").write_text("a change that was not committed")
    cli.main(["verify"])
    assert "bit-identical, 2 outputs" in capsys.readouterr().out
    assert Path("data/made.txt").read_text() == "a change that was not committed"
    commit("a statement")
    assert "rebuilt in a clone" in tell_rebuild(read_revision("HEAD"))
    Path("dvc.lock").write_text(Path("dvc.lock").read_text() + "\n# another run\n")
    commit("another run")
    assert tell_rebuild(read_revision("HEAD")) == ""


@pytest.mark.slow  # each rebuilds a pipeline
@pytest.mark.parametrize(
    ("change", "verdict", "reason"),
    [
        ("seed", Outcome.DRIFTED, r"first: its record is not of this commit: .*learning_rate"),
        ("code", Outcome.DRIFTED, r"second: its record is not of this commit: second\.py"),
        ("last digit", Outcome.SAME, r"second: its record is not of this commit: second\.py"),
        ("chance", Outcome.DRIFTED, r"first: code, data, parameters and packages are those"),
    ],
)
def test_what_drifts_is_named_with_the_first_stage_and_why(
    project: Path, change: str, verdict: Outcome, reason: str
) -> None:
    write = "open('{}', 'w').write({})".format
    match change:
        case "seed":
            rate = "open('params.yaml').read().split('learning_rate: ')[-1][0]"  # 1 of 1e-3
            Path("first.py").write_text(write("data/made.txt", rate))
            figure = "'{\"a\": ' + open('data/made.txt').read() + '}'"
            Path("second.py").write_text(write("metrics/second.json", figure))
            dvc("repro", "-q")
            text = Path("params.yaml").read_text().replace("rate: 1e-3", "rate: 2e-3")
            Path("params.yaml").write_text(text)
        case "code":
            Path("second.py").write_text(write("metrics/second.json", repr('{"accuracy": 0.9}')))
        case "last digit":
            Path("second.py").write_text(write("metrics/second.json", repr('{"a": 0.912345}')))
            dvc("repro", "-q")
            Path("second.py").write_text(write("metrics/second.json", repr('{"a": 0.912346}')))
        case "chance":
            Path("first.py").write_text(
                "import time; " + write("data/made.txt", "str(time.time_ns())")
            )
            Path("second.py").write_text(
                write("metrics/second.json", "'{\"a\": ' + open('data/made.txt').read() + '}'")
            )
            dvc("repro", "-q")
    commit(change)
    if verdict == Outcome.DRIFTED:
        with pytest.raises(SystemExit, match=reason):
            cli.main(["verify"])
    else:
        cli.main(["verify"])
    said = metrics.read(paths.VERIFIED, Statement)
    assert said.verdict == verdict
    assert json.loads(paths.VERIFIED.read_text())["machine"]


def test_a_cache_whose_path_is_not_ascii_is_there_for_a_clone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, clone = tmp_path / "ü/.dvc/cache", tmp_path / "clone"
    cache.mkdir(parents=True)
    (clone / ".dvc").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "ü")
    subprocess.run(["git", "init", "-q"], check=True)
    clean_clone.share(clone, tmp_path / "cache", from_remote=False)
    (remote,) = Config(str(clone / ".dvc"))["remote"].values()
    assert Path(remote["url"]).resolve() == cache
