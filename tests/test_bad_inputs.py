"""Bad input ends in one message that says what to do, and leaves every earlier output as it was.

The tests share one small repository with a good run in it. Each spoils an input, runs the stage
that reads it and puts the input back. Those that are ``real`` run `dvc repro`, the others only the
stage's command, in this process: that saves the seconds that its imports take.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import traceback
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from transformers import PreTrainedTokenizerFast

from reprotune.builtin import headlines
from reprotune.core.runner import main
from reprotune.models.loading import Precision, load_model
from reprotune.models.prompts import PromptEncoder
from reprotune.scoring.scores import normalize, score_texts
from reprotune.tables import predictions
from stages import audit, base_model, curate, download, features, folds, roles, split
from tests import tiny
from tests.projects import ROOT, change, made, run_stages

FILES = Path(__file__).parent / "bad_inputs"
STAGES: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
KINDS = ("outs", "metrics", "plots")
KEEPING = {"download", "base_model", "roles", "curate", "split", "export"}
COMMANDS = {
    module.__name__.removeprefix("stages."): module.run
    for module in (download, base_model, roles, features, folds, audit, curate, split)
}
INPUTS = ("params.yaml", "data/decisions.csv", "data/source", "models/source")
OTHER = (".git", ".dvc", ".reprotune", "reports/data_docs", "reports/run.json", *INPUTS)
SMALL = {
    "bad_rows: 0.01": "bad_rows: 0.0",
    "rows: {min: 1000": "rows: {min: 1",
    "test_per_class: 200": "test_per_class: 4",
    "validation_per_class: 50": "validation_per_class: 2",
    "train_per_class: 300": "train_per_class: 6",
}
AT_SIGN = {
    'delimiter: ","': 'delimiter: "@"',
    "header: true": "header: false",
    "text_column: text": "text_column: 0",
    "label_column: label": "label_column: 1",
}
ODD = (
    "הרווח הנקי של החברה עלה ב־7 אחוזים",
    "انخفضت المبيعات الصافية، قال المدير",
    "Profit 📈🚀👩🏽‍💻👨‍👩‍👧‍👦 🏳️‍🌈 🇫🇮",
    "Выручка 売上高 الإيرادات הכנסות 매출 up ١٢٪ / 12 %",
    'one line, "quoted"\nand the next\n\nand a last',
    "e\u0301 \u202bעברית\u202c \u200fRTL\u200e \u2028 ﬁ ß İ",
)

NOT_UTF_8 = r"is not utf-8; try download\.encoding: (latin-1|cp1252)$"
NOT_READABLE = r"not readable as \.(csv|txt): "
BROKEN = r"\d of \d rows cannot be used \(broken line: \d\), .*row \d: broken line: "
OR_THE_PARAMETER = r"correct the data or, if the data is right, the parameter; "

pytestmark = pytest.mark.slow
Spoil = Callable[[Path], None]


class UnclearError(AssertionError):
    """A message that does not say what it must."""


@dataclass(frozen=True)
class Case:
    """How an input is spoilt, the stage that must stop, and what it must say (a pattern)."""

    stage: str
    spoil: Spoil
    said: str
    real: bool = False
    passed: str | None = None  # a stage that rightly runs before, and writes its outputs


def case(name: str, *values: Any, bug: str | None = None, **more: Any) -> Any:
    expected = pytest.mark.xfail(strict=True, raises=UnclearError, reason=bug or "")
    return pytest.param(Case(*values, **more), id=name, marks=[expected] if bug else [])


def reproduce(root: Path) -> subprocess.CompletedProcess[str]:
    bin_folder = Path(sys.executable).parent
    return subprocess.run(
        [bin_folder / "dvc", "repro", "split", "base_model"],
        cwd=root,
        env=os.environ | {"PATH": f"{bin_folder}:{os.environ['PATH']}", "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )


def written(stage: str) -> dict[str, Any]:
    """What a stage writes, with DVC's settings for it."""
    listed = [entry for key in KINDS for entry in STAGES[stage].get(key, [])]
    return {
        name: settings
        for entry in listed
        for name, settings in (entry if isinstance(entry, dict) else {entry: {}}).items()
    }


