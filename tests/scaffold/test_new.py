"""A project of one's own has all that a run needs and nothing of ours, from a wheel too."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from socket import gethostname

import pytest
from ruamel.yaml import YAML

from reprotune import cli
from reprotune.comparison.proof import is_own_code
from reprotune.comparison.revision import read_revision
from reprotune.comparison.tree import hash_workspace
from reprotune.core import dvc, rooms
from reprotune.project import checks, pins
from reprotune.scaffold import files
from reprotune.scaffold.listing import PACKED
from tests.production.made import git
from tests.projects import change, copy_checkout
from tests.test_documents import BLOCK

ROOT = Path(__file__).resolve().parents[2]
PARSER = YAML(typ="safe", pure=True)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    cli.main(["new", str(tmp_path / "mine")])
    monkeypatch.chdir(tmp_path / "mine")
    return tmp_path / "mine"


def test_a_new_project_is_committed_and_in_order(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = subprocess.run(
        ["git", "status", "--porcelain"], cwd=project, capture_output=True, text=True, check=True
    )
    assert said.stdout == ""
    cli.main(["check"])
    assert "the packages are the pinned ones" in capsys.readouterr().out
    assert (project / ".github/report.sh").stat().st_mode & 0o100
    for absent in ("tests", "benchmarks", "docs", "metrics", "reports", "reprotune", "dvc.lock"):
        assert not (project / absent).exists()
    for name in (".gitignore", ".dvcignore", ".gitattributes"):
        text = (project / name).read_text("utf-8")
        assert not any(ours in text for ours in (".ci/", "import_linter", "egg-info", "/tests/"))
    make = subprocess.run(
        ["make", "--no-print-directory", "help"],
        cwd=project,
        capture_output=True,
        text=True,
        check=True,
    )
    assert [line.split()[1] for line in make.stdout.splitlines()] == ["help", "install", "repro"]


def test_another_wheel_of_the_same_version_is_installed(project: Path) -> None:
    """As a colleague's upgrade brings one, whose lock is the same."""
    installed, wheel = Path(".venv/.installed"), Path("wheels/reprotune.whl")
    for file in (installed, wheel):
        file.parent.mkdir()
        file.touch()
    for seconds, is_old in ((-9, False), (9, True)):
        os.utime(wheel, times=(installed.stat().st_mtime + seconds,) * 2)
        os.utime("Makefile", times=(0, 0))
        os.utime("requirements.lock", times=(0, 0))
        assert subprocess.run(["make", "-q", "install"], check=False).returncode == is_old


def test_its_stages_pin_the_rooms_whose_folders_ours_list(project: Path) -> None:
    ours, theirs = (PARSER.load((root / "dvc.yaml").read_text("utf-8")) for root in (ROOT, project))
    assert theirs["stages"].keys() == ours["stages"].keys()
    for name, entry in theirs["stages"].items():
        mine = ours["stages"][name]
        folders = {dep for dep in mine["deps"] if dep.startswith("reprotune/")}
        (pinned,) = (item["pins.yaml"] for item in entry["params"] if isinstance(item, dict))
        assert {one.replace(".", "/") for one in pinned if "." in one} == folders
        assert [dep for dep in mine["deps"] if dep not in folders] == entry["deps"]
    known = PARSER.load((project / "pins.yaml").read_text("utf-8"))
    assert known["reprotune"]["data"] == rooms.hash_room("data")
    assert dvc.fingerprint("split", project)


