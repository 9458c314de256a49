"""What a stage computes does not depend on the processor."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from reprotune.core.arithmetic import GPUS, MODELS, TABLES, has_avx2
from reprotune.core.libraries import SPINS
from tests.projects import ROOT, change

QEMU = shutil.which("qemu-x86_64")
SHOW = "import json, os; print(json.dumps(dict(os.environ)))"


def start(folder: Path, *before: str, environment: dict[str, str] | None = None) -> str:
    """What a module of ``stages`` prints that is started as DVC starts a stage."""
    command = [*before, sys.executable, "-m", "stages.show"]
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)} | (environment or {}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The parameters, and a stage that shows its environment."""
    shutil.copy(ROOT / "profiles/builtin.yaml", tmp_path / "params.yaml")
    (tmp_path / "stages").mkdir()
    shutil.copy(ROOT / "stages/__init__.py", tmp_path / "stages")
    (tmp_path / "stages/show.py").write_text(SHOW)
    return tmp_path


def test_a_strict_stage_overrules_what_the_machine_says(project: Path) -> None:
    change(project / "params.yaml", {"  strict: false": "  strict: true "})
    shown = json.loads(start(project, environment={"ATEN_CPU_CAPABILITY": "avx512"}))
    assert (TABLES | MODELS).items() <= shown.items()


def test_without_strict_torch_takes_what_the_processor_has(project: Path) -> None:
    shown = json.loads(start(project))
    assert (GPUS | TABLES).items() <= shown.items()
    assert not MODELS.keys() & shown.keys() - os.environ.keys()


def test_precision_is_that_of_the_parameters_whatever_the_environment_says(project: Path) -> None:
    said = {"ACCELERATE_MIXED_PRECISION": "bf16", "ONEDNN_DEFAULT_FPMATH_MODE": "BF16"}
    assert not said.keys() & json.loads(start(project, environment=said)).keys()
    launched = said | {"LOCAL_RANK": "0"}
    assert launched.items() <= json.loads(start(project, environment=launched)).items()


def test_threads_that_wait_sleep_soon_if_nobody_said_when(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    assert json.loads(start(project))["GOMP_SPINCOUNT"] == SPINS
    assert json.loads(start(project, environment={"GOMP_SPINCOUNT": "7"}))["GOMP_SPINCOUNT"] == "7"
    shown = json.loads(start(project, environment={"OMP_WAIT_POLICY": "ACTIVE"}))
    assert "GOMP_SPINCOUNT" not in shown


def test_parameters_that_cannot_be_read_are_left_to_the_stage(project: Path) -> None:
    (project / "params.yaml").write_text("{")
    assert MODELS.items() <= json.loads(start(project)).items()


def test_numpy_and_torch_obey(project: Path) -> None:
    (project / "stages/show.py").write_text(
        "import numpy as np, torch\n"
        "print(torch.backends.cpu.get_cpu_capability(),"
        " np.show_config('dicts')['SIMD Extensions'].get('found'))"
    )
    change(project / "params.yaml", {"  strict: false": "  strict: true "})
    assert start(project).strip() == "AVX2 ['X86_V3']"


def test_a_processor_without_avx2_is_known_by_its_flags(tmp_path: Path) -> None:
    info = tmp_path / "cpuinfo"
    assert has_avx2(info), "not said"
    for flags, found in (("sse4_2 avx", False), ("avx avx2 avx512f", True)):
        info.write_text(f"model name\t: some\nflags\t\t: fpu {flags}\n")
        assert has_avx2(info) == found


@pytest.mark.slow  # an import of torch takes a minute under an emulated processor
@pytest.mark.skipif(QEMU is None, reason="apt-get install qemu-user")
def test_an_emulated_processor_of_another_maker_and_this_one_compute_the_same_bytes(
    project: Path,
) -> None:
    """qemu 7.2 has no AVX512: what a processor with it does is seen where this runs on one."""
    other = "EPYC" if "GenuineIntel" in Path("/proc/cpuinfo").read_text() else "Haswell"
    change(project / "params.yaml", {"  strict: false": "  strict: true "})
    shutil.copy(ROOT / "tests/arithmetic.py", project / "stages/show.py")
    assert start(project, str(QEMU), "-cpu", other) == start(project)