def listing(root: Path) -> dict[str, str]:
    """Every file but inputs, caches and what changes from run to run, with its hash."""
    return {
        name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(root.rglob("*"))
        if file.is_file()
        and "__pycache__" not in file.parts
        and not (name := file.relative_to(root).as_posix()).startswith(OTHER)
    }


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with data and a model of its own, run once up to the split."""
    root = tmp_path_factory.mktemp("project")
    made(root, headlines.examples(rows=120, wrong=0, repeated=0, seed=1), SMALL)
    run_stages(root, COMMANDS)
    assert {"data/raw/examples.parquet", "models/base/base.json"} <= set(listing(root))
    return root


@pytest.fixture
def spoilt(project: Path, tmp_path: Path) -> Iterator[Path]:
    """The repository; its inputs, and outputs that changed, are put back afterwards."""
    before = listing(project)
    for name in (*INPUTS, *before):
        copy_any(project / name, tmp_path / name)
    yield project
    for name in (*INPUTS, *before):
        copy_any(tmp_path / name, project / name)
    assert listing(project) == before


def copy_any(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target)
    else:
        shutil.copy2(source, target)


def source(name: str, replacements: Mapping[str, str] | None = None) -> Spoil:
    """Read this file of ``bad_inputs`` instead of the good one."""

    def spoil(root: Path) -> None:
        shutil.copy(FILES / name, root / "data/source")
        changes = {"location: own.csv": f"location: {name}"} | dict(replacements or {})
        change(root / "params.yaml", changes)

    return spoil


def parameters(replacements: Mapping[str, str]) -> Spoil:
    return lambda root: change(root / "params.yaml", replacements)


def parameter(old: str, new: str) -> Spoil:
    return parameters({old: new})


def overwritten(name: str, content: str) -> Spoil:
    def spoil(root: Path) -> None:
        (root / name).write_text(content, "utf-8")

    return spoil


def few_rows(label: str, count: int) -> Spoil:
    def spoil(root: Path) -> None:
        file = root / "data/source/own.csv"
        rows = pd.read_csv(file)
        rows[(rows["label"] != label) | (rows.groupby("label").cumcount() < count)].to_csv(
            file, index=False
        )

    return spoil


def huge_cell(root: Path) -> None:
    with (root / "data/source/own.csv").open("a", encoding="utf-8") as file:
        file.write(f'"{"Net sales rose. " * 655_360}",positive\n')


def model_folder(name: str, *wanted: str) -> Spoil:
    """Use a model folder that holds only these files of a good one."""

    def spoil(root: Path) -> None:
        (root / "models/source" / name).mkdir()
        for file in wanted:
            shutil.copy(root / "models/source/tiny" / file, root / "models/source" / name)
        change(root / "params.yaml", {"location: tiny": f"location: {name}"})

    return spoil


def cut_weights(share: float) -> Spoil:
    def spoil(root: Path) -> None:
        file = root / "models/source/tiny/model.safetensors"
        file.write_bytes(file.read_bytes()[: int(file.stat().st_size * share)])

    return spoil


def no_padding(root: Path) -> None:
    bare = PreTrainedTokenizerFast(tokenizer_object=tiny.tokenizer().backend_tokenizer)
    folder = root / "models/source/tiny"
    for file in folder.glob("*token*"):
        file.unlink()
    bare.save_pretrained(folder)


def bert(root: Path) -> None:
    tiny.save(root / "models/source/bert", tiny.bert())
    change(root / "params.yaml", {"location: tiny": "location: bert"})


def decisions_against(label: str, count: int) -> Spoil:
    """People's decisions that quarantine so many training rows of a class."""

    def spoil(root: Path) -> None:
        rows = pd.read_csv(root / "reports/rows.csv", dtype="str")
        ids = rows.loc[(rows["label"] == label) & (rows["role"] == "train"), "id"].head(count)
        with (root / "data/decisions.csv").open("a", encoding="utf-8") as file:
            file.writelines(f"{one},quarantine,,,\n" for one in ids)

    return spoil