def test_a_library_of_other_code_is_taken_by_nothing(project: Path) -> None:
    text = Path("pins.yaml").read_text("utf-8")
    known = rooms.hash_room("tables")
    Path("pins.yaml").write_text(text.replace(known, "0" * 16), "utf-8")
    with pytest.raises(SystemExit, match=r"other code than pins.yaml says, in tables; `reprotune"):
        cli.main(["check"])
    assert checks.check_packages().as_json()["packages"] == [
        f"reprotune.tables {known} (pinned {'0' * 16})"
    ]
    done = subprocess.run(
        [sys.executable, "-m", "stages.roles"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and "reprotune upgrade" in done.stderr
    assert not is_own_code(read_revision("workspace"))
    Path("pins.yaml").write_text(pins.render(Path("requirements.lock").read_text(), ["text"]))
    assert not is_own_code(read_revision("workspace")), "rooms of figures are not pinned"


def test_figures_of_the_same_code_are_recomputed(project: Path) -> None:
    assert is_own_code(read_revision("workspace"))
    assert is_own_code(read_revision("HEAD"))


def test_a_project_whose_writing_was_killed_is_gone_on_from_until_it_is_committed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.main(["new", str(tmp_path / "mine")])
    made = git("-C", str(tmp_path / "mine"), "ls-files")
    with pytest.raises(SystemExit, match="there is something in it"):
        cli.main(["new", str(tmp_path / "mine")])
    shutil.rmtree(tmp_path / "mine/.git")
    for file in map((tmp_path / "mine").joinpath, (".template.zip", "stages/train.py")):
        file.rename(file.with_name(f".{file.name}.{gethostname()}.999999999.partial"))
    (tmp_path / "mine/stages/.train.py.elsewhere.7.partial").write_text("of another machine")
    (tmp_path / "mine/README.md").rename(tmp_path / "README.md")
    (tmp_path / "mine/README.md").write_text("another's")
    with pytest.raises(SystemExit, match="there is something in it"):
        cli.main(["new", str(tmp_path / "mine")])
    (tmp_path / "README.md").rename(tmp_path / "mine/README.md")
    cli.main(["new", str(tmp_path / "mine")])
    assert "Nothing was committed" not in capsys.readouterr().out
    assert git("-C", str(tmp_path / "mine"), "ls-files") == made
    assert git("-C", str(tmp_path / "mine"), "status", "--porcelain") == ""


def test_a_folder_with_something_in_it_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(SystemExit, match="there is something in it"):
        cli.main(["new", str(tmp_path)])
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]


def test_what_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path))  # a folder
    with pytest.raises(SystemExit, match="git init"):
        cli.main(["new", str(tmp_path / "mine")])
    (tmp_path / "empty").mkdir()
    with pytest.raises(SystemExit, match="git init"):
        cli.main(["new", str(tmp_path / "empty")])
    assert [*tmp_path.rglob("*")] == [tmp_path / "empty"]


def test_a_project_in_a_larger_repository_becomes_a_whole_part_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".gitignore").write_text("*.csv\n*.zip\ndata/\nmodels/\nreports/\nwheels/\nignored/\n")
    git("init", "-q", "-b", "trunk")
    cli.main(["new", "services/my reviews"])
    said = capsys.readouterr().out
    assert "cd 'services/my reviews' && make repro" in said
    assert f"it is a part of the repository {tmp_path}" in said
    project = Path("services/my reviews")
    written = {path.as_posix() for path in project.rglob("*") if path.is_file()}
    assert {*git("ls-files").splitlines()} == written and not (project / ".git").exists()
    monkeypatch.chdir(project)
    for place in (
        ".DS_Store",
        "reports/sweeps/a.csv",
        "data/source/.DS_Store",
        "data/source/own.csv",
    ):
        Path(place).parent.mkdir(parents=True, exist_ok=True)
        Path(place).write_text("")
    assert {path for path, _ in hash_workspace([])} == {
        *(path.relative_to(project).as_posix() for path in map(Path, written)),
    }
    monkeypatch.chdir(tmp_path)
    made = ("reports/rows.csv", "metrics/own_x.json", "dvc.lock", "wheels/a.whl", "data/shadow.csv")
    for place in made:
        assert git("ls-files", "--others", "--exclude-standard", str(project)) == ""
        (project / place).parent.mkdir(exist_ok=True)
        (project / place).write_text("")
        assert git("status", "--porcelain", "--", f"{project}/{place}"), place
        (project / place).unlink()
    cli.main(["new", "ignored/mine"])
    assert git("-C", "ignored/mine", "log", "--format=%s").startswith("A project by reprotune")


def test_a_clone_of_an_empty_repository_becomes_a_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    git("init", "-q", "--bare", "empty.git")
    git("clone", "-q", "empty.git", "mine")
    cli.main(["new", "mine"])
    assert git("-C", "mine", "status", "--porcelain") == ""
    assert git("-C", "mine", "remote") == "origin"


