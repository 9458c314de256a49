"""``reprotune doctor`` names what would stop a run, and lets the rest pass."""

import http.server
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reprotune import cli
from reprotune.core.params import Params
from reprotune.project import doctor, pins
from tests.conftest import PARAMS

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for folder in ("models/source", "profiles", ".dvc"):
        skipped = shutil.ignore_patterns("cache", "tmp")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=skipped)
    (tmp_path / "data/source").mkdir(parents=True)
    shutil.copy(ROOT / "data/decisions.csv", tmp_path / "data")
    shutil.copy(PARAMS, tmp_path / "params.yaml")
    shutil.copy(ROOT / pins.LOCK, tmp_path)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def levels() -> dict[str, str]:
    return {finding.what: finding.level for finding in doctor.examine()}


def test_a_sound_project_passes(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert set(levels().values()) == {"ok"}
    cli.main(["doctor"])
    assert "stop" not in capsys.readouterr().out


def test_what_would_stop_a_run_ends_with_an_exit_code(project: Path) -> None:
    (project / "models/source/builtin/config.json").unlink()
    with pytest.raises(SystemExit) as error:
        cli.main(["doctor"])
    assert error.value.code == 1
    assert {what for what, level in levels().items() if level == "stop"} == {"model"}


def test_wrong_parameters_are_told_once(project: Path) -> None:
    (project / "params.yaml").write_text("seed: 1\n")
    found = doctor.examine()
    assert found[-1].what == "parameters"
    assert "threads is missing" in found[-1].detail


def test_packages_that_are_not_those_of_the_lock_stop(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("# why\nnumpy==0.1\nabsent-thing==1\nold==1 ; python_version < '3'\n")
    found = doctor.check_packages(lock)
    assert found.level == "stop"
    assert "numpy==0.1" in found.detail
    assert "absent-thing==1 (nothing is installed)" in found.detail
    assert "old" not in found.detail
    assert doctor.check_packages(ROOT / pins.LOCK).level == "ok"


def test_damaged_files_of_a_killed_run_are_named(project: Path) -> None:
    (project / "dvc.lock").write_text("stages:\n  a: [1,\n")
    assert "dvc.lock is damaged" in doctor.check_dvc().detail
    (project / "dvc.lock").unlink()
    held = project / ".dvc/tmp/rwlock"
    held.parent.mkdir()
    held.write_text('{"a": ')
    assert "rwlock is damaged" in doctor.check_dvc().detail
    held.write_text(json.dumps({"a": {"write": {"pid": os.getpid(), "cmd": "dvc repro"}}}))
    assert f"process {os.getpid()} holds" in doctor.check_dvc().detail
    held.write_text(json.dumps({"a": {"read": [{"pid": 2**22 + 1, "cmd": "dvc repro"}]}}))
    assert doctor.check_dvc().level == "ok"


@pytest.mark.parametrize(
    "raw",
    [b"", b"\xff", b"[" * 5000, b'{"a": {"pid": ' + b"9" * 4000 + b"}}", b'[{"pid": -1}]', b"9"],
)
def test_no_lock_of_dvc_however_damaged_ends_the_doctor(project: Path, raw: bytes) -> None:
    held = project / ".dvc/tmp/rwlock"
    held.parent.mkdir()
    held.write_bytes(raw)
    (project / "dvc.lock").write_bytes(b"stages: {}\n")
    assert "rwlock is damaged" in (found := doctor.check_dvc()).detail or found.level == "ok"
    assert found.level == "stop" or raw  # DVC reads no empty one
    (project / "dvc.lock").write_bytes(b"[1]")
    assert "dvc.lock is damaged" in doctor.check_dvc().detail


def test_a_folder_without_git_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert doctor.check_dvc().level == "stop"


def test_a_source_file_that_cannot_be_read_stops(
    project: Path, changed: Callable[[dict[str, Any]], Params]
) -> None:
    entry = {"location": "gone.csv", "sha256": None, "label": None, "split": None}
    params = changed({"download.kind": "file", "download.files": [entry]})
    assert next(iter(doctor.run_checks([doctor.check_data], params))).detail.startswith(
        "data/source/gone.csv"
    )


def test_a_model_that_does_not_fit_the_memory_stops(
    project: Path, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert doctor.check_memory(params).level == "ok"
    longer = {"prompt": params.prompt.model_copy(update={"max_tokens": 10**6})}
    assert doctor.check_memory(params.model_copy(update=longer)).level == "stop"
    monkeypatch.setattr(doctor, "count_parameters", lambda _: 10**13)
    assert doctor.check_memory(params).level == "stop"
    assert doctor.check_disk(params).level == "stop"


def test_a_slow_number_format_is_a_warning(
    changed: Callable[[dict[str, Any]], Params], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    params = changed({"model.compute_dtype": "bfloat16"})
    for times, level in ((20.0, "warn"), (0.2, "ok")):
        seconds = {"bfloat16": times, "float32": 1.0}
        monkeypatch.setattr(doctor, "time_product", seconds.__getitem__)
        found = doctor.check_device(params)
        assert (found.level, "20 times slower" in found.detail) == (level, times > 1)


def test_a_gpu_that_trains_and_cannot_export_is_a_warning(
    params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, answer in {
        "is_available": True, "get_device_name": "a GPU", "mem_get_info": (23 << 30, 24 << 30),
    }.items():  # fmt: skip
        monkeypatch.setattr(f"torch.cuda.{name}", lambda answer=answer: answer)
    for weights, level in ((7 << 30, "warn"), (6 << 30, "ok")):  # four bytes each
        monkeypatch.setattr(doctor, "count_parameters", lambda _, weights=weights: weights)
        found = doctor.check_device(params)
        assert (found.level, "over 28.0 GiB" in found.detail) == (level, level == "warn")


@pytest.fixture
def server() -> Iterator[str]:
    httpd = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{httpd.server_port}"
    httpd.shutdown()


def test_a_hub_that_answers_passes_and_one_that_does_not_stops(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    assert doctor.reach(server).level == "ok"
    assert doctor.reach("http://127.0.0.1:9").level == "stop"
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert doctor.reach(server).level == "stop"