CASES = [
    case(
        "a missing file",
        "download",
        parameter("location: own.csv", "location: gone.csv"),
        r"data/source/gone\.csv: no such file.*download\.files.*data/source holds \['own\.csv'\]",
    ),
    case(
        "an unknown text column",
        "download",
        parameter("text_column: text", "text_column: body"),
        r"own\.csv: no column 'body' \(download\.text_column\); it has \['text', 'label'\]",
    ),
    case(
        "an unknown label column",
        "download",
        parameter("label_column: label", "label_column: class"),
        r"own\.csv: no column 'class' \(download\.label_column\); it has \['text', 'label'\]",
    ),
    case(
        "the wrong delimiter",
        "download",
        parameter('delimiter: ","', 'delimiter: ";"'),
        r"source/own\.csv: no column 'text' .*is it the wrong download\.delimiter\?$",
    ),
    case(
        "an unknown label",
        "download",
        source("unknown_label.csv"),
        r"unknown_label\.csv: label 'postive' \(1 row, first in line 5\) is not in "
        r"download\.labels; allowed are \['negative', 'neutral', 'positive'\]; add "
        r"it with its class, or with null",
    ),
    case(
        "an empty text",
        "download",
        source("empty_text.csv"),
        r"empty_text\.csv: 1 of 6 rows cannot be used \(empty text: 1\), and "
        r"download\.bad_rows allows 0 of them: correct or remove them, or allow more \(reprotune "
        r"init --bad-rows 0\.17\)\..* row 3: empty text",
    ),
    case(
        "latin-1 read as utf-8",
        "download",
        source("latin_1.csv"),
        rf"latin_1\.csv: byte 0xe9 at offset 169, in line 4, {NOT_UTF_8}",
        real=True,
    ),
    case(
        "latin-1 with one letter beyond ASCII read as utf-8",
        "download",
        source("latin_1_one_letter.csv"),
        rf"latin_1_one_letter\.csv: byte 0xf6 at offset 75, in line 2, {NOT_UTF_8}",
    ),
    case(
        "utf-8 read as latin-1",
        "download",
        source("utf_8.csv", {"encoding: utf-8": "encoding: latin-1"}),
        r"utf_8\.csv: is in UTF-8, .*garbled as latin-1; set download\.encoding: utf-8$",
    ),
    case(
        "a byte-order mark of utf-8 read as latin-1",
        "download",
        source("byte_order_mark.csv", {"encoding: utf-8": "encoding: latin-1"}),
        r"byte_order_mark\.csv: starts with the byte-order mark of utf-8; set download\.encoding: "
        r"utf-8$",
    ),
    case(
        "utf-16 read as utf-8",
        "download",
        source("utf_16.csv"),
        r"utf_16\.csv: starts with the byte-order mark of utf-16; set download\.encoding: utf-16$",
    ),
    case(
        "a NUL byte",
        "download",
        source("nul.csv"),
        r"nul\.csv: line 6 holds a NUL character, .*remove it, or save it as UTF-8",
    ),
    case(
        "a stray quotation mark",
        "download",
        source("stray_quote.csv"),
        rf"stray_quote\.csv: {BROKEN}line 3 has a stray quotation mark ",
    ),
    case(
        "a quotation mark that is never closed",
        "download",
        source("unclosed_quote.csv"),
        rf"unclosed_quote\.csv: {BROKEN}line 5 has a stray quotation mark \(unexpected end",
    ),
    case(
        "a line break without quotes",
        "download",
        source("line_break.csv"),
        rf"line_break\.csv: {BROKEN}line 5 has 1 column, the first has 2: Dalola won an order$",
    ),
    case(
        "a broken line of sentence@label",
        "download",
        source("line_break.txt", AT_SIGN),
        rf"line_break\.txt: {BROKEN}line 4 has 1 column, the first has 2",
    ),
    case(
        "two columns of one name",
        "download",
        source("duplicate_columns.csv"),
        r"duplicate_columns\.csv: no column 'label' \(download\.label_column\); it has "
        r"\['text', 'label \(1\)', 'label \(2\)'\]; those of one name are numbered",
    ),
    case(
        "a header and no rows",
        "download",
        source("header_only.csv"),
        rf"header_only\.csv: {NOT_READABLE}it has a header and no rows.*"
        r"(add|download\.(header|files))",
    ),
    case(
        "one class only",
        "download",
        source("one_class.csv"),
        rf"data/source.*{OR_THE_PARAMETER}.*"
        r"expectations\.class_share: in raw, the share of class negative is 0\.05 to 0\.8, but it "
        r"is 0\n.*class neutral is 0\.05 to 0\.8, but it is 1\n.*positive is .*, but it is 0$",
    ),
    case(
        "a cell of 10 MB",
        "download",
        huge_cell,
        r"own\.csv: 1 of 121 rows cannot be used \(broken line: 1\).*download\.bad_rows allows 0.*"
        r"row 121: broken line: .*field larger than field limit",
    ),
    case(
        "a misspelt parameter",
        "roles",
        parameter("test_per_class: 4", "tets_per_class: 4"),
        r"params\.yaml: 2 parameters are wrong:\n  roles\.test_per_class is missing; .*\n"
        r"  roles\.tets_per_class is no parameter; did you mean test_per_class\?",
        real=True,
    ),
    case(
        "a misspelt section",
        "roles",
        parameter("audit:", "audits:"),
        r"params\.yaml: .*audit is missing; .*audits is no parameter; did you mean audit\?",
    ),
    case(
        "a number out of range",
        "roles",
        parameter("near_duplicate_threshold: 0.8", "near_duplicate_threshold: 1.8"),
        r"params\.yaml: .*roles\.near_duplicate_threshold is 1\.8; .*less than or equal to 1$",
    ),
    case(
        "a word that is no choice",
        "download",
        parameter("max: 10000000, severity: stop", "max: 10000000, severity: halt"),
        r"params\.yaml: .*expectations\.rows\.severity is 'halt'; .*'stop' or 'warn'$",
    ),
    case(
        "a class with too few rows for test",
        "roles",
        parameter("test_per_class: 4", "test_per_class: 14"),
        r"test_per_class 14 and train_per_class 6 need 20 rows of each class, but there are "
        r"\{'negative': 15\}; lower them or add rows",
    ),
    case(
        "too few rows for test where train takes the rest",
        "roles",
        parameters(
            {
                "test_per_class: 4": "test_per_class: 15",
                "train_per_class: 6": "train_per_class: null",
            }
        ),
        r"test_per_class 15 and train_per_class null need 16 rows of each class, but there are "
        r"\{'negative': 15\}; lower them or add rows",
    ),
    case(
        "a class with too few rows for train",
        "roles",
        parameter("train_per_class: 6", "train_per_class: 32"),
        r"test_per_class 4 and train_per_class 32 need 36 rows of each class, but there are "
        r"\{'negative': 15, 'positive': 34\}; lower them or add rows",
    ),
    case(
        "a file with too few rows of a class",
        "roles",
        few_rows("negative", 9),
        r"test_per_class 4 and train_per_class 6 need 10 rows of each class, but there are "
        r"\{'negative': 9\}; lower them or add rows",
        real=True,
        passed="download",
    ),
    case(
        "a class with too few rows for train after decisions",
        "split",
        decisions_against("negative", 5),
        r"train needs 6 rows of each class after curation, but there are \{'negative': \d\}; "
        r"lower roles\.train_per_class, keep more in curate or add rows",
        real=True,
        passed="curate",
    ),
    case(
        "no such model folder",
        "base_model",
        parameter("location: tiny", "location: tini"),
        r"model\.location tini: no such folder; models/source holds \['tiny'\]",
    ),
    case(
        "a folder that is no model",
        "base_model",
        model_folder("notes", "config.json"),
        r"models/source/notes: not a model folder, for it lacks tokenizer\.json or .*, "
        r"model\.safetensors; save one there with save_pretrained\(\)",
    ),
    case(
        "a model whose config names no architecture",
        "base_model",
        overwritten("models/source/tiny/config.json", "{}"),
        r"models/source/tiny/config\.json: .*save",
    ),
    case(
        "a model whose config is a list",
        "base_model",
        overwritten("models/source/tiny/config.json", "[]"),
        r"models/source/tiny/config\.json: .*save",
    ),
    case(
        "a broken index of shards",
        "base_model",
        overwritten("models/source/tiny/model.safetensors.index.json", "{"),
        r"models/source/tiny/model\.safetensors\.index\.json: .*(save|fetch)",
    ),
    case(
        "weights that are cut off",
        "base_model",
        cut_weights(0.5),
        r"models/source/tiny/model\.safetensors: not readable as safetensors \(.*\): cut off, or "
        r".*; fetch it again",
        real=True,
    ),
    case(
        "weights that are cut off within their header",
        "base_model",
        cut_weights(0.001),
        r"models/source/tiny/model\.safetensors: not readable as safetensors \(.*\): cut off, or "
        r".*; fetch it again",
    ),
    case(
        "a tokenizer that is cut off",
        "base_model",
        overwritten("models/source/tiny/tokenizer.json", '{"version": '),
        r"models/source/tiny: its tokenizer cannot be read: .*(save|fetch)",
    ),
    case(
        "a tokenizer with neither pad nor end token",
        "base_model",
        no_padding,
        r"models/source/tiny: its tokenizer has neither a pad token nor an end token, .*; set "
        r"tokenizer\.pad_token and save_pretrained\(\) it there",
    ),
    case(
        "a BERT that is to say the next word",
        "base_model",
        bert,
        r"models/source/bert: a BertModel predicts no next word, as model\.task causal needs; use "
        r"model\.task classification",
    ),
]


