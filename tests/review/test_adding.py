"""What a deployed model doubts is labelled blind, and then rows that can be added to the data."""

from pathlib import Path

import pandas as pd
import pytest

from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.params import Download
from reprotune.core.params_file import load_params
from reprotune.data.reading.files import read_files
from reprotune.review.adding import write_labelled
from reprotune.review.command import open_doubts
from reprotune.review.page import Page
from reprotune.review.queue import Filter
from reprotune.review.session import Form
from reprotune.tables import cells
from tests.projects import ROOT

FILE = Path("doubts.csv")
TEXTS = ["=a text, with a comma", 'sales "fell"', "=a text, with a comma", "costs", "nothing"]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Whose source calls the columns and the classes by other names."""
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "profiles/builtin.yaml").read_text()
    for name, raw in (("negative", "bad"), ("neutral", "so-so"), ("positive", "good")):
        text = text.replace(f'    "{name}": {name}', f'    "{raw}": {name}')
    text = text.replace("text_column: text ", "text_column: body ")
    Path("params.yaml").write_text(text.replace("label_column: label ", "label_column: tone "))
    table = pd.DataFrame({"text": TEXTS, "label": "", "predicted": "neutral", "score": 0.4})
    cells.write(table, FILE, guarded=True)
    return tmp_path


def test_labelled_doubts_become_rows_that_the_source_can_hold(project: Path) -> None:
    params = load_params()
    session = open_doubts(params, "ann", FILE)
    for answer in ("label:positive", "label:negative", "unsure", "quarantine"):
        view = session.view(Filter())
        assert view.row is not None and session.is_blind
        session.decide(Form(view.row.id, answer, view.seen, "", ()))
    assert session.view(Filter()).row is None, "a text that is there twice is asked once"
    told = write_labelled(FILE, params.download)
    assert told == "doubts.labelled.csv: 2 rows with a class, to add to the data"
    source = {"location": "doubts.labelled.csv", "sha256": None, "label": None, "split": None}
    known = params.download.model_dump() | {"kind": "file", "files": [source]}
    read = read_files(Download.model_validate(known), project)
    assert read.rows[["text", "label"]].to_numpy().tolist() == [
        [TEXTS[0], "positive"],
        [TEXTS[1], "negative"],
    ]


def test_answers_are_of_the_text_and_stand_for_the_doubts_of_another_day(project: Path) -> None:
    params = load_params()
    session = open_doubts(params, "ann", FILE)
    view = session.view(Filter())
    assert view.row is not None
    session.decide(Form(view.row.id, "label:neutral", view.seen, "", ()))
    other = Path("tomorrow.csv")
    cells.write(pd.DataFrame({"text": ["new", TEXTS[0]], "label": "positive"}), other, True)
    again = open_doubts(params, "ann", other)
    assert (again.figures().decided, again.figures().total) == (1, 2)
    write_labelled(other, params.download)
    assert pd.read_csv("tomorrow.labelled.csv").to_numpy().tolist() == [[TEXTS[0], "so-so"]]


def test_what_is_no_file_of_doubts_is_one_sentence(project: Path) -> None:
    for name, told in (("x.csv", "no such file; reprotune predict --doubts x.csv"),
                       ("params.yaml", "not what reprotune predict --doubts writes")):  # fmt: skip
        with pytest.raises(InputError, match=told):
            open_doubts(load_params(), "ann", Path(name))
    assert not paths.DOUBT_ANSWERS.exists()


def test_the_page_calls_doubts_what_they_are_and_says_when_there_are_none(project: Path) -> None:
    session, page = open_doubts(load_params(), "ann", FILE), Page()
    shown = page.row(session, session.view(Filter()))
    assert "<h1>What the model doubts</h1>" in shown and "sample" not in shown
    assert "what the model and the file say is hidden" in shown
    assert "no class fits</span>" in shown and "keep its label</span>" not in shown
    cells.write(pd.DataFrame({"text": [], "label": []}, dtype="str"), FILE, True)
    none = open_doubts(load_params(), "ann", FILE)
    assert "There is no row to ask about" in page.row(none, none.view(Filter()))
