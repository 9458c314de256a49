"""Data and base models from outside: fetched at their pin, told apart by hashes, never tracked."""

import dataclasses
import hashlib
import io
import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import huggingface_hub
import pandas as pd
import pytest
import torch

from reprotune.builtin import headlines
from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.params import Params
from reprotune.models.manifest import Manifest
from reprotune.project import doctor
from stages import base_model, download
from tests import hub, tiny
from tests.hub import Hub, Repo, commit

Changed = Callable[[dict[str, Any]], Params]
ROWS = headlines.examples(rows=300, wrong=0, repeated=0, seed=1)[["text", "label"]]
EASY = {
    "expectations.rows": {"min": 1, "max": 1000, "severity": "stop"},
    "expectations.class_share": {"min": 0, "max": 1.0, "severity": "stop"},
}


def parquet() -> bytes:
    buffer = io.BytesIO()
    ROWS.to_parquet(buffer)
    return buffer.getvalue()


def zipped() -> bytes:
    """In the form of Financial PhraseBank: latin-1, sentence@label, no header."""
    lines = "".join(f"{text}@{label}\r\n" for text, label in ROWS.to_numpy())
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("Bank-v1.0/License.txt", "terms")
        archive.writestr("Bank-v1.0/Sentences.txt", lines.encode("latin-1"))
    return buffer.getvalue()


FILES = {
    "data/train.parquet": parquet(),
    "rows.csv": ROWS.to_csv(index=False).encode(),
    "rows.jsonl": ROWS.to_json(orient="records", lines=True).encode(),
    "data/Bank-v1.0.zip": zipped(),
}
AT_SIGN = {"encoding": "latin-1", "delimiter": "@", "header": False, "text_column": 0,
           "label_column": 1}  # fmt: skip
READ = {
    "data/train.parquet": {},
    "rows.csv": {},
    "rows.jsonl": {},
    "data/Bank-v1.0.zip/Bank-v1.0/Sentences.txt": AT_SIGN,
}


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    paths.SOURCE_DATA.mkdir(parents=True)
    paths.SOURCE_MODELS.mkdir(parents=True)
    with hub.served() as served:
        monkeypatch.setenv("HF_ENDPOINT", served.address)
        served.repos["datasets/team/news"] = Repo({commit(1): FILES}, {"main": commit(1)})
        served.plain |= {name: Repo({"": {"": raw}}, {}) for name, raw in FILES.items()}
        yield served


def entry(location: str, sha256: str | None = None) -> dict[str, Any]:
    return {"location": location, "sha256": sha256, "label": None, "split": None}


def downloaded(params: Params) -> pd.DataFrame:
    download.run(params)
    return pd.read_parquet(paths.RAW)


@pytest.mark.parametrize("location", READ)
def test_every_format_comes_from_the_hub(stand_in: Hub, changed: Changed, location: str) -> None:
    settings = {
        "kind": "hub",
        "repository": "team/news",
        "revision": commit(1),
        "files": [entry(location)],
    } | READ[location]
    raw = downloaded(changed(EASY | {f"download.{key}": v for key, v in settings.items()}))
    assert raw[["text", "label"]].equals(ROWS)


@pytest.mark.parametrize("location", READ)
def test_every_format_comes_from_an_address(stand_in: Hub, changed: Changed, location: str) -> None:
    name = location.partition(".zip/")[0] + (".zip" if ".zip/" in location else "")
    sha256 = hashlib.sha256(FILES[name]).hexdigest()
    files = [entry(f"{stand_in.address}/{location}", sha256)]
    settings = {"kind": "url", "files": files} | READ[location]
    params = changed(EASY | {f"download.{key}": v for key, v in settings.items()})
    assert downloaded(params)[["text", "label"]].equals(ROWS)
    seen = len(stand_in.requests)
    downloaded(params)
    assert len(stand_in.requests) == seen, "kept in the working folder"


def served_model(stand_in: Hub, folder: Path, **more: bytes) -> None:
    files = {file.name: file.read_bytes() for file in folder.iterdir()} | {
        "README.md": b"card",
        "onnx/model.onnx": b"large",
    }
    repo = Repo({commit(1): files | more}, {"main": commit(1)}, large={"model.safetensors"})
    stand_in.repos["team/tiny"] = repo


FROM_HUB = {"model.kind": "hub", "model.location": "team/tiny", "model.revision": commit(1)}


