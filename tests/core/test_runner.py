"""Stages leave whole files, and fail with one message."""

import json
import os
import subprocess
import sys
from pathlib import Path
from socket import gethostname

import pytest

from reprotune.core import paths
from reprotune.core.costs import Latency, list_current, read_costs
from reprotune.core.errors import InputError
from reprotune.core.io import whole_file, whole_folder
from reprotune.core.params import Params
from reprotune.core.runner import main, note_cost
from tests.conftest import PARAMS


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / paths.PARAMS).write_text(PARAMS.read_text("utf-8"), "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["stages/roles.py"])
    return tmp_path


def test_ctrl_c_ends_the_stage_with_one_message(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(params: Params) -> None:
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as ended:
        main(interrupted)
    assert ended.value.code == 130, "128 and the number of the signal"
    assert capsys.readouterr().err == "roles: interrupted\n"


def test_bad_input_ends_the_stage_with_one_message_and_no_cost(repository: Path) -> None:
    def run(params: Params) -> None:
        raise InputError("no such row")

    with pytest.raises(SystemExit) as error:
        main(run)
    assert error.value.code == "roles: no such row"
    assert not paths.RUN.exists()


def test_bad_parameters_end_the_stage_before_it_runs(repository: Path) -> None:
    (repository / paths.PARAMS).write_text("seed: 1\n")
    started = []
    with pytest.raises(SystemExit, match="threads is missing"):
        main(started.append)
    assert started == []


def test_a_run_notes_its_cost_beside_the_others(repository: Path) -> None:
    note_cost("train", 2.0)
    main(lambda params: None)
    costs = json.loads(paths.RUN.read_text())
    assert costs["train"]["seconds"] == 2.0
    assert set(costs) == {"train", "roles"}
    assert costs["roles"]["peak_mib"] > 1


def test_how_long_a_text_takes_is_noted_by_the_stage_that_asked(repository: Path) -> None:
    main(lambda params: Latency(p50=12.5, p95=20.0))
    assert read_costs(paths.RUN)["roles"].milliseconds == Latency(p50=12.5, p95=20.0)
    main(lambda params: None)
    assert "milliseconds" not in paths.RUN.read_text()


def test_a_cost_is_that_of_the_figures_beside_it_and_of_no_other_branch(repository: Path) -> None:
    paths.ROLES_METRICS.parent.mkdir(exist_ok=True)
    paths.ROLES_METRICS.write_text("{}")
    main(lambda params: None)
    assert set(list_current()) == {"roles"}
    paths.ROLES_METRICS.write_text('{"of": "another branch"}')
    assert list_current() == {}


@pytest.mark.parametrize("damaged", ["", "{", "[]", '{"a": 1}', "\xff", "[" * 5000])
def test_a_damaged_note_of_costs_fails_no_stage_and_is_written_anew(
    repository: Path, damaged: str
) -> None:
    paths.RUN.parent.mkdir()
    paths.RUN.write_text(damaged, "latin-1")
    main(lambda params: None)
    assert set(read_costs(paths.RUN)) == {"roles"}


def test_a_cost_that_cannot_be_noted_fails_no_stage(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths.RUN.mkdir(parents=True)
    main(lambda params: None)
    assert "the cost of roles is not noted" in capsys.readouterr().err


def test_two_processes_that_write_one_file_leave_one_of_the_two(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom reprotune.core.io import whole_file\n"
        "for _ in range(50):\n with whole_file(Path('a')) as p: p.write_text(sys.argv[1] * 9999)"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", code, letter], cwd=tmp_path) for letter in "xy"
    ]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert set((tmp_path / "a").read_text()) in ({"x"}, {"y"})


def test_a_file_that_fails_half_way_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "table.csv"
    with whole_file(path) as partial:
        partial.write_text("old")
    with pytest.raises(RuntimeError), whole_file(path) as partial:
        partial.write_text("ne")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_is_there_at_every_moment_while_a_new_one_replaces_it(tmp_path: Path) -> None:
    folder = tmp_path / "merged"
    watch = (
        "import sys\nfrom pathlib import Path\nfile = Path('merged/weights')\nprint(flush=True)\n"
        "while not Path('stop').exists():\n file.read_text()"
    )
    with whole_folder(folder) as partial:
        (partial / "weights").write_text("0")
    with subprocess.Popen(
        [sys.executable, "-c", watch], cwd=tmp_path, stdout=subprocess.PIPE
    ) as watcher:
        assert watcher.stdout and watcher.stdout.readline()
        for number in range(20):
            with whole_folder(folder) as partial:
                (partial / "weights").write_text(str(number))
        (tmp_path / "stop").touch()
    assert watcher.returncode == 0, "it was not there"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["merged", "stop"]


def test_a_folder_that_fails_half_way_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "merged"
    with whole_folder(folder) as partial:
        (partial / "weights").write_text("old")
    with pytest.raises(RuntimeError), whole_folder(folder) as partial:
        (partial / "weights").write_text("ne")
        raise RuntimeError
    assert (folder / "weights").read_text() == "old"
    assert list(tmp_path.iterdir()) == [folder]


def test_two_that_write_one_folder_at_once_leave_one_of_both_whole(tmp_path: Path) -> None:
    write = (
        "import sys\nfrom pathlib import Path\nfrom reprotune.core.io import whole_folder\n"
        "with whole_folder(Path('merged')) as partial:\n (partial / 'one').write_text('other')\n"
        " print(flush=True)\n sys.stdin.readline()\n (partial / 'two').write_text('other')"
    )
    with subprocess.Popen(
        [sys.executable, "-c", write], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout and other.stdin and other.stdout.readline()
        with whole_folder(tmp_path / "merged") as partial:
            (partial / "one").write_text("mine")
        other.communicate(b"\n")
    assert other.returncode == 0
    assert {file.name: file.read_text() for file in (tmp_path / "merged").iterdir()} == {
        "one": "other", "two": "other"
    }  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["merged"]


def test_what_a_killed_process_left_half_written_goes_with_the_next_write(tmp_path: Path) -> None:
    die = (
        "import os\nfrom pathlib import Path\nfrom reprotune.core.io import *\n"
        "with whole_file(Path('[a].csv')) as file, whole_folder(Path('merged')) as folder:\n"
        " file.touch(), (folder / 'weights').touch(), os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", die], cwd=tmp_path, check=False)
    left = sorted(path.name for path in tmp_path.iterdir())
    assert len(left) == 2
    own = f".[a].csv.{gethostname()}"
    other = left[0].replace(own, f"{own}x")
    kept = [f"{own}.{os.getppid()}.partial", f"{own}.{10**12}.partial", other]
    for name in kept:  # of a living one, of nobody, of another machine
        (tmp_path / name).touch()
    with whole_file(tmp_path / "[a].csv") as file, whole_folder(tmp_path / "merged"):
        file.touch()
    assert {path.name for path in tmp_path.iterdir()} == {"[a].csv", "merged", *kept}


def test_a_folder_behind_a_link_is_replaced_there_and_a_file_is_left(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    link, file = tmp_path / "folder", tmp_path / "file"
    link.symlink_to("disk")
    for text in ("one", "two"):
        with whole_folder(link) as partial:
            (partial / "model").write_text(text)
    assert (tmp_path / "disk/model").read_text() == "two"
    assert link.is_symlink()
    file.write_text("kept")
    with pytest.raises(InputError, match="a file, where a folder"), whole_folder(file):
        pass
    assert file.read_text() == "kept"
    assert {one.name for one in tmp_path.iterdir()} == {"disk", "folder", "file"}
