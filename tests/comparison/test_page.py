"""A report is read in a minute: what was changed beside the verdict, and no lines of zeros."""

import re
import unicodedata
from html import escape
from pathlib import Path

import pandas as pd
import pytest

from reprotune.comparison import overlays
from reprotune.comparison.report import (
    Report,
    Section,
    Verdict,
    code,
    html,
    markdown,
    render_text,
)
from reprotune.comparison.statistics import Change
from reprotune.comparison.verdict import compare_revisions
from reprotune.core import paths
from reprotune.data.ids import add_ids
from reprotune.evaluation.figures import summarize
from reprotune.tables import metrics
from tests.comparison.test_verdict import (
    CLASSES,
    EXPORT,
    commit,
    git,
    predictions,
    repository,
    say,
    write_predictions,
    write_run,
)

__all__ = ["repository"]
ROOT = Path(__file__).resolve().parents[2]


def test_what_was_changed_stands_beside_the_verdict(repository: Path) -> None:
    write_run(0.87, 2, train__learning_rate=5e-4)
    Path("notes.md").write_text("why")
    report = compare_revisions().report
    assert report.changed == [
        "**Parameters**: `train.learning_rate` `0.001` → `0.0005`",
        "**Packages**: `torch` `2.13.1` → `2.13.2`",
        "**Code**: `stages/train.py`",
        "**Documents and other files**: `notes.md`",
        "**Stages that ran**: `train`",
    ]
    text = markdown(report).splitlines()
    assert text[3].startswith("**Better**") and text[5] == f"- {report.changed[0]}"
    page = html(report)
    assert page.index('class="changed"') < page.index("All differences") < page.index("Flips")


@pytest.mark.parametrize("said", ["``` `` `", "**bold**", "a` **Better** `b", "<b>|", "`"])
def test_what_people_wrote_is_code_on_the_page_and_moves_no_word_of_ours(said: str) -> None:
    page = render_text(f"**Data**: 1 by {code(said)}, 2 by `ann`")
    shown = escape(said)
    told = f"<strong>Data</strong>: 1 by <code>{shown}</code>, 2 by <code>ann</code>"
    assert page == told


@pytest.mark.parametrize("name", ["שלום", "سلام", "up ٣"])
def test_a_name_that_is_read_from_the_right_does_not_turn_the_figures_behind_it(name: str) -> None:
    told = f"recall of {code(name)} 0.9 → 0.7"
    before, after = told.split("0.9")
    strong = [unicodedata.bidirectional(sign) for sign in before]
    assert [one for one in strong if one in {"L", "R", "AL", "AN"}][-1] == "L", "as Unicode's UAX 9"
    assert render_text(told).endswith("</code>\u200e 0.9 → 0.7") and after == " → 0.7"
    assert code("up") == "`up`", "no mark where none is needed"


def test_the_name_of_a_branch_stays_a_name(repository: Path) -> None:
    git("branch", "<b>`|@all")
    title = compare_revisions("main", "<b>`|@all").report.title
    assert "→ ``<b>`|@all`` (" in title and title.startswith("main (")


def test_a_change_of_documents_says_that_nothing_ran_and_no_zeros(repository: Path) -> None:
    Path("README.md").write_text("words")
    found = compare_revisions()
    assert (found.verdict, found.exit_code) == (Verdict.SAME, 0)
    assert found.sentence.startswith(
        "No significant change: predictions identical, no stage ran (accuracy 0."
    )
    text = markdown(found.report)
    assert "- **Documents and other files**: `README.md`" in text
    assert "Metrics" not in text and "Flips" not in text and "+0.000" not in text
    assert len(text.splitlines()) < 25


def test_a_stage_that_ran_to_the_same_predictions_is_named(repository: Path) -> None:
    write_run(0.80)
    Path("dvc.lock").write_text(Path("dvc.lock").read_text().replace('"md5": "', '"md5": "0', 1))
    sentence = compare_revisions().sentence
    assert "predictions identical, `train` ran again" in sentence


def with_ids(table: pd.DataFrame) -> pd.DataFrame:
    """The table with ids of text and label, as `download` makes them."""
    return add_ids(table.drop(columns="id"))


def test_a_renamed_class_is_compared_under_its_new_name(repository: Path) -> None:
    write_predictions(with_ids(predictions(900, 0.80, 1)))
    commit("ids of texts")
    labels = {"negative": "negative", "neutral": "mixed", "positive": "positive"}
    verbalizers = {name: f" {name}" for name in labels.values()}
    write_run(0.87, 2, download__labels=labels, prompt__verbalizers=verbalizers)
    table = predictions(900, 0.87, 2).rename(columns={"neutral": "mixed"})
    table = table.replace("neutral", "mixed")
    write_predictions(with_ids(table[[*table.columns[:4], *sorted(verbalizers)]]))
    found = compare_revisions("HEAD")
    assert (found.verdict, found.rows) == (Verdict.BETTER, 900)
    assert "Classes: `neutral` is now called `mixed`." in found.sentence
    assert [change.name for change in found.recalls] == ["mixed", "negative", "positive"]


