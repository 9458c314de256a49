"""A disk that is full: one message, with the path and the room, and nothing is lost."""

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from reprotune.core import printing, restoring
from reprotune.core.errors import InputError
from reprotune.core.io import whole_file, whole_folder
from reprotune.core.space import is_full, require_space, show
from tests.projects import ROOT

FULL = Path("/dev/full")
ON_SMALL_DISK = """
mount -t tmpfs -o size=256k tmpfs small && cd small && exec "$0" -c "$1"
"""
WRITE = """
from pathlib import Path
from reprotune.core.errors import InputError
from reprotune.core.io import whole_file, whole_folder
for keep, name in ((whole_file, "file"), (whole_folder, "folder")):
    path = Path(name)
    for size in (9_000, 900_000):
        try:
            with keep(path) as partial:
                (partial / "weights" if keep is whole_folder else partial).write_bytes(bytes(size))
        except InputError as error:
            print(error)
print(sorted(str(p) for p in Path().rglob("*")), Path("file").stat().st_size)
"""
HASHES = {"one": "f97c5d29941bfb1b2fdab0874906ab82", "two": "b8a9f715dbb64fd5c56e7783c6820a61"}
LOCK = """
stages:
  audit:
    outs:
      - {{path: data/findings, md5: {one}}}
      - {{path: metrics/audit.json, md5: {two}}}
      - {{path: data/folder, md5: {folder}.dir}}
"""
LISTED = [{"relpath": "sub/one", "md5": HASHES["one"]}, {"relpath": "two", "md5": HASHES["two"]}]


@pytest.mark.parametrize("keep", [whole_file, whole_folder])
def test_what_may_not_be_written_is_called_as_people_call_it(
    tmp_path: Path, keep: Callable[[Path], AbstractContextManager[Path]]
) -> None:
    with pytest.raises(PermissionError) as told, keep(tmp_path / "report") as partial:
        raise PermissionError(errno.EACCES, "Permission denied", partial)
    assert told.value.filename == str(tmp_path / "report")


def test_a_full_disk_is_one_message_and_leaves_the_old_file_and_folder(tmp_path: Path) -> None:
    (tmp_path / "small").mkdir()
    known = os.environ | {"PYTHONPATH": str(ROOT)}
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", ON_SMALL_DISK]
    done = subprocess.run(
        [*command, sys.executable, WRITE],
        cwd=tmp_path, env=known, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"no disk of its own here: {done.stderr}")
    file, folder, left = done.stdout.splitlines()
    end = " KiB that were free; make room, then run this again"
    assert file.startswith("file: the disk is full: needs more than the 24") and file.endswith(end)
    assert folder.startswith("folder: the disk is full: needs more than the 2") and folder.endswith(
        end
    )
    assert left == "['file', 'folder', 'folder/weights'] 9000"


def test_an_error_that_wraps_that_of_a_full_disk_is_known() -> None:
    def write() -> None:
        try:
            FULL.write_text("x")
        except OSError:
            raise RuntimeError("cannot serialize")  # noqa: B904

    with pytest.raises(RuntimeError) as failed:
        write()
    assert is_full(failed.value)
    assert not is_full(RuntimeError("another"))
    first, second = RuntimeError("first"), RuntimeError("second")
    first.__cause__, second.__cause__ = second, first
    assert not is_full(first), "a chain that leads back to itself"


def test_what_does_not_fit_is_refused_before_it_is_computed(tmp_path: Path) -> None:
    require_space(tmp_path / "not/yet/there", 1)
    with pytest.raises(
        InputError, match=r"there: needs 1024 GiB, and [\d.]+ \w+ are free; make room"
    ):
        require_space(tmp_path / "there", 1 << 40)
    assert [show(size) for size in (0, 1 << 10, 5 << 20)] == ["0 bytes", "1 KiB", "5 MiB"]
    assert [show(size) for size in ((1 << 31) - (1 << 27), 3 << 40)] == ["1.9 GiB", "3072 GiB"]


