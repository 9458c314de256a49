"""DVC restores what was run before, so nothing dear is computed twice."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from dvc.repo import Repo
from ruamel.yaml import YAML

from reprotune.core.dvc import entries, read_yaml
from tests.commands import dvc
from tests.projects import ROOT

KINDS = ("outs", "metrics", "plots")
YAML_12 = YAML(typ="safe", pure=True)
PRINT = "echo {name} >> ran; "
WRITE = "mkdir -p {folder}; grep -h rate params.yaml > {file}; "


def test_every_stage_stores_its_runs() -> None:
    """By the conditions of DVC, in ``StageCache`` and ``Stage.run``."""
    with Repo(str(ROOT)) as repo:
        storing = {
            stage.name
            for stage in repo.index.stages
            if stage.cmd and stage.deps and not any(out.persist for out in stage.outs)
            if all(out.use_cache or out.is_metric or out.is_plot for out in stage.outs)
        }
    assert storing == set(read_yaml(ROOT / "dvc.yaml")["stages"])


def shrink(name: str, stage: dict[str, Any], folders: set[str]) -> dict[str, Any]:
    """A stage that writes the same outputs from the parameters alone, in a moment."""
    kinds = {kind: stage[kind] for kind in KINDS if kind in stage}
    command = PRINT.format(name=name)
    for path in entries(stage, *kinds):
        file = f"{path}/file.csv" if path in folders else path
        command += WRITE.format(folder=Path(file).parent, file=file)
    return {"cmd": command, "deps": ["fixed"], "params": ["rate"], **kinds}


@pytest.mark.slow  # DVC runs every stage three times
def test_parameters_that_were_run_before_bring_back_every_byte_and_run_no_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "-q"], check=True)
    dvc("init", "-q")
    whole = read_yaml(ROOT / "dvc.yaml")["stages"]
    outputs = {path for stage in whole.values() for path in entries(stage, *KINDS)}
    folders = {path for path in outputs if not Path(path).suffix}
    stages = {name: shrink(name, whole[name], folders) for name in whole}
    with Path("dvc.yaml").open("w") as file:
        YAML_12.dump({"stages": stages}, file)
    Path("fixed").touch()
    written = [path for stage in stages.values() for path in entries(stage, *KINDS)]

    def run(rate: int) -> tuple[int, dict[Path, bytes]]:
        Path("params.yaml").write_text(f"rate: {rate}\n")
        dvc("repro", "-q")
        files = [file for path in written for file in (Path(path), *Path(path).rglob("*"))]
        ran = len(Path("ran").read_text().splitlines())
        return ran, {file: file.read_bytes() for file in files if file.is_file()}

    (first, before), (second, between), (third, after) = run(1), run(2), run(1)
    assert (first, second, third) == (len(stages), 2 * len(stages), 2 * len(stages))
    assert after == before and after.keys() == between.keys() and after != between
