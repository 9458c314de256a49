"""A lock that is not of its commit is noticed, in a clone that has neither cache nor remote."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from reprotune import cli
from reprotune.core import paths
from reprotune.project.staleness import find_stale
from tests.commands import dvc

ROOT = Path(__file__).resolve().parents[2]
DAG = """
stages:
  first:
    cmd: {python} first.py
    deps: [data/source, first.py]
    params: [train.learning_rate]
    outs: [data/made.txt]
  second:
    cmd: {python} second.py
    deps: [data/made.txt, second.py]
    metrics:
      - metrics/second.json:
          cache: false
"""
BELOW = """
stages:
  third:
    cmd: cp ../data/made.txt third.txt
    deps: [../data/made.txt]
    outs: [third.txt]
  fourth:
    cmd: cp third.txt fourth.txt
    deps: [third.txt]
    outs: [fourth.txt]
"""


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A pipeline that was run and committed, with DVC's cache."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("origin")
        patch.chdir(folder)
        make_origin()
        yield folder


def make_origin() -> None:
    run("git", "init", "-q", "-b", "main")
    dvc("init", "-q")
    shutil.copy(ROOT / "profiles/builtin.yaml", "params.yaml")
    Path("dvc.yaml").write_text(DAG.format(python=sys.executable))
    Path("first.py").write_text("open('data/made.txt', 'w').write('made')")
    Path("second.py").write_text("open('metrics/second.json', 'w').write('{}')")
    Path("metrics").mkdir()
    paths.SOURCE_DATA.mkdir(parents=True)
    (paths.SOURCE_DATA / "large.csv").write_text("text")
    dvc("add", "-q", "data/source/large.csv")
    dvc("repro", "-q")
    run("git", "add", "-A")
    run("git", "commit", "-qm", "run")


@pytest.fixture
def clone(origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone of it without the cache."""
    run("git", "clone", "-q", str(origin), str(tmp_path / "clone"))
    monkeypatch.chdir(tmp_path / "clone")
    return tmp_path / "clone"


def test_a_lock_of_this_commit_passes_without_cache(
    clone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.main(["check", "--lock"])
    assert "belongs to these parameters" in capsys.readouterr().out


def test_parameters_that_were_changed_and_not_run_are_named_with_their_stages(clone: Path) -> None:
    text = Path("params.yaml").read_text().replace("learning_rate: 1e-3", "learning_rate: 2e-3")
    Path("params.yaml").write_text(text)
    with pytest.raises(
        SystemExit, match=r"run dvc repro[^$]*first: params\.yaml: train\.learning_rate"
    ):
        cli.main(["check", "--lock"])


def test_a_pipeline_that_ran_by_half_is_named_with_the_stage_that_is_behind(
    origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = shutil.copytree(origin, tmp_path / "half")
    monkeypatch.chdir(half)
    Path("below").mkdir()
    Path("below/dvc.yaml").write_text(BELOW)
    dvc("repro", "-q", "below/dvc.yaml")
    run("git", "add", "-A")
    run("git", "commit", "-qm", "one that goes on from it")
    run("git", "clone", "-q", str(half), str(tmp_path / "whole"))
    monkeypatch.chdir(tmp_path / "whole")
    assert find_stale() == {}
    monkeypatch.chdir(half)
    Path("first.py").write_text("open('data/made.txt', 'w').write('made anew')")
    dvc("repro", "-q", "first")
    run("git", "commit", "-qam", "half of it")
    run("git", "clone", "-q", str(half), str(tmp_path / "fresh"))
    monkeypatch.chdir(tmp_path / "fresh")
    told = ["data/made.txt is not what first made"]
    assert find_stale() == {"second": told, "below/dvc.yaml:third": told}
    with pytest.raises(SystemExit, match=r"second: data/made\.txt is not what first made"):
        cli.main(["check", "--lock"])


def test_figures_that_do_not_follow_do_not_pass(clone: Path) -> None:
    paths.SPLIT_METRICS.write_text("forged")
    paths.ROWS.parent.mkdir()
    paths.ROWS.write_text("id,label,role\n")
    with pytest.raises(SystemExit, match=r"not those of these files:\s+`metrics/split"):
        cli.main(["check", "--lock"])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("code", {"second": ["second.py"]}),
        ("removed code", {"second": ["second.py"]}),
        ("metrics", {"second": ["metrics/second.json is not what the stage made"]}),
        ("removed metrics", {"second": ["metrics/second.json is not in git"]}),
        ("command", {"second": ["its command"]}),
    ],
)
def test_other_changes_are_named_too(
    clone: Path, change: str, expected: dict[str, list[str]]
) -> None:
    match change:
        case "code":
            Path("second.py").write_text("pass")
        case "removed code":
            Path("second.py").unlink()
        case "metrics":
            Path("metrics/second.json").write_text("{ }")
        case "removed metrics":
            Path("metrics/second.json").unlink()
        case "command":
            text = Path("dvc.yaml").read_text().replace(" second.py\n", " -u second.py\n", 1)
            Path("dvc.yaml").write_text(text)
    assert find_stale() == expected
