"""Two versions on one file: where they differ, the queue of it, and who was right."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from reprotune import cli
from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.params_file import load_params
from reprotune.production import shadow
from reprotune.review.command import open_shadow
from reprotune.review.queue import Filter
from reprotune.review.session import Form
from reprotune.tables import cells
from tests import tiny
from tests.production.made import DAG, git

ROOT = Path(__file__).resolve().parents[2]
TEXTS = ["the profit rose", "sales fell by half", "=a meeting", "costs stay as they were", "x"]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported model, and one that answers in another way: other weights of the last layer."""
    import torch

    from reprotune.core.seals import SEAL, seal
    from reprotune.models.exported import load_classifier

    folder = tmp_path_factory.mktemp("models")
    tiny.export(folder / "old")
    shutil.copytree(folder / "old", folder / "new")
    model, _ = load_classifier(folder / "new")
    with torch.no_grad():
        model.get_output_embeddings().weight.neg_()
    model.save_pretrained(str(folder / "new"))
    (folder / "new" / SEAL).unlink()
    seal(folder / "new")
    return folder


@pytest.fixture
def project(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    git("init", "-q", "-b", "main")
    Path("dvc.yaml").write_text(DAG)
    shutil.copy(ROOT / "profiles/builtin.yaml", "params.yaml")
    pd.DataFrame({"text": [*TEXTS, TEXTS[0], ""]}).to_csv("new.csv", index=False)
    return tmp_path


Compare = Callable[[], dict[str, object]]


@pytest.fixture
def compare(project: Path, models: Path, capsys: pytest.CaptureFixture[str]) -> Compare:
    def run() -> dict[str, object]:
        cli.main(["shadow", str(models / "old"), str(models / "new"), "new.csv", "--json"])
        said = capsys.readouterr()
        assert "1 of 7 rows without an answer: row 7: " in said.err
        return dict(json.loads(said.out))

    return run


def test_disagreements_become_a_blind_queue_whose_answers_tell_who_was_right(
    compare: Compare,
) -> None:
    found = compare()
    assert (found["rows"], found["texts"]) == (6, 5)
    table = cells.read(paths.SHADOW)
    assert len(table) > 1 and (table["old"] != table["new"]).all()
    assert found["differing"] == table["rows"].sum()
    assert table["distance"].is_monotonic_decreasing
    assert set(table["text"]) <= {*TEXTS}
    session = open_shadow(load_params(), "ann")
    asked = Filter()
    for number, right in enumerate(table["new"]):
        view = session.view(asked)
        assert view.row is not None and view.row.text == table["text"][number], "in their order"
        session.decide(Form(view.row.id, f"label:{right}", "", "", ()))
    assert session.view(asked).row is None and session.wording.next_step == "reprotune shadow"
    again = compare()
    assert (again["new_right"], again["old_right"]) == (len(table), 0)
    assert again["p_value"] == pytest.approx(2 * 0.5 ** len(table))
    assert list(cells.read(paths.SHADOW)["answer"]) == list(table["new"])


def test_no_queue_yet_and_a_version_that_is_none_are_one_sentence(project: Path) -> None:
    with pytest.raises(InputError, match="reprotune shadow writes it"):
        open_shadow(load_params(), "ann")
    paths.SHADOW.parent.mkdir()
    paths.SHADOW.write_text("x\n")
    with pytest.raises(InputError, match="run reprotune shadow again"):
        open_shadow(load_params(), "ann")
    git("commit", "-q", "--allow-empty", "-m", "empty")
    for name, told in (("v9", "'v9' is no revision"), ("HEAD", "no folder models/merged")):
        with pytest.raises(InputError, match=told):
            shadow.compare(name, "HEAD", ["a"], 1)
