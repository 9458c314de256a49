"""The Python API: an exported folder as an object, and a package that is cheap to import."""

import json
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Timer
from typing import Any

import numpy as np
import pandas as pd
import pytest

import reprotune
from reprotune import Classifier, InputError
from reprotune.core.seals import CLASSIFIER, SEAL, check_seal, seal
from reprotune.core.supervision import RWLOCK
from tests import tiny

TEXTS = ["Net sales rose.", "", "Costs, too, and by much more than in the year before."]
IMPORT = """
import os, sys, threading
before = dict(os.environ)
import reprotune
assert dict(os.environ) == before, "it sets environment variables"
assert threading.active_count() == 1
heavy = {"torch", "pandas", "numpy", "transformers", "pydantic", "typer", "rich"} & set(sys.modules)
assert not heavy, heavy
"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.export(tmp_path_factory.mktemp("merged"))


@pytest.fixture(scope="module")
def classifier(exported: Path) -> Classifier:
    return Classifier.load(exported)


def test_import_is_cheap_and_changes_nothing() -> None:
    subprocess.run([sys.executable, "-c", IMPORT], check=True)


def test_the_public_names_are_there_and_no_others() -> None:
    assert set(dir(reprotune)) == {"Classifier", "InputError", "__version__", "compare"}
    for name in reprotune.__all__:
        assert getattr(reprotune, name)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        reprotune.nonsense  # type: ignore[attr-defined] # noqa: B018


def test_the_package_says_that_it_is_typed() -> None:
    assert (Path(reprotune.__file__).parent / "py.typed").is_file()


@pytest.mark.parametrize("kind", [list, tuple, pd.Series, np.array, iter])
def test_whatever_holds_texts_is_labelled(classifier: Classifier, kind: Any) -> None:
    shares = classifier.predict_proba(kind(TEXTS), batch_size=2)
    assert shares.shape == (3, 3)
    assert shares.sum(axis=1) == pytest.approx(1)
    expected = np.array(classifier.classes)[shares.argmax(axis=1)]
    assert classifier.predict(kind(TEXTS)).tolist() == expected.tolist()


def test_no_texts_give_no_rows(classifier: Classifier) -> None:
    assert classifier.predict([]).shape == (0,)
    assert classifier.predict_proba([]).shape == (0, 3)
    assert list(classifier.label([])) == ["predicted", *classifier.classes]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ("one text", "pass a list"),
        (["a", None], r"texts\[1\] is None"),
        (pd.Series([np.nan, "a"]), r"texts\[0\] is nan"),
        ([1], r"texts\[0\] is 1"),
        (pd.DataFrame({"text": ["a"]}), "pass one column"),
        ({"text": ["a"]}, "pass one column"),
    ],
)
def test_what_is_no_list_of_texts_is_refused(
    classifier: Classifier, texts: Any, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        classifier.predict(texts)


def test_no_text_at_once_is_refused(classifier: Classifier) -> None:
    with pytest.raises(InputError, match="batch_size is 0"):
        classifier.predict(["a"], batch_size=0)


def test_unsure_answers_are_empty(classifier: Classifier) -> None:
    shares = classifier.predict_proba(TEXTS).max(axis=1)
    held = pd.DataFrame({"certainty": [*[1.0] * 100, *[np.median(shares).round(6)] * 100]})
    sure = Classifier(classifier.model, classifier.encoder, held.assign(right=held.index < 100))
    said = sure.predict(TEXTS, abstain=0.9)
    assert [name == "" for name in said] == (shares <= np.median(shares)).tolist()
    assert sure.label(TEXTS, abstain=0.9)["predicted"].tolist() == said.tolist()
    assert "" not in sure.predict(TEXTS)


@pytest.mark.parametrize(
    ("promised", "message"),
    [
        (0.99, "on 100 validation rows no threshold is proven above which 0.99 of the answers"),
        (95, "abstain is 95; it is an accuracy between 0 and 1"),
        (float("nan"), "abstain is nan"),
    ],
)
def test_a_promise_that_cannot_be_kept_is_refused(
    classifier: Classifier, promised: float, message: str
) -> None:
    held = pd.DataFrame({"certainty": np.linspace(0.5, 1, 100), "right": True})
    sure = Classifier(classifier.model, classifier.encoder, held)
    with pytest.raises(InputError, match=message):
        sure.predict(TEXTS, abstain=promised)


def test_a_model_that_was_exported_without_certainties_abstains_from_nothing(
    classifier: Classifier,
) -> None:
    with pytest.raises(InputError, match="run dvc repro export"):
        classifier.label(TEXTS, abstain=0.9)


def test_it_loads_from_anywhere(exported: Path, tmp_path: Path) -> None:
    code = "import reprotune, sys; print(reprotune.Classifier.load(sys.argv[1]).predict(['a'])[0])"
    done = subprocess.run(
        [sys.executable, "-c", code, str(exported)],
        cwd=tmp_path, env=os.environ, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() in Classifier.load(exported).classes


def test_an_export_that_dvc_has_just_removed_is_waited_for(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    merged, noted = tmp_path / "models/merged", tmp_path / RWLOCK
    noted.parent.mkdir(parents=True)
    noted.write_text(json.dumps({"write": {str(merged): {"pid": os.getpid(), "cmd": "repro"}}}))
    Timer(0.3, shutil.copytree, (exported, merged)).start()
    assert Classifier.load(merged).classes
    shutil.rmtree(merged)
    monkeypatch.setattr("reprotune.classifier.PATIENCE", 0)
    with pytest.raises(InputError, match="no exported model here"):
        Classifier.load(merged)


def test_a_folder_without_a_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no exported model here"):
        Classifier.load(tmp_path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: "[" * 5000,
        lambda text: "[]",
        lambda text: "null",
        lambda text: '{"task": ["causal"]}',
        lambda text: text.replace("causal", "casual"),
        lambda text: text.replace('"template"', '"tempLate"'),
        lambda text: text.replace('"max_tokens": 64', '"max_tokens": "many"'),
        lambda text: text.replace('" negative"', "7"),
        lambda text: text.replace('"shots": []', '"shots": [1]'),
    ],
)
def test_a_damaged_record_of_an_export_is_one_message(
    exported: Path, tmp_path: Path, damage: Callable[[str], str]
) -> None:
    folder = shutil.copytree(exported, tmp_path / "merged")
    text = (folder / CLASSIFIER).read_text()
    assert damage(text) != text
    (folder / CLASSIFIER).write_text(damage(text))
    (folder / SEAL).unlink()
    seal(folder)  # as a version that wrote other records
    with pytest.raises(InputError, match=r"reprotune\.json: damaged, or .*; run dvc repro export"):
        Classifier.load(folder)


def test_one_flipped_bit_of_an_exported_model_is_refused_by_name(
    exported: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(exported, tmp_path / "merged")
    draw = random.Random(1)
    files = [file for file in sorted(exported.iterdir()) if file.name != SEAL]
    for name in [file.name for file in files for _ in range(100 // len(files) + 1)]:
        raw = bytearray((exported / name).read_bytes())
        raw[draw.randrange(len(raw))] ^= 1 << draw.randrange(8)
        (folder / name).write_bytes(raw)
        with pytest.raises(InputError, match=f"{name}: not the file that was exported"):
            Classifier.load(folder)
        shutil.copy(exported / name, folder)


ADDED = [
    "adapter_config.json", "model.safetensors.index.json", "pytorch_model.bin", "modeling_own.py",
    "added_tokens.json", "vocab.txt", "tokenizer.model", "chat_template.jinja", "onnx/model.onnx",
    "chat_templates/other.jinja", "linked.json", "linked",
]  # fmt: skip


def test_what_was_added_to_an_export_is_refused_by_name(exported: Path, tmp_path: Path) -> None:
    """Whatever a loader could take; what none reads may lie there."""
    folder = shutil.copytree(exported, tmp_path / "merged")
    for name in ("notes.md", "LICENSE", ".gitattributes", "model.sig", ".cache/download"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("of a person")
    for name in ADDED:
        added = folder / Path(name).parts[0]
        if name.startswith("linked"):
            added.symlink_to(exported if name == "linked" else exported / "config.json")
        else:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text("{}")
        with pytest.raises(InputError, match=f"{re.escape(added.name)}: was not exported"):
            Classifier.load(folder)
        if added.is_dir() and not added.is_symlink():
            shutil.rmtree(added)
        else:
            added.unlink()
    check_seal(folder)


@pytest.mark.parametrize("name", ["../merged/config.json", "..", "", "/etc/hostname", "a/b"])
def test_a_seal_that_names_files_elsewhere_is_refused(
    exported: Path, tmp_path: Path, name: str
) -> None:
    folder = shutil.copytree(exported, tmp_path / "merged")
    noted = json.loads((folder / SEAL).read_text())
    (folder / SEAL).write_text(json.dumps(noted | {name: noted["config.json"]}))
    with pytest.raises(InputError, match=r"no file of this folder|not the file"):
        check_seal(folder)


def test_a_linked_file_is_read_as_dvc_has_it_and_the_last_of_two_names_counts(
    exported: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(exported, tmp_path / "merged")
    kept = (folder / "config.json").rename(tmp_path / "kept")
    (folder / "config.json").symlink_to(kept)
    noted = (folder / SEAL).read_text()
    (folder / SEAL).write_text(noted.replace("{", '{"config.json": "0", ', 1))
    check_seal(folder)
    (folder / SEAL).write_text(noted.rstrip()[:-1] + ', "config.json": "0"}')
    with pytest.raises(InputError, match=r"config\.json: not the file"):
        check_seal(folder)


@pytest.mark.parametrize("damaged", [None, "", "[]", "3", "{", '{"model.safetensors": 1}'])
def test_a_seal_that_is_missing_or_damaged_is_said(
    exported: Path, tmp_path: Path, damaged: str | None
) -> None:
    folder = shutil.copytree(exported, tmp_path / "merged")
    (folder / SEAL).unlink()
    if damaged is not None:
        (folder / SEAL).write_text(damaged)
    with pytest.raises(InputError, match=r"no exported model here|not the file"):
        Classifier.load(folder)
