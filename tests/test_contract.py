"""``dvc.yaml``, ``params.yaml`` and the code say the same, and saying otherwise is noticed."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from reprotune.core.params_file import load_params
from tests import contract

ROOT = Path(__file__).resolve().parents[1]
MODELS = "reprotune/models"
HEAVY = {"bitsandbytes", "peft", "torch", "transformers", "trl"}  # seconds to import
STAGES = sorted(yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"])


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for folder in ("reprotune", "stages"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    for file in ("dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / file, tmp_path)
    return tmp_path


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize("stage", STAGES)
def test_dvc_yaml_lists_exactly_what_a_stage_reads_writes_and_executes(stage: str) -> None:
    if found := contract.problems(ROOT, stage):
        pytest.fail(f"dvc.yaml, stage {stage}:\n" + "\n".join(found), pytrace=False)


def test_every_stage_module_is_a_stage_and_every_stage_a_module() -> None:
    modules = {file.stem for file in (ROOT / "stages").glob("*.py")} - {"__init__"}
    assert modules - set(STAGES) == set(), "modules of stages/ without an entry in dvc.yaml"
    assert set(STAGES) - modules == set(), "entries of dvc.yaml without a module in stages/"


def test_no_two_stages_write_one_file() -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].values()
    written = [
        name
        for stage in stages
        for key in ("outs", "metrics", "plots")
        for name in contract.names(stage.get(key, []))
    ]
    assert len(written) == len(set(written))


def test_the_tables_of_dvc_show_the_summary_alone() -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].values()
    shown = [name for stage in stages for name in contract.names(stage.get("metrics", []))]
    assert shown == ["metrics/summary.json"]


def test_every_parameter_is_read_by_a_stage() -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].values()
    listed = {key for stage in stages for key in contract.parameters(stage)[0]}
    everything = load_params(ROOT / "params.yaml").model_dump(exclude={"compare"})  # of none
    keys = {
        f"{section}.{key}" if isinstance(value, dict) else section
        for section, value in everything.items()
        for key in (value if isinstance(value, dict) else [""])
    }
    known = {".".join(key.split(".")[:2]) for key in listed}
    unread = {key for key in keys if key not in known and key.split(".")[0] not in listed}
    assert not unread, "no stage depends on these"


def test_a_new_import_is_noticed(copy: Path) -> None:
    edit(copy / "stages/curate.py", "from pathlib", "import sklearn\nfrom pathlib")
    edit(
        copy / "stages/curate.py",
        "import schemas",
        "import schemas\nfrom reprotune.text import tfidf",
    )
    found = contract.problems(copy, "curate")
    assert "code reprotune/text is used, but not in dvc.yaml" in found
    assert "pins learners is used, but not in dvc.yaml" in found


def test_a_new_room_behind_another_module_is_noticed(copy: Path) -> None:
    edit(
        copy / "reprotune/data/balance.py",
        "import pandas",
        "import reprotune.builtin.news\nimport pandas",
    )
    assert contract.problems(copy, "split") == [
        "code reprotune/builtin is used, but not in dvc.yaml"
    ]


@pytest.mark.parametrize("room", ["core/runner.py", "sources/hub.py"])
def test_a_room_that_is_never_listed_computes_no_number(copy: Path, room: str) -> None:
    edit(copy / f"reprotune/{room}", "\nimport ", "\nimport numpy\nimport ")
    assert "base_model: numpy in what computes no number" in contract.problems(copy, "base_model")


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("stages/split.py", "    extra = paths.FINDINGS.read_bytes()"),
        ("stages/split.py", '    extra = Path("data/extra.csv").read_text()'),
        ("stages/split.py", '    extra = pd.read_csv("data/extra.csv")'),
        ("reprotune/data/balance.py", '    extra = open("data/extra.csv")'),
    ],
)
def test_a_new_file_read_is_noticed(copy: Path, file: str, line: str) -> None:
    marker = "    classes = class_names" if "stages" in file else "    counts = rows"
    edit(copy / file, marker, f"{line}\n{marker}")
    assert len(contract.problems(copy, "split")) == 1


def test_a_new_parameter_read_is_noticed(copy: Path) -> None:
    edit(copy / "stages/split.py", "    classes =", "    print(params.train.seed)\n    classes =")
    assert contract.problems(copy, "split") == ["parameter train.seed is used, but not in dvc.yaml"]


@pytest.mark.parametrize(
    "line",
    [
        "      - data/splits/test.parquet\n",
        "      - reprotune/export\n",
        ", threads",
        "models, ",
    ],
)
def test_a_removed_dependency_is_noticed(copy: Path, line: str) -> None:
    file = copy / "dvc.yaml"
    head, tail = re.split(r"(?=\n  export:\n)", file.read_text())
    assert line in tail
    file.write_text(head + tail.replace(line, "", 1))
    assert len(contract.problems(copy, "export")) == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("metrics/split.json: {cache: false, ", "metrics/split.json: {"),
        (
            "reports/rows.csv: {cache: false, template: no_picture}",
            "reports/rows.csv: {cache: false}",
        ),
        ("data/splits/test.parquet]", "data/splits/test.parquet: {persist: true}]"),
    ],
)
def test_an_output_that_is_listed_in_another_form_is_noticed(
    copy: Path, old: str, new: str
) -> None:
    edit(copy / "dvc.yaml", old, new)
    name = old.split(":", maxsplit=1)[0].rstrip("]")
    assert contract.problems(copy, "split") == [f"split: {name} must stand {contract.WHERE}"]


def test_a_place_that_is_not_among_the_paths_is_noticed(copy: Path) -> None:
    edit(copy / "stages/split.py", "paths.ROWS", "paths.LINES")
    assert "split: paths.LINES is not in core/paths.py" in contract.problems(copy, "split")


def test_a_removed_decisions_file_is_noticed(copy: Path) -> None:
    edit(copy / "dvc.yaml", "      - ${curate.decisions}\n", "")
    assert contract.problems(copy, "curate") == [
        "file parameter ${curate.decisions} is used, but not in dvc.yaml"
    ]


@pytest.mark.parametrize(
    "line",
    [
        "from .download import fetch",
        "from reprotune.core.paths import FINDINGS",
        "from reprotune import Classifier",
        "import statsmodels",
        "everything = params",
        "importlib.import_module(name)",
    ],
)
def test_a_way_around_the_parsing_is_noticed(copy: Path, line: str) -> None:
    edit(copy / "stages/split.py", "def run(", f"{line}\n\n\ndef run(")
    assert any("split" in problem for problem in contract.problems(copy, "split"))


def test_what_an_editor_or_python_leaves_in_a_room_is_no_dependency() -> None:
    left = [".heads.py.swp", "heads.py~", "heads.py.orig", "__pycache__/heads.pyc", ".DS_Store"]
    asked = ["reprotune/models/heads.py", *(f"reprotune/models/{name}" for name in left)]
    command = [sys.executable, "-m", "dvc", "check-ignore", *asked]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.split() == asked[1:]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_that_loads_no_model_runs_without_torch(stage: str) -> None:
    entry = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"][stage]
    source = contract.reached(ROOT, stage)
    heavy = (source.packages | source.free) & HEAVY
    assert bool(heavy) == (MODELS in entry["deps"]), heavy


def test_torch_behind_another_module_is_noticed(copy: Path) -> None:
    edit(copy / "reprotune/data/balance.py", "import pandas", "import torch\nimport pandas")
    assert contract.reached(copy, "split").packages >= {"torch"}
