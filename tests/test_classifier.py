"""The Python API: an exported folder as an object, and a package that is cheap to import."""

import json
import multiprocessing
import os
import pickle
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import copy, deepcopy
from pathlib import Path
from threading import Timer
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch

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

LABEL = """
import locale, logging, os, random, signal, sys, warnings
import torch, transformers

def look():
    signals = [signal.getsignal(each) for each in signal.valid_signals()]
    torches = torch.get_num_threads(), torch.get_default_dtype(), torch.is_grad_enabled()
    fixed = torch.are_deterministic_algorithms_enabled(), torch.get_rng_state().tolist()
    others = random.getstate(), locale.setlocale(locale.LC_ALL), os.getcwd(), logging.root.handlers
    return signals, torches, fixed, others

transformers.AutoModelForCausalLM  # imports what imports others
before, environment = look(), dict(os.environ)
import reprotune
print(reprotune.Classifier.load(sys.argv[1]).predict(["a"])[0])
assert look() == before
changed = {name for name, value in os.environ.items() if environment.get(name) != value}
assert changed <= {"TORCHINDUCTOR_CACHE_DIR"}, "but for what torch notes itself"
assert not any("transformers" in str(each) for each in warnings.filters)
from reprotune.core.libraries import QUIET
assert not any(logging.getLogger(name).level for name in QUIET)
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


@pytest.mark.parametrize(
    "kind",
    [list, tuple, pd.Series, np.array, iter, pa.array, lambda texts: pa.chunked_array([texts])],
)
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
        (pa.table({"text": ["a"]}), "pass one column"),
        (pa.array(["a", None]), r"texts\[1\] is None"),
        (None, "texts is None; pass a list"),
        (np.array([["a"]]), "pass a list"),
        (np.array("a"), "pass a list"),
        (["a", b"x" * 10**6], r"texts\[1\] is .{,40}, no string"),
        (["a", "b\ud83d"], r"texts\[1\]: lone surrogate: U\+D83D in the text; correct or drop"),
    ],
)
def test_what_is_no_list_of_texts_is_refused(
    classifier: Classifier, texts: Any, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        classifier.predict(texts)


def test_answers_have_the_rows_of_the_series_that_was_asked(classifier: Classifier) -> None:
    frame = pd.DataFrame({"text": [*TEXTS, None]}, index=[7, 3, 5, 4]).dropna()
    found = frame.join(classifier.label(frame["text"]))
    assert list(found.index) == [7, 3, 5]
    assert found["predicted"].tolist() == classifier.predict(TEXTS).tolist()


@pytest.mark.parametrize("size", [0, -1, 1.5, "64", None])
def test_no_number_of_texts_at_once_is_refused(classifier: Classifier, size: Any) -> None:
    with pytest.raises(InputError, match=f"batch_size is {size}"):
        classifier.predict(["a"], batch_size=size)


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
        ("0.9", "abstain is 0.9; it is an accuracy"),
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


def test_it_loads_from_anywhere_and_its_host_is_left_as_it_was(
    exported: Path, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LABEL, str(exported)],
        cwd=tmp_path, env=os.environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.strip() in Classifier.load(exported).classes, done.stderr
    assert done.returncode == 0, done.stderr


def ask(classifier: Classifier, texts: list[str]) -> bytes:
    return classifier.predict_proba(texts).tobytes()


def test_threads_that_ask_at_once_have_the_answers_of_one(exported: Path) -> None:
    """Also the first calls, and of texts that are cut and spell out tokens."""
    asked = [[f"{number} </s> rose " * 200, TEXTS[number % 3]] for number in range(24)]
    alone = [ask(Classifier.load(exported), texts) for texts in asked[:1]]
    shared = Classifier.load(exported)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, [shared] * len(asked), asked))
    assert found[:1] == alone
    assert found == [ask(shared, texts) for texts in asked]


def test_a_pickle_is_the_folder_which_each_process_loads_once(exported: Path) -> None:
    classifier = Classifier.load(os.path.relpath(exported))
    sent = pickle.dumps(classifier)
    assert len(sent) < 1000
    found = pickle.loads(sent)
    assert found is pickle.loads(sent) and found is not classifier
    assert ask(found, TEXTS) == ask(classifier, TEXTS)


def test_a_pickle_of_a_model_that_was_replaced_is_refused(exported: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(exported, tmp_path / "merged")
    sent = pickle.dumps(Classifier.load(folder))
    (folder / "README.md").write_text("another model")
    (folder / SEAL).unlink()
    seal(folder)
    with pytest.raises(InputError, match="not the model that was sent here"):
        pickle.loads(sent)


def test_a_model_that_is_loaded_stays_as_it_was_whatever_becomes_of_its_folder(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(exported, tmp_path / "merged")
    monkeypatch.chdir(tmp_path)
    loaded = Classifier.load("merged")
    known = ask(loaded, TEXTS)
    weights = folder / "model.safetensors"
    with weights.open("r+b") as file:  # in its place, as cp does
        file.seek(weights.stat().st_size // 8)
        file.write(bytes(weights.stat().st_size * 7 // 8))
    assert ask(loaded, TEXTS) == known
    os.truncate(weights, 100)
    shutil.rmtree(folder)
    monkeypatch.chdir("/")
    assert ask(loaded, TEXTS) == known


def test_a_copy_and_one_that_was_made_here_are_pickled_whole(
    exported: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(exported, tmp_path / "merged")
    loaded = Classifier.load(folder)
    shutil.rmtree(folder)
    made = Classifier(loaded.model, loaded.encoder, loaded.certainties)
    for one in (made, deepcopy(loaded)):
        assert ask(pickle.loads(pickle.dumps(one)), TEXTS) == ask(loaded, TEXTS)
    assert copy(loaded).model is loaded.model
    assert deepcopy(loaded).model is not loaded.model


def test_a_forked_process_does_not_wait_for_threads_of_its_parent(classifier: Classifier) -> None:
    """Whatever the parent computed before in several."""
    many = TEXTS * 200
    torch.set_num_threads(2)
    known = ask(classifier, many)
    torch.ones(1 << 20).exp()
    mine, theirs = multiprocessing.get_context("fork").Pipe()

    def answer() -> None:
        theirs.send((ask(classifier, many), torch.ones(1 << 20).exp()[0].item()))

    child = multiprocessing.get_context("fork").Process(target=answer)
    child.start()
    try:
        assert mine.poll(60), "it waits"
        assert mine.recv()[0] == known
    finally:
        child.kill()


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
