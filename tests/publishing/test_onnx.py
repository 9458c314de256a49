"""The forms in ONNX say what the export says, or are not there."""

import json
import shutil
from pathlib import Path

import pytest

from reprotune import cli
from reprotune.builtin import headlines
from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.seals import seal
from reprotune.export.classifier import as_classifier
from reprotune.models.exported import save_classifier, save_merged
from reprotune.models.prompts import PromptEncoder
from reprotune.publishing import onnx
from reprotune.publishing.onnx import FP32, INT8, Form, convert
from tests import tiny
from tests.conftest import PARAMS

WORDS = {name: f" {name}" for name in headlines.CLASSES}
TEXTS = ["Costs </s> <s> rose", "a\nb", "profit " * 300, "öß"]
ROWS = headlines.examples(rows=60, wrong=0.06, repeated=0.02, seed=1)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Form]]:
    """A project with an export and its forms."""
    folder = tmp_path_factory.mktemp("project")
    merged = folder / paths.MERGED
    encoder = PromptEncoder(tiny.tokenizer(), "News: {text}\nSentiment:", WORDS, 64)
    texts = [*TEXTS, *ROWS["text"]]
    classifier, reader = as_classifier(tiny.gpt2(), encoder, 1.7, texts)
    save_merged(classifier, reader.tokenizer, "float16", merged)
    save_classifier(reader, merged)
    seal(merged)
    return folder, list(convert(merged, folder / paths.ONNX, texts, 16, 1, 1.0))


@pytest.fixture
def copied(made: tuple[Path, list[Form]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project once more; what it would trace is copied. Returns the traced file."""
    shutil.copytree(made[0], tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    shutil.copy(PARAMS, paths.PARAMS)
    paths.TEST.parent.mkdir(parents=True)
    table = ROWS.assign(id=[f"{n:016x}" for n in range(len(ROWS))])
    table[["id", "text", "label", "reference_label"]].to_parquet(paths.TEST)
    traced = made[0] / paths.ONNX / FP32
    monkeypatch.setattr(onnx, "write_fp32", lambda _, file: shutil.copy(traced, file))
    return traced


def negate(source: Path, target: Path) -> None:
    """A form that says the contrary."""
    from onnx import helper, load, save

    form = load(source)
    (last,) = (node for node in form.graph.node if "logits" in node.output)
    last.output[0] = "contrary"
    form.graph.node.append(helper.make_node("Neg", ["contrary"], ["logits"]))
    save(form, target)


@pytest.mark.slow
def test_fp32_says_the_same_and_int8_is_smaller(made: tuple[Path, list[Form]]) -> None:
    project, (whole, fp32, int8) = made
    assert (whole.agreement, fp32.agreement) == (1, 1)
    assert fp32.change_max < 1e-5 < int8.change_max < 0.2
    assert int8.bytes < fp32.bytes / 2
    assert min(one.seconds for one in (whole, fp32, int8)) > 0
    folder = project / paths.ONNX
    noted = json.loads((folder / "onnx.json").read_text())
    assert [one["name"] for one in noted["forms"]] == [FP32, INT8]
    assert noted["rows"] == len(TEXTS) + len(ROWS)
    sealed = json.loads((folder / "sha256.json").read_text())
    assert sealed.keys() == {one.name for one in folder.iterdir()} - {"sha256.json"}
    assert not [*folder.glob("*.safetensors"), *folder.glob("reprotune.json")]


@pytest.mark.slow
def test_int8_beyond_the_tolerance_is_left_out(
    copied: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx, "write_int8", lambda folder: negate(copied, folder / INT8))
    with pytest.raises(SystemExit) as ended:
        cli.main(["onnx", "--json"])
    assert ended.value.code == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["ok"], told["folder"]) == (False, "models/onnx")
    assert told["forms"][2]["agreement"] < 0.5
    names = {one.name for one in paths.ONNX.iterdir()}
    assert FP32 in names
    assert INT8 not in names


@pytest.mark.slow
def test_another_model_than_the_export_is_refused_and_the_folder_stays(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx, "write_fp32", lambda _, file: negate(copied, file))
    before = (paths.ONNX / "sha256.json").read_bytes()
    with pytest.raises(InputError, match=r"model\.onnx says something else than models/merged"):
        list(convert(paths.MERGED, paths.ONNX, list(ROWS["text"]), 16, 1, 1.0))
    assert (paths.ONNX / "sha256.json").read_bytes() == before


def test_a_causal_model_has_no_forms_in_onnx(tmp_path: Path) -> None:
    folder = tiny.export(tmp_path / "causal")
    with pytest.raises(InputError, match=r"is a causal model.*set export\.form classifier"):
        list(convert(folder, tmp_path / "onnx", TEXTS, 16, 1, 0.01))
    assert not (tmp_path / "onnx").exists()


def test_a_folder_with_what_is_of_somebody_else_is_left_as_it_is(tmp_path: Path) -> None:
    target = tmp_path / "onnx"
    target.mkdir()
    (target / "notes.txt").write_text("kept")
    for noted in (None, ["notes.txt"], ["onnx.json"]):  # no seal, an export's, this command's
        if noted:
            (target / "sha256.json").write_text(json.dumps(dict.fromkeys(noted, "")))
        with pytest.raises(InputError, match=r"holds '(notes.txt|sha256.json)', which this"):
            next(convert(tmp_path, target, TEXTS, 16, 1, 0.01))
    assert (target / "notes.txt").read_text() == "kept"
    (target / "notes.txt").unlink()
    with pytest.raises(InputError, match="no exported model"):
        next(convert(tmp_path, target, TEXTS, 16, 1, 0.01))
