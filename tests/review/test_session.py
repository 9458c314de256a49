"""A reviewer decides, changes his mind, works beside others; nothing is lost, and all is said."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from reprotune.core.errors import InputError
from reprotune.core.params_file import load_params
from reprotune.data.decisions import Entry, Opinions, read_answers, read_decisions, read_log
from reprotune.review.log import DecisionFile
from reprotune.review.page import Page
from reprotune.review.progress import estimate_left, measure_rate
from reprotune.review.queue import Filter, Marks, Queue
from reprotune.review.session import Form, Session
from reprotune.tables.classes import class_names
from tests.projects import ROOT
from tests.review.conftest import CLASSES, FINDINGS, IDS, ROWS, Start

DOUBTED, ALL = Filter(), Filter(issue="any")


def decide(session: Session, answer: str, asked: Filter = DOUBTED) -> str:
    """Answer the row that comes next; returns what is said."""
    view = session.view(asked)
    assert view.row
    again = session.decide(Form(view.row.id, answer, view.seen, "", ()))
    return session.view(asked, again).message


def stands(file: Path) -> dict[str, tuple[str, str]]:
    rows = read_decisions(file).fillna("")
    return {row.id: (row.action, row.label) for row in rows.itertuples()}


def shown(session: Session, asked: Filter) -> list[str]:
    """The ids of a filter, in the order in which they come when each is skipped."""
    ids: list[str] = []
    while (row := session.view(asked, after=ids[-1] if ids else "").row) and row.id not in ids:
        ids.append(row.id)
        session.decide(Form(row.id, "skip", "", "", ()))
    return ids


def test_the_queue_is_that_of_the_audit_and_then_all_other_rows(start: Start) -> None:
    assert shown(start(), Filter()) == [IDS[n] for n in (0, 1, 2, 5)]
    assert shown(start(), ALL) == [IDS[n] for n in (0, 1, 2, 5, 3, 4, 6)]
    assert shown(start(), Filter(issue="near_duplicate")) == [IDS[3], IDS[4]]
    assert shown(start(), Filter(issue="any", label="good", text="QUARTER")) == [IDS[3], IDS[4]]


def test_answers_are_on_the_disk_and_a_class_that_the_row_has_keeps_it(
    start: Start, file: Path
) -> None:
    session = start()
    for answer in ("label:good", "label:good", "keep", "quarantine"):
        decide(session, answer)
    assert stands(file) == {
        IDS[0]: ("keep", ""),
        IDS[1]: ("relabel", "good"),
        IDS[2]: ("keep", ""),
        IDS[5]: ("quarantine", ""),
    }
    assert session.view(Filter()).row is None
    found = session.figures()
    assert (found.decided, found.wrong, found.total) == (4, 2, 4)
    session.decide(Form(IDS[6], "skip", "", "", ()))
    page = Page(file.with_name("none.md")).row(session, session.view(Filter(text="nobody doubts")))
    for told in (
        "No row of this selection contains “nobody doubts”",
        '<a href="?text=nobody+doubts&amp;issue=any">all rows with what you chose</a>',
        "close this page. 1 skipped row will be asked again",
    ):
        assert told in page, told


def test_a_row_of_which_somebody_is_unsure_waits_for_others(start: Start, file: Path) -> None:
    ann, bob = start("ann"), start("bob")
    decide(ann, "unsure")
    assert ann.view(Filter()).row.id == IDS[1]
    assert IDS[0] in shown(bob, Filter()) and IDS[0] not in shown(ann, Filter())
    assert ann.view(Filter(show="unsure")).row.id == IDS[0]
    assert stands(file) == {}


def test_everything_can_be_undone_in_a_later_session_too(start: Start, file: Path) -> None:
    first = start()
    for answer in ("keep", "label:good", "unsure"):
        decide(first, answer)
    changed = first.view(Filter(), IDS[0])
    first.decide(Form(IDS[0], "quarantine", changed.seen, "", ()))
    second = start()
    undone = [second.undo() for _ in range(4)]
    assert undone == [IDS[0], IDS[2], IDS[1], IDS[0]]
    assert second.undo() == "" and second.view(Filter()).message == "Nothing is left to undo."
    assert stands(file) == {}
    assert len(read_log(file)) == 8  # nothing is taken out of the file


def test_an_answer_for_the_similar_rows_keeps_or_relabels_each_and_is_undone_at_once(
    start: Start, file: Path
) -> None:
    session = start()
    view = session.view(Filter(), IDS[2])
    alike = tuple(one.row.id for one in view.similar if one.is_alike)
    assert set(alike) == {IDS[3], IDS[4]}
    session.decide(Form(IDS[2], "label:good", view.seen, "all alike", alike))
    assert stands(file) == {
        IDS[2]: ("relabel", "good"),
        IDS[3]: ("keep", ""),
        IDS[4]: ("keep", ""),
    }
    assert "for 2 similar rows too" in session.view(Filter()).message
    assert session.undo() == IDS[2]
    assert stands(file) == {}


def test_an_answer_for_the_similar_rows_leaves_out_what_one_is_unsure_of(
    start: Start, file: Path
) -> None:
    session = start()
    session.decide(Form(IDS[3], "unsure", "", "", ()))
    view = session.view(Filter(), IDS[2])
    assert {one.row.id for one in view.similar if one.is_alike} == {IDS[4]}
    session.decide(Form(IDS[2], "label:good", view.seen, "", (IDS[3], IDS[4])))
    assert stands(file) == {IDS[2]: ("relabel", "good"), IDS[4]: ("keep", "")}
    assert "for 1 similar row too" in session.view(Filter()).message
    session.decide(Form(IDS[3], "label:good", session.view(Filter(), IDS[3]).seen, "", ()))
    assert stands(file)[IDS[3]] == ("keep", "")
    assert session.view(Filter()).message == "Written: it is good."


def test_what_was_just_skipped_is_what_undo_brings_back(start: Start, file: Path) -> None:
    session = start()
    first = session.view(Filter()).row.id
    session.decide(Form(first, "label:bad", "", "", ()))
    second = session.view(Filter()).row.id
    session.decide(Form(second, "skip", "", "", ()))
    assert session.view(Filter()).row.id != second
    assert session.undo() == second
    assert session.view(Filter()).row.id == second
    assert session.undo() == first and stands(file) == {}


def test_a_double_key_writes_once_and_another_tab_is_told(start: Start, file: Path) -> None:
    session = start()
    view = session.view(Filter())
    form = Form(view.row.id, "keep", view.seen, "", ())
    session.decide(form)
    assert session.decide(form) == ""
    assert session.view(Filter()).message == "That was written already."
    assert session.decide(form._replace(answer="quarantine")) == view.row.id
    told = session.view(Filter(), view.row.id)
    assert told.message.startswith("Not written: another page said “its label is right”")
    assert stands(file) == {view.row.id: ("keep", "")}
    session.decide(form._replace(answer="quarantine", seen=told.seen))
    assert stands(file) == {view.row.id: ("quarantine", "")}


def test_two_reviewers_at_once_see_no_row_twice_and_do_not_see_what_the_other_said(
    start: Start, file: Path
) -> None:
    ann, bob = start("ann"), start("bob")
    decide(ann, "keep")
    assert bob.view(Filter()).row.id == IDS[5], "ann has those before it, should bob be slow"
    assert ann.view(Filter()).row.id == IDS[1]
    second = bob.view(Filter(show="second"))
    assert (second.row.id, second.said, second.opinions) == (IDS[0], "", [])
    decide(bob, "quarantine", Filter(show="second"))
    assert ann.view(Filter(show="disputed")).opinions == ["bob: drop it"]
    with pytest.raises(InputError, match="decisions on 1 row disagree"):
        read_decisions(file)
    third = start("cyd")
    view = third.view(Filter())
    assert view.row.id == IDS[0]
    assert sorted(view.opinions) == ["ann: its label is right", "bob: drop it"]
    decide(third, "keep")
    assert stands(file) == {IDS[0]: ("keep", "")}
    assert third.view(Filter()).row.id != IDS[0]


def test_who_answers_beside_another_is_asked_other_rows_until_none_is_left(start: Start) -> None:
    both = [start("ann"), start("bob")]
    before = [session.view(ALL).row.id for session in both]  # what each has on the screen
    asked: list[list[str]] = [[], []]
    for _ in range(len(IDS)):
        for turn, session in enumerate(both):
            if before[turn]:
                session.decide(Form(before[turn], "keep", "", "", ()))
                asked[turn].append(before[turn])
                row = session.view(ALL).row
                before[turn] = row.id if row else ""
    assert set(asked[0]) | set(asked[1]) == set(IDS)
    assert len(set(asked[0]) & set(asked[1])) <= 3, "as they began, and at the end"


def test_how_well_reviewers_agree_is_told_by_cohens_kappa(start: Start) -> None:
    ann, bob = start("ann"), start("bob")
    for n, answer in enumerate(["bad", "bad", "good", "good", "good", "bad"]):
        ann.decide(Form(IDS[n], f"label:{answer}", "", "", ()))
    for n, answer in enumerate(["bad", "good", "good", "good", "good", "bad"]):
        bob.decide(Form(IDS[n], f"label:{answer}", "", "", ()))
    (found,) = bob.agreements()
    assert (found.reviewers, found.rows, found.same) == (("ann", "bob"), 6, 5)
    assert found.kappa == pytest.approx((5 / 6 - 0.5) / 0.5)  # by chance: 3/6 * 2/6 + 3/6 * 4/6


def test_a_name_that_is_not_written_tidily_is_the_reviewers_all_the_same(start: Start) -> None:
    session = start(" Ann\n  Lee ")
    decide(session, "keep")
    assert start("Ann Lee").marks.mine.tolist() == session.marks.mine.tolist()
    assert session.marks.mine[0] and not session.marks.others.any()


def test_who_writes_his_name_otherwise_goes_on_with_his_own_work(start: Start, file: Path) -> None:
    decide(start("Zoë 🦊"), "keep")
    session = start("zoe\u0308 🦊")
    assert session.marks.mine[0] and not session.marks.others.any()
    assert session.undo() and not session.marks.mine.any()
    decide(session, "quarantine")
    dates = [entry.date for entry in read_log(file)]
    assert {entry.reviewer for entry in read_log(file)} == {"Zoë 🦊"} and dates == sorted(dates)


def test_a_class_is_known_by_the_beginning_of_its_name(start: Start, file: Path) -> None:
    session = start(classes=[*(f"class {n}" for n in range(150)), "bad", "good", "Good news"])
    for typed, label in (("GOOD", ""), ("good n", "Good news"), ("class 149", "class 149")):
        view = session.view(DOUBTED)
        session.decide(Form(view.row.id, f"typed:{typed}", view.seen, "", ()))
        assert stands(file)[view.row.id] == (("relabel", label) if label else ("keep", ""))
    for typed, said in (("g", "2 classes begin with 'g'"), ("x", "0 classes begin with 'x'")):
        with pytest.raises(InputError, match=said):
            session.decide(Form(IDS[5], f"typed:{typed}", "", "", ()))
    view = session.view(DOUBTED)
    page = Page(file.with_name("none.md")).row(session, view)
    shown = re.findall(r'value="label:(.*?)"', page)
    assert 'name="typed"' in page and len(set(shown)) == len(shown) == 153
    assert shown[:2] == [view.row.label, view.row.suggested], "first those that are likely"
    keys = re.findall(r'data-(?:key|focus|toggle)="(.)"', page)
    assert len(keys) == len(set(keys)) == 28 + len("kd?sunmgf/.") - ("m" not in keys)


def test_rows_that_have_left_and_classes_that_were_renamed_are_told(
    start: Start, file: Path
) -> None:
    decide(start(), "label:bad")
    with file.open("a") as lines:
        lines.write(f"{'f' * 16},keep,,ann,,\n")
    session = start(classes=["good", "poor"])
    assert session.marks.strangers == {"f" * 16}
    view = session.view(Filter(show="outdated"))
    assert view.row.id == IDS[0] and view.said == "it is bad"
    decide(session, "label:good", Filter(show="outdated"))
    assert session.view(Filter(show="outdated")).row is None
    assert "f" * 16 in file.read_text()


@pytest.mark.parametrize("is_blind", [False, True])
def test_data_and_classes_that_change_while_the_page_is_open_are_told(
    file: Path, is_blind: bool
) -> None:
    source = file.with_name("raw")
    source.write_text("old")
    queue = Queue.of_ranked(ROWS) if is_blind else Queue(ROWS, FINDINGS)
    page = Page(file.with_name("none.md"))

    def show(classes: list[str]) -> tuple[Session, str]:
        session = Session(queue, DecisionFile(file), "ann", classes, sources=(source,))
        return session, page.row(session, session.view(DOUBTED))

    session, shown = show(CLASSES)
    assert "made anew" not in shown and "no more</a>" not in shown
    source.write_text("another")
    assert "made anew" in page.row(session, session.view(DOUBTED))
    row = session.view(DOUBTED).row
    assert row is not None
    session.decide(Form(row.id, f"label:{'bad' if row.label == 'good' else 'good'}", "", "", ()))
    assert "1 decision for a class that is no more</a>" in show(["fine", "poor"])[1]


def test_classes_that_are_renamed_while_the_page_is_open_are_told(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    text = (ROOT / "profiles/builtin.yaml").read_text()
    classes = class_names(load_params(ROOT / "profiles/builtin.yaml").download.labels)
    params = Path("params.yaml")
    params.write_text(text)
    session = Session(Queue(ROWS, FINDINGS), DecisionFile(file), "ann", classes)

    def show(written: str) -> str:
        params.write_text(written)
        return Page(file.with_name("none.md")).row(session, session.view(DOUBTED))

    assert "became others" not in show(text.replace("seed: 1", "seed: 12"))
    assert "became others" not in show("download: {labels")
    assert "The classes became others since" in show(text.replace("neutral", "so-so"))
    assert "became others" not in show(text)


def test_a_class_that_is_none_and_no_answer_write_nothing(start: Start, file: Path) -> None:
    session = start()
    before = file.read_bytes()
    for answer in ("label:poor", "", "undo", "drop"):
        with pytest.raises(InputError):
            session.decide(Form(IDS[0], answer, "", "", ()))
    with pytest.raises(InputError, match="not in the data"):
        session.decide(Form("f" * 16, "keep", "", "", ()))
    assert file.read_bytes() == before


def test_the_reason_is_in_words(start: Start) -> None:
    session = start()
    assert session.view(Filter()).reason.startswith(
        "The same text has other labels elsewhere: bad (1). The most similar rows: "
    )
    assert session.view(Filter(), IDS[2]).reason.startswith(
        "To a model that has not seen this row, bad is 10 % likely; it would say good. The most "
    )


def test_what_the_audit_found_of_the_nearest_rows_is_told(file: Path) -> None:
    told = "Nine of its ten nearest rows say good, one bad."
    findings = FINDINGS.assign(reason=[None, None, told, None, None, None])
    session = Session(Queue(ROWS, findings), DecisionFile(file), "ann", CLASSES)
    assert session.view(Filter(), IDS[2]).reason.endswith(f"it would say good. {told}")
    assert "nearest" not in session.view(Filter(), IDS[5]).reason


def test_what_the_work_brings_is_told_from_ten_rows_on() -> None:
    ids = [f"{n:016x}" for n in range(40)]
    rows = pd.DataFrame({"id": ids, "text": "x", "label": "bad", "role": "train"})
    score = np.arange(40) / 40
    found = pd.DataFrame({"id": ids, "issue": "label", "score": score, "suggested": "good"})
    queue = Queue(rows, found)
    marks = Marks(queue, "ann", ["bad", "good"])
    entries = [
        Entry(ids[n], "relabel" if n % 2 else "keep", "good" if n % 2 else "", "ann", "",
              f"2026-11-28T10:00:{n:02}.000Z")
        for n in range(20)
    ]  # fmt: skip
    labels = dict.fromkeys(ids, "bad")
    assert measure_rate(entries[:9], labels) is None and estimate_left(queue, marks) is None
    marks.follow(Opinions(entries))
    assert measure_rate(entries, labels) == pytest.approx(3600 * 10 / 19)
    left = estimate_left(queue, marks)
    assert left == pytest.approx(10, abs=2)
    marks.follow(Opinions([*entries, entries[0]._replace(id=ids[20])]))  # one more is right
    assert estimate_left(queue, marks) == pytest.approx(left, abs=2), "one answer moves it little"
    marks.follow(Opinions(entries[1::2]))
    assert estimate_left(queue, marks) is None, "all were wrong: no end in sight"


def test_a_blind_sample_is_chance_and_hides_what_is_known(file: Path) -> None:
    ids = [f"{n:016x}" for n in range(60)]
    rows = pd.DataFrame({"id": ids, "text": [f"text {n}" for n in range(60)], "label": "good"})
    small, large = Queue.of_sample(rows, 10), Queue.of_sample(rows.sample(frac=1), 20)
    assert list(small.table["id"]) == list(large.table["id"][:10]) != ids[:10]
    assert len(Queue.of_sample(rows, 100)) == 60
    session = Session(small, DecisionFile(file), "ann", CLASSES)
    view = session.view(Filter())
    page = Page(file.with_name("none.md")).row(session, view)
    assert "its label is hidden" in page and "Its label:" not in page and "keep" not in view.reason
    assert view.similar == [] and "its label</small>" not in page
    assert session.view(Filter(label="bad")).waiting == 10, "the label is no filter"
    decide(session, "label:good")
    decide(session, "quarantine")
    decide(session, "unsure")
    with pytest.raises(InputError, match="no answer"):
        decide(session, "keep")
    assert read_answers(file, CLASSES) == {small.row(0).id: "good", small.row(1).id: ""}
    told = Page(file.with_name("none.md")).figures(session)
    assert "2 of 10 rows are decided." in told and "wrong" not in told
    other = Session(small, DecisionFile(file), "bob", CLASSES)
    other.decide(Form(small.row(0).id, "label:bad", "", "", ()))
    page = Page(file.with_name("none.md")).row(other, other.view(Filter()))
    assert re.search("1 row on which reviewers disagree</a>: what they said counts for noth", page)
    assert read_answers(file, CLASSES) == {small.row(1).id: ""}
    other.undo()
    with pytest.raises(InputError, match=r"row 2: .* relabel good, by ann: .*\['bad', 'fine'\]"):
        read_answers(file, ["bad", "fine"])
    with file.open("a", encoding="utf-8") as log:
        log.write(f"{small.row(2).id},keep,,bob,,\n")
    with pytest.raises(InputError, match=r"row 7: .* keep, by bob: the label was hidden"):
        read_answers(file, CLASSES)
