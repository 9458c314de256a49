"""What a rebuild takes from where: a few stages, DVC's remote, and never what is not committed."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from reprotune import cli
from reprotune.comparison.lineage import Lineage
from reprotune.comparison.revision import read_revision
from reprotune.comparison.statement import Outcome, Statement, tell_rebuild
from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.project.clean_clone import clone
from reprotune.project.rebuild import (
    Rebuilt,
    choose_stages,
    compare_figures,
    compare_outputs,
    tell_left_out,
)
from reprotune.tables import metrics
from tests.commands import dvc
from tests.project.test_staleness import origin, run

__all__ = ["origin"]
SOURCE = paths.SOURCE_DATA / "large.csv"
COPY = "open('{}', 'w').write(open('{}').read())"
FIGURE = "open('metrics/second.json', 'w').write('{{\"made\": \"' + {} + '\"}}')"
CHANCE = "import time; open('data/made.txt', 'w').write(str(time.time_ns()))"
READ = "open('data/made.txt').read()"


@pytest.fixture(scope="module")
def finished(origin: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A pipeline whose second stage reads what the first copies from the source; run and pushed."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("finished")
        patch.chdir(shutil.copytree(origin, folder / "project"))
        Path("first.py").write_text(COPY.format("data/made.txt", SOURCE))
        Path("second.py").write_text(FIGURE.format(READ))
        dvc("remote", "add", "-q", "-d", "store", "../store")
        assert "../../store" in Path(".dvc/config").read_text(), "from the folder that it stands in"
        record("a run")
        dvc("push", "-q")
        yield folder


@pytest.fixture
def project(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def record(message: str) -> None:
    dvc("repro", "-q")
    commit(message)


def commit(message: str) -> None:
    run("git", "add", "-A")
    run("git", "commit", "-qm", message)


def forge(path: Path, text: str) -> None:
    """Put another output into the place of one, with its hash in the lock and the cache."""
    path.unlink()
    path.write_text(text)
    dvc("commit", "-q", "-f", "first")


def read_statement() -> Statement:
    return metrics.read(paths.VERIFIED, Statement)


def test_the_stages_of_a_sample_follow_from_the_commit_and_stand_before_their_makers(
    project: Path,
) -> None:
    lineage = Lineage(read_revision("HEAD"))
    assert choose_stages(lineage, 2, "a commit") == ["second", "first"]
    chosen = {commit: choose_stages(lineage, 1, commit) for commit in map(str, range(20))}
    assert {*map(tuple, chosen.values())} == {("first",), ("second",)}
    assert chosen == {commit: choose_stages(lineage, 1, commit) for commit in chosen}
    with pytest.raises(InputError, match="--sample 3: this commit has 2 stages"):
        choose_stages(lineage, 3, "a commit")


def test_what_is_not_committed_is_said_to_be_left_out(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tell_left_out()
    assert capsys.readouterr().err == ""
    Path("first.py").write_text("another")
    Path("new.py").touch()
    paths.VERIFIED.parent.mkdir(exist_ok=True)
    paths.VERIFIED.write_text("the statement of an earlier rebuild")
    tell_left_out()
    told = "HEAD is rebuilt, without the uncommitted changes of this folder: first.py, new.py\n"
    assert capsys.readouterr().err == f"verify: {told}"


def test_curves_are_left_to_the_predictions_that_they_follow_from(tmp_path: Path) -> None:
    """A point more or less is the last digit of a score; any other table has its rows."""
    sides = [Rebuilt(name, None, tmp_path / name) for name in ("was", "now")]
    for side, rows in zip(sides, ("0.1,0.2\n", "0.1,0.2\n0.3,0.4\n"), strict=True):
        for path in (paths.ROC, paths.ROWS):
            (side.root / path).parent.mkdir(parents=True, exist_ok=True)
            (side.root / path).write_text(f"a,b\n{rows}")
    assert compare_figures(*sides, paths.PLOTS) is None
    assert compare_figures(*sides, paths.ROWS) == Outcome.DRIFTED
    shutil.rmtree(sides[1].root / paths.PLOTS)
    assert compare_figures(*sides, paths.PLOTS) == Outcome.DRIFTED


def test_a_rebuild_without_a_remote_to_pull_from_says_so(project: Path) -> None:
    dvc("remote", "remove", "-q", "store")
    with pytest.raises(SystemExit, match="DVC has no remote; dvc remote add -d NAME URL"):
        cli.main(["verify", "--pull"])
    with pytest.raises(SystemExit, match="--cache rebuilds nothing"):
        cli.main(["verify", "--pull", "--cache"])


def test_a_sample_is_no_more_in_a_report_than_it_is() -> None:
    said = Statement(
        commit="1234567890",
        lock="",
        machine="Linux",
        seconds=3,
        verdict=Outcome.IDENTICAL,
        reason="",
        outputs={"models/tuned": Outcome.IDENTICAL},
        sampled=["train"],
        stages=11,
        pulled=True,
    )
    scope = "1 of 11 stages: train; what was not rebuilt from DVC's remote"
    assert said.scope == scope
    assert said.sentence == (f"1234567, rebuilt in 3 s on Linux ({scope}): bit-identical, 1 output")


@pytest.mark.slow  # each rebuilds a pipeline in a clone
@pytest.mark.parametrize(
    ("stage", "verdict"), [("first", Outcome.DRIFTED), ("second", Outcome.IDENTICAL)]
)
def test_a_forged_output_is_found_where_its_stage_is_in_the_sample(
    project: Path, monkeypatch: pytest.MonkeyPatch, stage: str, verdict: Outcome
) -> None:
    forge(Path("data/made.txt"), "forged")
    dvc("repro", "-q")
    commit("made up")
    monkeypatch.setattr("reprotune.project.rebuild.choose_stages", lambda *_: [stage])
    if verdict == Outcome.DRIFTED:
        with pytest.raises(
            SystemExit, match=r"1 of 2 stages: first\): drifted\. First first: code"
        ):
            cli.main(["verify", "--sample", "1"])
    else:
        cli.main(["verify", "--sample", "1"])
    assert read_statement().verdict == verdict
    commit("a statement")
    told = tell_rebuild(read_revision("HEAD"))
    assert f"1 of 2 stages: {stage}" in told
    assert ("First `first: code" in told) == (verdict == Outcome.DRIFTED)


@pytest.mark.slow  # rebuilds a pipeline in a clone
def test_a_machine_without_a_cache_rebuilds_from_the_remote(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(".dvc/cache")
    with pytest.raises(SystemExit, match="dvc pull fails in a clone"):
        cli.main(["verify"])
    cli.main(["verify", "--pull"])
    assert read_statement().scope == "what was not rebuilt from DVC's remote"
    monkeypatch.setattr("reprotune.project.rebuild.choose_stages", lambda *_: ["second"])
    cli.main(["verify", "--pull", "--sample", "1"])
    assert read_statement().outputs == {"metrics/second.json": Outcome.IDENTICAL}


@pytest.mark.slow  # asks DVC for files in a clone
def test_a_damaged_object_of_the_remote_is_refused(project: Path) -> None:
    for file in Path("../store/files/md5").rglob("*"):
        if file.is_file():
            mode = file.stat().st_mode
            file.chmod(0o644)
            file.write_bytes(file.read_bytes()[:-1] + b" ")
            file.chmod(mode)  # DVC looks at it, and trusts what is protected
    with pytest.raises(SystemExit, match="dvc pull fails in a clone"):
        cli.main(["verify", "--pull"])


@pytest.mark.slow  # rebuilds a pipeline in a clone
def test_another_byte_of_the_data_is_the_reason_of_a_drift(project: Path) -> None:
    SOURCE.write_text("Text")
    dvc("add", "-q", str(SOURCE))
    commit("another byte")
    reason = r"drifted\. First first: its record is not of this commit: data/source\n"
    with pytest.raises(SystemExit, match=reason):
        cli.main(["verify"])


@pytest.mark.slow  # rebuilds a pipeline in a clone
def test_a_package_that_is_not_the_recorded_one_is_the_reason_of_a_drift(project: Path) -> None:
    listed = "params: [train.learning_rate"
    told = Path("dvc.yaml").read_text().replace(listed, f"{listed}, {{pins.yaml: [tables]}}")
    Path("dvc.yaml").write_text(told)
    Path("pins.yaml").write_text('tables:\n  numpy: "0.1"\n')
    Path("first.py").write_text(CHANCE)
    record("made elsewhere")
    Path("pins.yaml").unlink()  # it is the commit that counts
    reason = r"First first: the installed packages are others: numpy [\d.]+ \(pinned 0\.1\)"
    with pytest.raises(SystemExit, match=reason):
        cli.main(["verify"])
    assert json.loads(paths.VERIFIED.read_text())["outputs"]["data/made.txt"] == "drifted"


def test_a_clone_goes_on_from_nothing_that_a_run_left(project: Path, tmp_path: Path) -> None:
    left = [Path(".reprotune/checkpoints/1/sealed.json"), Path("stages/__pycache__/x.pyc")]
    for file in (*left, Path("stages/kept.py")):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
    run("git", "add", "-f", *map(str, left), "stages/kept.py")
    run("git", "commit", "-qm", "left")
    root = clone(tmp_path / "rebuilt" / "clone", False)
    assert (root / "stages/kept.py").is_file()
    assert not any((root / file).exists() for file in left)


def test_stages_from_a_template_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("dvc.yaml").write_text("stages: {one: {matrix: {a: [1]}, cmd: x, outs: [made]}}")
    lock = {"stages": {"one@1": {"cmd": "x", "outs": [{"path": "made", "md5": "1"}]}}}
    Path("dvc.lock").write_text(json.dumps(lock))
    here = Rebuilt("rebuilt", None, tmp_path)
    assert dict(compare_outputs(here, here, [])) == {"made": Outcome.IDENTICAL}
