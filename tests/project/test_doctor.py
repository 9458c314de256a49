"""``reprotune doctor`` names what would stop a run, and lets the rest pass."""

import http.server
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from socket import gethostname
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from reprotune import cli
from reprotune.comparison.revision import find_base
from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.params import Params
from reprotune.project import capacity, doctor, memory, pins
from reprotune.project.opening import check_there
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


def test_what_a_killed_command_left_half_written_is_named_with_what_removes_it(
    project: Path,
) -> None:
    dead, living = (f"{gethostname()}.{pid}.partial" for pid in (999_999_999, os.getpid()))
    for name in (f".a b.{dead}", f".living.{living}"):
        (project / "models" / name).mkdir()
        (project / "models" / name / "weights").touch()
    (project / f".params.yaml.{dead}").touch()
    told = [finding.detail for finding in doctor.find_left()]
    assert len(told) == 1
    subprocess.run(told[0].partition(": ")[2], shell=True, check=True)
    assert [path.name for path in project.rglob("*.partial")] == [f".living.{living}"]
    assert not [*doctor.find_left()]


def test_a_large_model_that_git_would_take_is_named_until_dvc_has_it(project: Path) -> None:
    subprocess.run(["git", "add", "."], check=True)
    large = project / "models/source/large/part"
    large.mkdir(parents=True)
    (project / "data/source/small.csv").write_text("text,label\n")
    with (large / "weights").open("wb") as file:
        file.truncate(doctor.LARGE)
    warned = [(f.what, f.detail) for f in doctor.examine() if f.level == "warn"]
    told = (
        "`git add -A` would take models/source/large (50 MiB) into git: dvc add models/source/large"
    )
    assert warned == [("git", told)]
    (project / "models/source/.gitignore").write_text("/large\n")  # as dvc add writes it
    assert set(levels().values()) == {"ok"}


def test_sources_that_dvc_keeps_and_that_are_not_here_stop_with_what_brings_them(
    project: Path,
) -> None:
    for pointer in ("data/source/own.csv.dvc", "models/source/large.dvc", "models/source.dvc"):
        Path(pointer).write_text("outs:\n- path: it\n")
    told = [f.detail for f in doctor.examine() if (f.level, f.what) == ("stop", "sources")]
    assert told == [
        "data/source/own.csv is kept by DVC, and not here: dvc pull data/source/own.csv.dvc",
        "models/source/large is kept by DVC, and not here: dvc pull models/source/large.dvc",
    ]
    with pytest.raises(InputError, match=r"own\.csv: is kept by DVC.*dvc pull data/source/own"):
        check_there(Path("data/source/own.csv"))


@pytest.mark.parametrize(
    "written",
    [
        "stages:\n  a: {cmd: x}\n  a: {cmd: y}\n",
        "stages: [\n",
        "stages:\n  a: {cmdd: x}\n",
        "stages:\n  a: {cmd: x, outs: [b]}\n  c: {cmd: x, outs: [b]}\n",
    ],
)
def test_a_pipeline_that_dvc_refuses_stops(project: Path, written: str) -> None:
    (project / "dvc.yaml").write_text(written)
    (found,) = (finding for finding in doctor.examine() if finding.what == "dvc")
    assert found.level == "stop"
    assert found.detail.endswith("dvc status says more")


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
    build = version("torch").partition("+")[0]
    lock.write_text(
        f"--extra-index-url https://example.com/cpu\n-e ../mine\n./mine.whl\ntorch=={build}\n"
        "numpy @ https://example.com/numpy.whl#sha256=00\n"
    )
    assert doctor.check_packages(lock).level == "ok", "pip takes more than packages"
    lock.write_text(f"torch=={build}+odd1\nabsent @ https://example.com/a.whl\n")
    detail = doctor.check_packages(lock).detail
    assert f"torch=={build}+odd1" in detail and "(nothing is installed)" in detail
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
    assert "not a git repository" in doctor.check_dvc().detail
    subprocess.run(["git", "init", "-q"], check=True)
    assert "no .dvc here; run this in a project's folder" in doctor.check_dvc().detail
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    assert "git config --global --add safe.directory" in doctor.check_dvc().detail
    with pytest.raises(InputError, match="dubious ownership"):
        find_base()


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
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert doctor.check_memory(params).level == "ok"
    longer = {"prompt": params.prompt.model_copy(update={"max_tokens": 10**6})}
    assert doctor.check_memory(params.model_copy(update=longer)).level == "stop"
    for module in (capacity, doctor):
        monkeypatch.setattr(module, "count_parameters", lambda _: 10**13)
    assert doctor.check_memory(params).level == "stop"
    assert doctor.check_disk(params).level == "stop"