@pytest.mark.parametrize(("folder", "file"), [(0o755, 0o644), (0o750, 0o640), (0o700, 0o600)])
def test_a_file_can_be_read_by_whom_its_folder_can(tmp_path: Path, folder: int, file: int) -> None:
    with whole_folder(tmp_path / "model") as partial:
        partial.chmod(folder)
        (partial / "weights").touch(0o600)  # as safetensors does
    assert (tmp_path / "model/weights").stat().st_mode & 0o777 == file


@pytest.mark.parametrize("keep", [whole_file, whole_folder])
def test_other_errors_stay_what_they_are(tmp_path: Path, keep: type) -> None:
    with pytest.raises(ZeroDivisionError), keep(tmp_path / "x"):
        raise ZeroDivisionError


def test_a_command_whose_output_goes_to_a_full_disk_says_so_and_no_more() -> None:
    code = "from reprotune import cli; cli.main(['--version'])"
    with FULL.open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", code], stdout=full, stderr=subprocess.PIPE, text=True,
            check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("reprotune: ") and done.stderr.count("\n") == 1
    assert "the disk is full" in done.stderr


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with DVC and, in its cache, what a stage left when it last ended well."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc/config").write_text("[core]\n    no_scm = true\n")
    folder = json.dumps(LISTED)
    name = "0" * 32
    objects = {HASHES["one"]: "one", HASHES["two"]: "two", f"{name}.dir": folder}
    for md5, text in objects.items():
        place = tmp_path / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
        place.parent.mkdir(parents=True)
        place.write_text(text)
    (tmp_path / "dvc.lock").write_text(LOCK.format(**HASHES, folder=name))
    return tmp_path


def read_all(folder: Path) -> dict[str, str]:
    files = [file for file in folder.rglob("*") if file.is_file()]
    return {file.relative_to(folder).as_posix(): file.read_text() for file in files}


def test_a_stage_that_fails_leaves_what_it_left_when_it_last_ended_well(project: Path) -> None:
    with whole_file(project / "metrics/audit.json") as partial:
        partial.write_text("of the run that failed")
    restoring.restore("audit", began=0.0)
    assert read_all(project / "data") == {"findings": "one", "folder/sub/one": "one",
                                          "folder/two": "two"}  # fmt: skip
    assert read_all(project / "metrics") == {"audit.json": "two"}


def test_what_the_cache_has_not_or_has_damaged_is_named_and_the_rest_put_back(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = (project / ".dvc/cache/files/md5" / md5[:2] / md5[2:] for md5 in HASHES.values())
    one.unlink()
    two.write_text("damaged")
    restoring.restore("audit", began=0.0)
    said = capsys.readouterr().err.splitlines()
    assert [line.partition(":")[0] for line in said] == [
        "data/findings", "metrics/audit.json", "data/folder",
    ]  # fmt: skip
    assert "dvc checkout data/findings brings it" in said[0]
    assert "is damaged" in said[1] and "git checkout HEAD -- metrics/audit.json" in said[1]
    assert not list(project.rglob("*.partial"))


@pytest.mark.parametrize("lock", ["", "{", "stages: []", "stages: {audit: {outs: [1]}}"])
def test_a_damaged_lock_gives_nothing_back_and_no_traceback(project: Path, lock: str) -> None:
    (project / "dvc.lock").write_text(lock)
    restoring.restore("audit", began=0.0)
    assert not (project / "data").exists()


def test_what_a_stage_had_not_touched_stays(project: Path) -> None:
    for name in ("data/findings", "metrics/audit.json", "data/folder/x"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text("kept")
    restoring.restore("audit", began=2e10)
    assert read_all(project / "data") == {"findings": "kept", "folder/x": "kept"}


def test_bad_input_keeps_its_own_message() -> None:
    with pytest.raises(SystemExit, match=r"^audit: no such column$"):
        printing.end("audit", InputError("no such column"))
    with pytest.raises(ZeroDivisionError):
        printing.end("audit", ZeroDivisionError())


def test_a_path_that_may_not_be_written_is_one_message() -> None:
    error = OSError(errno.EROFS, "Read-only file system", ".reprotune")
    with pytest.raises(SystemExit) as ended:
        printing.end("reprotune", error)
    assert str(ended.value).startswith("reprotune: .reprotune: read-only file system; see who")
    with pytest.raises(FileNotFoundError):
        printing.end("reprotune", FileNotFoundError(errno.ENOENT, "No such file", "x"))
