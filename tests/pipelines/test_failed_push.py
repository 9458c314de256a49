"""A retraining whose push fails says so, and the next one goes on from there."""

from pathlib import Path

import pytest

from tests.pipelines.test_retrain import STAGE_FILE, branches, finished, project, put, retrain, run

__all__ = ["finished", "project"]
pytestmark = pytest.mark.slow  # two retrainings
DAG = """
stages:
  evaluate:
    cmd: python -m stages.evaluate
    deps: [data/source]
    outs: [model.txt]
    plots:
      - metrics: {cache: false}
      - reports/predictions: {cache: false}
      - reports/plots: {cache: false}
      - reports/rows.csv: {cache: false}
      - reports/slices.csv: {cache: false}
      - reports/errors.csv: {cache: false}
artifacts:
  classifier: {path: model.txt, type: model}
"""


def test_the_retry_after_a_push_that_failed_runs_no_stage_again(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    ran = tmp_path_factory.mktemp("ran") / "ran"
    STAGE_FILE.write_text(f"open({str(ran)!r}, 'a').write('ran\\n')\n{STAGE_FILE.read_text()}")
    Path("dvc.yaml").write_text(DAG)
    run("git", "commit", "-qam", "a stage that counts its runs")
    put("0.87")
    Path("store").touch()  # in the place of the folder that it should be
    failed = retrain()
    assert failed.returncode == 1 and "dvc push failed" in failed.stdout + failed.stderr
    assert branches() == [] and ran.read_text() == "ran\n"
    Path("store").unlink()
    done = retrain()
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(branches()) == 1 and ran.read_text() == "ran\n"
    assert any(Path("store").rglob("*"))
