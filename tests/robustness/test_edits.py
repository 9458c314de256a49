"""Edits keep what a text says, and are the same each time."""

import pandas as pd
import pytest

from reprotune.robustness.edits import EDITS, double, edit_rows

TEXT = "Acme Corp said that it is not expecting 1,250.5 sales, costs or profits to have risen!"


def edit(text: str, name: str, others: tuple[str, ...] = (), seed: int = 1) -> str:
    """The text under an edit, among others; itself if it does not change."""
    ids = [f"{number:016x}" for number in range(1 + len(others))]
    rows = pd.DataFrame({"id": ids, "text": [text, *others], "label": "neutral"})
    edited = edit_rows(rows, 1, seed)
    found = edited.loc[edited["edit"] == name, "text"]
    return str(found.iloc[0]) if len(found) else text


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("lower case", TEXT.lower()),
        ("upper case", TEXT.upper()),
        ("punctuation", TEXT.replace(",", "").replace("1250", "1,250").removesuffix("!")),
        ("numbers", TEXT.replace("1,250.5", "2,501.0")),
        ("contractions", TEXT.replace("is not", "isn't")),
    ],
)
def test_an_edit_changes_what_it_is_called_after_and_nothing_else(name: str, expected: str) -> None:
    assert edit(TEXT, name) == expected


def test_a_typo_swaps_two_letters_inside_a_word() -> None:
    edited = edit(TEXT, "typos")
    wrong = [(a, b) for a, b in zip(TEXT.split(), edited.split(), strict=True) if a != b]
    assert 1 <= len(wrong) <= 2
    assert all(sorted(a) == sorted(b) and a[0] == b[0] and len(a) >= 5 for a, b in wrong)


def test_spaces_are_added_between_words_alone() -> None:
    edited = edit(TEXT, "spaces")
    assert len(edited) > len(TEXT) and edited.split() == TEXT.split()


def test_names_are_words_that_no_text_has_without_a_capital() -> None:
    others = ("The acme of success.", "A crop in a corp.")
    assert edit("Sales of Acme in Vilnius rose again last year.", "names", ("sales",)).startswith(
        "Sales of "
    )
    renamed = edit("Acme rose, and Vilnius Corp fell again.", "names", others)
    assert renamed.startswith("Acme rose, and ") and "Vilnius" not in renamed
    assert renamed.endswith(" Corp fell again.")


def test_a_text_in_capitals_or_title_case_shows_no_names() -> None:
    for text in ("Costs Rose And Sales Fell", "COSTS ROSE IN VILNIUS"):
        assert edit(text, "names") == text


@pytest.mark.parametrize(
    ("number", "doubled"),
    [
        ("0", "0"),
        ("9", "18"),
        ("1,000", "2,000"),
        ("0.05", "0.10"),
        ("007", "014"),
        ("9.9", "19.8"),
    ],
)
def test_doubled_numbers_keep_their_form(number: str, doubled: str) -> None:
    assert double(number) == doubled


def test_a_number_longer_than_python_reads_stays_as_it_is() -> None:
    assert double("7" * 5000) == "7" * 5000


def test_edits_depend_on_row_and_seed_alone_and_rows_that_stay_as_they_are_are_left_out() -> None:
    texts = ["Sales rose in the third quarter.", "x", "...", "東京の売上は増加した", ""]
    rows = pd.DataFrame({"id": list("abcde"), "text": texts, "label": "up"})
    edited = edit_rows(rows, 5, seed=1)
    assert edited.equals(edit_rows(rows, 5, seed=1))
    assert not edited.equals(edit_rows(rows, 5, seed=2))
    assert set(edited["edit"]) <= set(EDITS)
    before = rows.set_index("id")["text"].reindex(edited["id"]).to_numpy()
    assert (edited["text"] != before).all()
    pd.testing.assert_frame_equal(
        edit_rows(rows, 2, seed=1),
        edited[edited["id"].isin(["a", "b"])].reset_index(drop=True),
    )


def test_no_rows_are_edited_if_none_are_asked_for() -> None:
    rows = pd.DataFrame({"id": ["a"], "text": ["Sales rose."], "label": ["up"]})
    assert list(edit_rows(rows, 0, seed=1).columns) == ["id", "text", "label", "edit"]
    assert edit_rows(rows, 0, seed=1).empty