@pytest.mark.parametrize("side", ["new", "gone"])
def test_rows_of_the_classes_that_both_have_are_compared(repository: Path, side: str) -> None:
    labels = {name: name for name in sorted([*CLASSES, "other"])}
    verbalizers = {name: f" {name}" for name in labels}
    wide = predictions(900, 0.80, 1)
    wide.loc[:99, ["label", "predicted"]] = "other"
    wide.loc[100:119, "predicted"] = "other"
    wide = say(wide, [*CLASSES, "other"]).replace(0.8, 0.7)
    wide = with_ids(wide[[*wide.columns[:4], *sorted(labels)]])
    narrow = with_ids(predictions(900, 0.80, 1)).loc[100:]
    tables = {"narrow": narrow, "wide": wide}
    for name in ["narrow", "wide"] if side == "new" else ["wide", "narrow"]:
        more = {"download__labels": labels, "prompt__verbalizers": verbalizers}
        write_run(0.80, **(more if name == "wide" else {}))
        write_predictions(tables[name])
        exported = EXPORT.model_copy(update={"rows": len(tables[name])})
        metrics.write(paths.EXPORT_METRICS, exported)
        if not git("tag"):
            commit("before")
            git("tag", "before")
    found = compare_revisions("before")
    assert found.rows == 800
    assert f"Classes: {side}: `other`, whose rows do not count." in found.sentence
    assert found.exit_code == (1 if side == "new" else 0)
    f1 = next(change for change in found.changes if change.name == "macro-F1")
    assert (f1.difference < 0) == (side == "new")


def test_a_row_says_on_a_phone_which_column_a_cell_is_of() -> None:
    report = Report("t", Verdict.SAME, "v", [Section("s", [], ('a"b', ""), [["1", "2"]])])
    page = html(report)
    assert '<td data-name="a&quot;b">1</td><td data-name="">2</td>' in page
    assert not re.search(r"(?<!-)width:\s*\d+(px|rem)", page), "nothing is wider than a phone"


def test_what_is_folded_is_so_in_both_forms() -> None:
    report = Report("t", Verdict.SAME, "v", [Section("<s>", ["note"], is_folded=True)])
    for text in (markdown(report), html(report)):
        assert "<details><summary>&lt;s&gt;</summary>" in text and "note" in text


def test_both_runs_are_in_one_frame_the_earlier_one_pale(tmp_path: Path) -> None:
    for name in overlays.PICTURES:
        if name in overlays.ALONE:
            continue
        figure = overlays.draw_over(name, ROOT, ROOT)
        assert figure is not None
        axes = figure.axes[0]
        marks = [*axes.lines, *axes.collections]
        assert sum(mark.get_alpha() is not None for mark in marks) >= len(marks) // 2, name
        outlined = [bar for bar in axes.patches if bar.get_facecolor()[3] == 0]
        assert len(outlined) == len(axes.patches) // 2, name
        assert not any("before" in name for name in axes.get_legend_handles_labels()[1])
        assert axes.yaxis_inverted() == (name == "classes")
    assert overlays.draw_over("roc", tmp_path, tmp_path) is None


def test_all_differences_are_in_one_picture() -> None:
    changes = [Change("accuracy", 0.8, 0.9, (0.05, 0.15), 0.001, 0.003)]
    loss = Change("log loss", 0.5, 0.4, (-0.2, 0.0), 0.04, 0.12)
    recalls = [Change(f"${n}$ <b>", 0.8, 0.7, (-0.2, 0.0), 0.1, 1.0) for n in range(60)]
    figure = overlays.draw_forest([*changes, loss], recalls, 0.05)
    shares, losses = figure.axes
    assert len(shares.get_yticks()) == 1 + overlays.MOST_LISTED and len(losses.get_yticks()) == 1
    for alpha, is_filled in ((0.05, True), (0.001, False)):
        (axes,) = overlays.draw_forest(changes, [], alpha).axes
        assert (axes.lines[-1].get_markerfacecolor() != "white") == is_filled, "as the gate has it"
    low, high = axes.get_xlim()
    assert -low == high > 15
    figure.canvas.draw()


def test_the_summary_has_what_a_reviewer_looks_at_first() -> None:
    found = metrics.read(ROOT / paths.EVALUATE_METRICS, metrics.Evaluation)
    said = summarize(found)
    assert said.accuracy == found.test.accuracy
    assert said.min_recall == min(found.test.recall.values())
    gains = [gain.accuracy for gain in found.gain_over.values()]
    assert said.vs_baseline == min(gains)
    assert len(said.model_dump()) == 8
    assert max(map(len, said.model_dump())) <= 12, "or DVC's tables outgrow a terminal"