def test_a_base_model_of_the_hub_is_pinned_by_commit_and_hashes_and_stays_in_the_cache(
    stand_in: Hub, changed: Changed, tmp_path: Path
) -> None:
    source = tiny.save(tmp_path / "tiny")
    served_model(stand_in, source)
    base_model.run(changed(FROM_HUB))
    manifest = json.loads((paths.BASE / "base.json").read_text())
    assert (manifest["location"], manifest["revision"]) == ("team/tiny", commit(1))
    assert {f["name"]: f["sha256"] for f in manifest["files"]} == {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in source.iterdir()
    }
    assert str(tmp_path) not in (paths.BASE / "base.json").read_text()
    assert [file.name for file in paths.BASE.iterdir()] == ["base.json"]
    folder = Manifest.read(paths.BASE).locate()
    assert (folder / "model.safetensors").read_bytes() == (
        source / "model.safetensors"
    ).read_bytes()


def test_on_another_machine_the_pinned_files_are_fetched_again(
    stand_in: Hub, changed: Changed, tmp_path: Path
) -> None:
    served_model(stand_in, tiny.save(tmp_path / "tiny"))
    base_model.run(changed(FROM_HUB))
    shutil.rmtree(tmp_path / "cache")
    assert (Manifest.read(paths.BASE).locate() / "model.safetensors").is_file()


def test_weights_in_the_older_format_are_taken_where_there_are_no_others(
    stand_in: Hub, changed: Changed, tmp_path: Path
) -> None:
    source = tiny.save(tmp_path / "tiny")
    torch.save(tiny.model().state_dict(), source / "pytorch_model.bin")
    (source / "model.safetensors").unlink()
    served_model(stand_in, source)
    base_model.run(changed(FROM_HUB))
    manifest = json.loads((paths.BASE / "base.json").read_text())
    assert manifest["parameters"] == sum(p.numel() for p in tiny.model().parameters())
    assert "pytorch_model.bin" in [file["name"] for file in manifest["files"]]


@pytest.mark.parametrize("shards", ["1MB", "200KB"])
def test_weights_are_fetched_in_the_one_form_that_is_loaded(
    stand_in: Hub, changed: Changed, tmp_path: Path, shards: str
) -> None:
    source = tmp_path / "tiny"
    tiny.model().save_pretrained(source, max_shard_size=shards)
    tiny.tokenizer().save_pretrained(source)
    served_model(stand_in, source, **{"consolidated.safetensors": b"", "pytorch_model.bin": b""})
    base_model.run(changed(FROM_HUB))
    manifest = json.loads((paths.BASE / "base.json").read_text())
    assert manifest["parameters"] == sum(p.numel() for p in tiny.model().parameters())
    assert {file["name"] for file in manifest["files"]} == {f.name for f in source.iterdir()}
    assert len([*source.glob("*.safetensors")]) == (1 if shards == "1MB" else 3)


def test_a_failure_leaves_the_earlier_manifest(
    stand_in: Hub, changed: Changed, tmp_path: Path
) -> None:
    served_model(stand_in, tiny.save(tmp_path / "tiny"))
    base_model.run(changed(FROM_HUB))
    before = (paths.BASE / "base.json").read_bytes()
    with pytest.raises(InputError, match="no such revision"):
        base_model.run(changed(FROM_HUB | {"model.revision": commit(7)}))
    assert (paths.BASE / "base.json").read_bytes() == before


def test_a_repository_without_a_model_is_refused(stand_in: Hub, changed: Changed) -> None:
    stand_in.repos["team/tiny"] = Repo({commit(1): {"a.txt": b""}}, {"main": commit(1)})
    with pytest.raises(InputError, match=r"no config\.json; it has \['a\.txt'\]"):
        base_model.run(changed(FROM_HUB))


def test_doctor_asks_the_hub_and_fetches_no_weights(
    stand_in: Hub, changed: Changed, tmp_path: Path
) -> None:
    served_model(stand_in, tiny.save(tmp_path / "tiny"))
    finding = doctor.check_model(changed(FROM_HUB))
    assert finding.level == "ok"
    assert "are to be fetched" in finding.detail
    fetched = {path for _, path, _ in stand_in.requests if "resolve" in path}
    assert all(path.endswith("/config.json") for path in fetched)


def test_doctor_says_who_may_not_have_a_model(
    stand_in: Hub, changed: Changed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    served_model(stand_in, tiny.save(tmp_path / "tiny"))
    gated = dataclasses.replace(stand_in.repos["team/tiny"], gated=True)
    stand_in.repos["team/tiny"] = gated
    found = next(iter(doctor.run_checks([doctor.check_model], changed(FROM_HUB))))
    assert (found.level, "terms must be accepted" in found.detail) == ("stop", True)