def test_a_commit_that_a_hook_refuses_is_left_to_a_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("hooks").mkdir()
    Path("hooks/commit-msg").write_text("#!/bin/sh\necho it names no issue\nexit 1\n")
    Path("hooks/commit-msg").chmod(0o755)
    Path("config").write_text(f"[core]\nhooksPath = {tmp_path}/hooks\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    cli.main(["new", "mine"])
    assert (
        "Nothing was committed, but all is added to the next git commit: git commit: it names "
        in (capsys.readouterr().out)
    )
    assert git("-C", "mine", "ls-files", "dvc.yaml") == "dvc.yaml"


def test_a_clone_has_the_same_bytes_whatever_git_does_to_the_ends_of_lines(project: Path) -> None:
    listed = git("ls-files", "--eol")
    kinds = {line.split("attr/")[1].split("\t")[0].strip() for line in listed.splitlines()}
    assert kinds == {"-text", "text=auto eol=lf"}


def test_the_base_is_the_same_for_the_same_files_and_short(project: Path) -> None:
    version, base = files.unpack()
    made = files.render()
    assert base == {place: files.shorten(content) for place, content in made.items()}
    assert files.pack(made) == (project / files.BASE).read_bytes()
    assert base["models/source/builtin/model.safetensors"].startswith(b"sha256:")
    assert version in files.name_library()


PRELUDE = """
pip() {
  if [ "$2" = --upgrade ]; then
    echo "# newer" >> "$INSTALLED/reprotune/tables/cells.py"
    sed -i 's/threads: 2 /threads: 4 /' "$INSTALLED/reprotune/$PACKED/profiles/builtin.yaml"
    sed -i '1s/Decide/Newer/' "$INSTALLED/reprotune/$PACKED/stages/roles.py"
  else
    python -m zipfile -e "$WHEEL" "$INSTALLED"
  fi
}
reprotune() { python -m reprotune "$@"; }
make() { reprotune check; date +%N > metrics.txt; }
source() { test "$1" = .venv/bin/activate; }
"""


@pytest.mark.slow  # builds a wheel
def test_a_wheel_is_enough_for_all_that_the_document_says(tmp_path: Path) -> None:
    checkout, project = tmp_path / "checkout", tmp_path / "reviews"
    copy_checkout(checkout, "tests", "docs")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation",
         "-w", str(tmp_path), str(checkout)],
        check=True,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert {name.partition("/")[0].partition("-")[0] for name in archive.namelist()} == {
            "reprotune"
        }
    installed = tmp_path / "installed"
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(installed), "INSTALLED": str(installed), "WHEEL": str(wheel),
        "PACKED": str(PACKED),
    }  # fmt: skip

    def run(block: str, folder: Path) -> None:
        done = subprocess.run(
            ["bash", "-e", "-c", PRELUDE + block],
            cwd=folder, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{block}\n{done.stdout[-2000:]}{done.stderr}"

    found = BLOCK.findall((ROOT / "docs/own-project.md").read_text("utf-8"))
    first, newer = (block for kind, block in found if kind == "bash")
    (stage,) = (block for kind, block in found if kind == "yaml")
    run(first, tmp_path)
    _, base = files.unpack(project)
    made = files.render()
    assert base.keys() == made.keys()
    assert base == {place: files.shorten(content) for place, content in made.items()}
    (project / "stages/own_lengths.py").write_text("mine")
    change(project / "dvc.yaml", {"stages:\n": f"stages:\n{stage}\n"})
    change(project / "params.yaml", {"learning_rate: 1e-3": "learning_rate: 2e-3  # mine"})
    run("git add -A && git commit -qm mine", project)
    run(newer, project)
    assert (project / "stages/own_lengths.py").read_text() == "mine"
    assert stage in (project / "dvc.yaml").read_text("utf-8")
    assert (project / "stages/roles.py").read_text().startswith('"""Newer')
    params = (project / "params.yaml").read_text("utf-8")
    assert "threads: 4 " in params and "learning_rate: 2e-3  # mine" in params
    run('test -z "$(git status --porcelain)"', project)