@pytest.mark.parametrize("case", CASES)
def test_bad_input_ends_in_one_message_and_changes_no_output(
    spoilt: Path, case: Case, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = listing(spoilt)
    case.spoil(spoilt)
    monkeypatch.chdir(spoilt)
    code, output = real_run(spoilt) if case.real else run_alone(case.stage, capfd, monkeypatch)
    allowed = {"dvc.lock", *written(case.passed)} if case.passed else set()
    changed = {name for name, _ in before.items() ^ listing(spoilt).items()}
    message = output.partition(f"{case.stage}: ")[2].partition("\nERROR: failed to reproduce")[0]
    if code == 0:
        raise UnclearError("no message at all")
    assert changed <= allowed
    if not re.search(case.said, message.strip(), re.DOTALL) or "Traceback" in output:
        raise UnclearError(output)
    assert re.findall(r"^([a-z_]+): ", output, re.MULTILINE) == [case.stage]
    assert case.real or output.startswith(case.stage)


def real_run(root: Path) -> tuple[int, str]:
    result = reproduce(root)
    return result.returncode, result.stdout + result.stderr


def run_alone(
    stage: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> tuple[int, str]:
    """Exit code and output of `python -m stages.STAGE`."""
    monkeypatch.setattr(sys, "argv", [f"stages/{stage}.py"])
    capfd.readouterr()
    code, end = 0, ""
    try:
        main(COMMANDS[stage])
    except SystemExit as stop:
        code, end = 1, f"{stop.code}\n"
    except Exception:
        code, end = 1, traceback.format_exc()
    captured = capfd.readouterr()
    return code, captured.out + captured.err + end


def test_the_cheap_stages_and_the_export_keep_their_outputs_when_they_fail() -> None:
    assert {
        name for name, stage in STAGES.items() if stage.get("meta") == {"keep": True}
    } == KEEPING


@pytest.fixture(scope="module")
def odd_rows(project: Path) -> pd.DataFrame:
    """The good rows, each with a text that is hard to handle; the first few have nothing else."""
    rows = pd.read_csv(project / "data/source/own.csv")
    rows["text"] = [f"{ODD[n % len(ODD)]} {text}" for n, text in enumerate(rows["text"])]
    rows.loc[: len(ODD) - 1, "text"] = list(ODD)
    return rows


def test_texts_of_every_script_come_through_to_the_split_as_they_were(
    project: Path,
    odd_rows: pd.DataFrame,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in INPUTS:
        copy_any(project / name, tmp_path / name)
    odd_rows.to_csv(tmp_path / "data/source/own.csv", index=False, encoding="utf-8-sig")
    parameter("train_per_class: 6", "train_per_class: null")(tmp_path)
    monkeypatch.chdir(tmp_path)
    for stage in ("download", "roles", "audit", "curate", "split"):
        assert run_alone(stage, capfd, monkeypatch) == (0, "")
    parts = [
        pd.read_parquet(f"data/splits/{part}.parquet") for part in ("train", "validation", "test")
    ]
    came_through = pd.concat(parts)[["text", "label"]].sort_values("text", ignore_index=True)
    assert came_through.equals(odd_rows[["text", "label"]].sort_values("text", ignore_index=True))


def test_texts_of_every_script_are_scored_and_come_back_from_a_prediction_file(
    project: Path, odd_rows: pd.DataFrame, tmp_path: Path
) -> None:
    classes = list(headlines.CLASSES)
    verbalizers = {name: f" {name}" for name in classes}
    encoder = PromptEncoder(tiny.tokenizer(), "{text}\nSentiment:", verbalizers, 256)
    texts = odd_rows["text"].head(2 * len(ODD))
    for text in texts:
        read = tiny.tokenizer().decode(encoder.prompt(text), skip_special_tokens=True)
        assert read == unicodedata.normalize("NFC", encoder.render(text))
    precision = Precision("none", double_quantization=False, compute_dtype="float32")
    model = load_model(project / "models/source/tiny", precision, encoder)
    probability = normalize(score_texts(model, encoder, texts, 4, "test"))
    assert np.isfinite(probability).all()
    assert len(np.unique(probability, axis=0)) == len(texts)
    rows = odd_rows.head(len(texts)).assign(id=[f"{n:016x}" for n in range(len(texts))])
    table = predictions.table(rows, probability, classes)
    predictions.write(table, tmp_path / "predictions.csv")
    read = predictions.read(tmp_path / "predictions.csv")
    pd.testing.assert_frame_equal(read, table, check_dtype=False)
