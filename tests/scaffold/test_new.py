"""A project of one's own has all that a run needs and nothing of ours, from a wheel too."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from reprotune import cli
from reprotune.comparison.proof import is_own_code
from reprotune.comparison.revision import read_revision
from reprotune.core import dvc, rooms
from reprotune.project import checks, pins
from reprotune.scaffold import files
from reprotune.scaffold.listing import PACKED
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


def test_a_folder_with_something_in_it_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(SystemExit, match="there is something in it"):
        cli.main(["new", str(tmp_path)])
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]


def test_what_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_TEMPLATE_DIR", "/dev/null/none")
    monkeypatch.setenv("GIT_DIR", "/dev/null/none")
    with pytest.raises(SystemExit, match="git init"):
        cli.main(["new", str(tmp_path / "mine")])
    (tmp_path / "empty").mkdir()
    with pytest.raises(SystemExit, match="git init"):
        cli.main(["new", str(tmp_path / "empty")])
    assert [*tmp_path.rglob("*")] == [tmp_path / "empty"]


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
