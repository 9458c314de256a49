"""A later file with labels is scored as the test rows were, beside what can be asked in no time."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from reprotune import cli
from reprotune.builtin import headlines
from reprotune.core import paths
from reprotune.data.ids import add_ids
from reprotune.evaluation.metrics import score
from reprotune.project.score import read_fit
from reprotune.tables import metrics, predictions, schemas
from tests import tiny

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.export(tmp_path_factory.mktemp("merged"))


@pytest.fixture
def rows() -> pd.DataFrame:
    return headlines.examples(rows=150, wrong=0, repeated=0, seed=2)[["text", "label"]]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, exported: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "profiles/builtin.yaml", "params.yaml")
    paths.MERGED.parent.mkdir()
    paths.MERGED.symlink_to(exported)
    return tmp_path


def test_every_figure_is_that_of_the_functions_of_evaluate(
    rows: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    rows.to_csv("later.csv", index=False)
    cli.main(["predict", "later.csv", "--output", "said.csv"])
    capsys.readouterr()
    cli.main(["score", "later.csv", "--json"])
    found = json.loads(capsys.readouterr().out)
    expected = score(pd.read_csv("said.csv"), list(headlines.CLASSES))
    assert found["test"]["accuracy"] == pytest.approx(expected.accuracy, abs=1e-6)
    assert found["test"]["f1"] == pytest.approx(expected.f1, abs=1e-6)
    assert found["test"]["interval"]["accuracy"][0] < expected.accuracy
    assert found["rows_left_out"] == 0 and found["gain_over"] == {}
    assert "without_doubted" not in found, "no audit saw these rows"


def test_baselines_and_a_former_model_are_paired_and_leaked_rows_counted(
    rows: pd.DataFrame, exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train = add_ids(rows[:90]).assign(reference_label=None).astype({"reference_label": "str"})
    schemas.write(train, paths.TRAIN, schemas.Split)
    pd.concat([rows[90:], rows[:10]]).to_csv("later.csv", index=False)
    shutil.copytree(exported, "former")
    cli.main(["score", "later.csv", "--against", "former", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert set(found["gain_over"]) == {"majority", "tfidf", "former"}
    assert found["gain_over"]["former"]["gained"] == found["gain_over"]["former"]["lost"] == 0
    assert found["without_leaked"]["rows"] <= 60
    cli.main(["score", "later.csv"])
    shown = capsys.readouterr().out
    assert "70 rows: accuracy" in shown and "over tfidf: " in shown
    assert "nearly the same as a training row" in shown


def test_the_fit_is_over_the_temperature_that_an_export_has_in_its_head() -> None:
    said = {"label": ["a", "b"], "predicted": ["a", "b"], "a": [0.9, 0.2], "b": [0.1, 0.8]}
    predictions.write(pd.DataFrame({"id": ["1", "2"], "text": ["x", "y"], **said}), paths.FIT)
    parity = {"agreement": 1.0, "ties": 0, "log_likelihood_change": 0.0}
    parity |= {"log_likelihood_change_max": 0.0, "rows": 2, "bytes": 1}
    for temperature, known in ((1.0, 0.9), (2.0, 0.75)):  # of odds of 9, and of their root
        metrics.write(paths.EXPORT_METRICS, metrics.Export(**parity, temperature=temperature))
        assert read_fit(["a", "b"])["a"][0] == pytest.approx(known)


def test_rows_without_a_text_or_a_class_are_left_out_and_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("later.csv").write_text("text,label\nup,positive\n,positive\ndown,sad\nflat,neutral\n")
    cli.main(["score", "later.csv"])
    shown = capsys.readouterr()
    assert "2 rows: accuracy" in shown.out
    assert "row 2: empty text; row 3: label 'sad' is no class" in shown.err


def test_what_people_refused_in_a_tool_for_labelling_is_not_scored(
    capsys: pytest.CaptureFixture[str],
) -> None:
    kinds = {"up": "accept", "down": "accept", "flat": "reject", "none": "ignore"}
    said = [
        {"text": text, "label": "positive", "answer": answer, "_task_hash": 1}
        for text, answer in kinds.items()
    ]
    Path("later.jsonl").write_text("\n".join(map(json.dumps, said)))
    cli.main(["score", "later.jsonl", "--json"])
    assert json.loads(capsys.readouterr().out)["rows_left_out"] == 2


def test_another_spelling_of_a_label_is_that_label(capsys: pytest.CaptureFixture[str]) -> None:
    Path("later.csv").write_text("text,label\nup,Positive\ndown, POSITIVE \nflat,neutral\n")
    cli.main(["score", "later.csv", "--json"])
    assert json.loads(capsys.readouterr().out)["rows_left_out"] == 0


def test_columns_are_found_as_training_finds_them(
    rows: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    rows.rename(columns={"text": "a {b}"}).to_csv("braces.csv", index=False)
    nested = [{"text": row.text, "meta": {"label": row.label}} for row in rows.itertuples()]
    Path("nested.jsonl").write_text("\n".join(map(json.dumps, nested)))
    for arguments in (
        ["braces.csv", "--text-column", "a {b}"],
        ["nested.jsonl", "--label-column", "meta.label"],
    ):
        cli.main(["score", *arguments, "--json"])
        assert json.loads(capsys.readouterr().out)["rows_left_out"] == 0


def test_a_column_for_each_class_is_read_as_init_reads_it(
    rows: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = pd.get_dummies(rows["label"]).astype(int)
    flags.iloc[0] = 1  # of several classes
    later = pd.concat([rows["text"], flags], axis="columns")
    later.to_csv("later.csv", index=False)
    lines = [{"text": r.pop("text"), "cats": r} for r in later.to_dict("records")]
    Path("later.jsonl").write_text("\n".join(map(json.dumps, lines)))
    for file in ("later.csv", "later.jsonl"):
        cli.main(["score", file, "--json"])
        found = json.loads(capsys.readouterr().out)
        assert found["rows_left_out"] == 1
        assert found["test"]["support"] == rows["label"][1:].value_counts().to_dict()


@pytest.mark.parametrize(
    ("content", "arguments", "message"),
    [
        ("text,label\na,sad\n", [], "allowed are ['negative', 'neutral', 'positive']"),
        ("text\na\n", [], "no column 'label'; it has ['text']"),
        ("text,label\na,neutral\n", ["--model", "absent"], "absent: no exported model here"),
    ],
)
def test_what_cannot_be_scored_is_said(content: str, arguments: list[str], message: str) -> None:
    Path("later.csv").write_text(content)
    with pytest.raises(SystemExit) as error:
        cli.main(["score", "later.csv", *arguments])
    assert message in str(error.value)


def test_a_model_for_other_classes_is_refused() -> None:
    Path("later.csv").write_text("text,label\na,neutral\n")
    changed = Path("params.yaml").read_text().replace('"neutral": neutral', '"neutral": null')
    Path("params.yaml").write_text(changed.replace('    neutral: " neutral"\n', ""))
    with pytest.raises(SystemExit, match="made for the classes"):
        Path("later.csv").write_text("text,label\na,positive\n")
        cli.main(["score", "later.csv"])