def test_each_disk_needs_room_for_what_comes_there(
    project: Path, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    if Path("/dev/shm").stat().st_dev == project.stat().st_dev:
        pytest.skip("one disk")
    assert doctor.check_disk(params).detail.count("are needed") == 1
    with TemporaryDirectory(dir="/dev/shm") as other:
        Path(".dvc/config.local").write_text(f"[cache]\n    dir = {other}\n")
        found = doctor.check_disk(params)
        assert found.level == "ok" and found.detail.count("are needed") == 2
        usage = shutil.disk_usage
        full = usage(project)._replace(free=0)
        monkeypatch.setattr(
            shutil, "disk_usage", lambda place: full if place == project else usage(place)
        )
        assert doctor.check_disk(params).level == "stop"


def test_what_trainings_that_were_cut_off_keep_on_the_disk_is_said(
    project: Path, params: Params
) -> None:
    assert "cut off" not in doctor.check_disk(params).detail
    left = paths.CHECKPOINTS / "0123abcd" / "checkpoint-10" / "optimizer.pt"
    left.parent.mkdir(parents=True)
    left.write_bytes(bytes(3 << 20))
    assert doctor.check_disk(params).detail.endswith("has 3 MiB of runs that were cut off")


def test_a_slow_number_format_is_a_warning(
    changed: Callable[[dict[str, Any]], Params], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    params = changed({"model.compute_dtype": "bfloat16"})
    for times, level in ((20.0, "warn"), (0.2, "ok")):
        seconds = {"bfloat16": times, "float32": 1.0}
        monkeypatch.setattr(capacity, "time_product", seconds.__getitem__)
        found = doctor.check_device(params)
        assert (found.level, "20 times slower" in found.detail) == (level, times > 1)
    found = doctor.check_device(changed({"model.compute_dtype": "float16"}))
    assert (found.level, "on a GPU alone" in found.detail) == ("stop", True)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """``gpu(24)``: one of so many GiB, and a base model like Llama 3.1 8B."""
    from transformers import LlamaConfig

    sizes = {"hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32}
    config = LlamaConfig(vocab_size=128256, num_key_value_heads=8, **sizes)
    config.save_pretrained(tmp_path / "config")
    monkeypatch.setattr(capacity, "find_config", lambda _: tmp_path / "config")
    monkeypatch.setattr(capacity, "count_parameters", lambda _: 8_030_000_000)

    def put(gib: int, card: tuple[int, int] = (8, 0)) -> None:
        memory = ((gib << 30) - 1, gib << 30)
        for name, answer in {
            "is_available": True, "get_device_name": "a GPU", "mem_get_info": memory,
            "get_device_capability": card, "get_arch_list": ["sm_75", "sm_90a", "compute_120"],
            "is_bf16_supported": card[0] >= 8,
        }.items():  # fmt: skip
            monkeypatch.setattr(f"torch.cuda.{name}", lambda answer=answer, **_: answer)

    return put


BIG = {"model.kind": "path", "model.location": "llama", "model.compute_dtype": "bfloat16"}
CHECKPOINTED = {"train.activation_checkpointing": True}


@pytest.mark.parametrize(
    ("gib", "changes", "level", "said"),
    [
        (80, {}, "ok", "training takes about"),
        (24, {}, "warn", "over 29.9 GiB: `dvc repro evaluate` here"),
        (16, {"prompt.max_tokens": 1024}, "stop", "train.activation_checkpointing"),
        (16, {"prompt.max_tokens": 1024} | CHECKPOINTED, "warn", "over 29.9 GiB"),
        (80, {"train.method": "full", "model.quantization": "none"}, "stop", "nf4"),
    ],
)
def test_a_gpu_is_held_against_what_training_and_export_take(
    gpu: Callable[..., None],
    changed: Callable[[dict[str, Any]], Params],
    gib: int,
    changes: dict[str, Any],
    level: str,
    said: str,
) -> None:
    gpu(gib)
    found = doctor.check_device(changed(BIG | changes))
    assert (found.level, said in found.detail) == (level, True), found


@pytest.mark.parametrize(
    ("limit", "level"), [("max", "ok"), ("9223372036854771712", "ok"), ("1048576", "stop")]
)
def test_the_memory_is_that_of_the_container(
    project: Path,
    params: Params,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    limit: str,
    level: str,
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    said = tmp_path / "memory.limit_in_bytes"
    said.write_text(f"{limit}\n")
    monkeypatch.setattr(capacity, "CGROUPS", [tmp_path / "memory.max", said])
    assert doctor.check_memory(params).level == level


def test_main_memory_is_asked_for_what_a_gpu_leaves_to_it(
    gpu: Callable[..., None], changed: Callable[[dict[str, Any]], Params], tmp_path: Path
) -> None:
    takes = {}
    for gib in (24, 80):
        gpu(gib)
        takes[gib] = memory.estimate_memory(
            changed(BIG), 8_030_000_000, tmp_path / "config", gib << 30
        )
    assert takes[80] < 16.5  # two bytes a weight, as it is saved
    assert takes[24] > 60  # the export, twice


def test_the_memory_of_a_training_is_that_of_its_parts(
    changed: Callable[[dict[str, Any]], Params], tmp_path: Path
) -> None:
    """Without activations: 4 bits and their scales, embeddings, four numbers a trained weight."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    sizes = {"hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 4}
    config = LlamaConfig(vocab_size=32000, num_key_value_heads=8, **sizes)
    config.save_pretrained(tmp_path)
    with torch.device("meta"):
        model = LlamaForCausalLM(config)
        parameters, embedded = model.num_parameters(), 2 * 32000 * 4096
        lora = LoraConfig(r=16, target_modules="all-linear", task_type="CAUSAL_LM")
        trained, _ = get_peft_model(model, lora).get_nb_trainable_parameters()
    weights = (parameters - embedded) * 0.5625 + embedded * 2 + trained * 16
    found = memory.estimate_training(changed(BIG | {"prompt.max_tokens": 8}), parameters, tmp_path)
    assert found - memory.DRIVER == pytest.approx(weights / memory.GIB, rel=0.05)


def test_a_method_that_does_not_say_what_it_trains_is_not_taken_for_another(
    params: Params,
) -> None:
    assert memory.share_trained(params.train)
    train = params.train.model_copy(update={"method": "another"})
    with pytest.raises(AssertionError, match="another"):
        memory.share_trained(train)


def test_a_card_that_torch_or_the_number_format_does_not_suit_stops(
    gpu: Callable[..., None], changed: Callable[[dict[str, Any]], Params]
) -> None:
    gpu(80, card=(7, 5))
    assert "no bfloat16: use float16" in (found := doctor.check_device(changed(BIG))).detail
    assert found.level == "stop"
    assert doctor.check_device(changed(BIG | {"model.compute_dtype": "float16"})).level == "ok"
    gpu(80, card=(6, 0))
    found = doctor.check_device(changed(BIG))
    assert (found.level, "built for cards from 7.5 on" in found.detail) == ("stop", True)


def test_a_gpu_that_torch_cannot_use_is_told(
    params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    found = doctor.check_device(params)
    assert (found.level, "the GPU here is not used" in found.detail) == ("warn", True)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")  # as schedulers of clusters set it
    assert doctor.check_device(params).level == "warn"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert doctor.check_device(params).level == "ok"


@pytest.fixture
def server() -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(503 if self.path == "/503" else 404)

    httpd = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{httpd.server_port}"
    httpd.shutdown()


def test_a_hub_that_answers_passes_and_one_that_does_not_stops(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    assert doctor.reach(server).level == "ok"
    assert doctor.reach("http://127.0.0.1:9").level == "stop"
    found = doctor.reach(f"{server}/503")
    assert found.level == "warn" and "answers (503 " in found.detail
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert doctor.reach(server).level == "stop"
