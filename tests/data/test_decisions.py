"""What stands of what people said, whatever Excel and git have done to the file."""

import random
from pathlib import Path

import pytest

from reprotune.core.errors import InputError
from reprotune.data.decisions import Entry, Opinions, read_decisions, read_log

A, B, C = (f"00000000000000a{n}" for n in range(3))
OLD, NEW = "id,action,label,reviewer,note", "id,action,label,reviewer,note,date"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "decisions.csv"


def stands(file: Path, *lines: str) -> dict[str, tuple[str, str]]:
    """What counts of a file with these lines: action and label of each id."""
    file.write_text("\n".join(lines) + "\n", "utf-8")
    rows = read_decisions(file).fillna("")
    return {row.id: (row.action, row.label) for row in rows.itertuples()}


def at(second: int) -> str:
    return f"2026-11-28T10:00:{second:02}.000Z"


@pytest.mark.parametrize(
    "lines",
    [
        (f"{OLD},", f"{A},relabel,good,ann,ok,"),
        (OLD, f"{A},relabel,good,ann,ok,"),
        (f"{OLD},,,", f"{A},relabel,good,ann,ok,,,"),
        (OLD.replace(",", ";"), f"{A};relabel;good;ann;ok"),
        (NEW.replace(",", ";") + ";", f"{A};relabel;good;ann;ok;{at(1)};"),
        (NEW.replace(",", "\t"), f"{A}\trelabel\tgood\tann\tok\t"),
        ("\ufeff" + NEW, f'{A},relabel,good,"ann","ok",{at(1)}'),
        (NEW, "", ",,,,,", f"{A},relabel,good"),
        (NEW, f"{A},relabel,good,ann,ok,", OLD),
        (OLD, NEW, f"{A},relabel,good,ann,ok,{at(1)}"),
        ("action,id,label,note,reviewer", f"relabel,{A},good,ok,ann"),
    ],
)
def test_what_excel_and_git_make_of_the_file_is_read_as_it_was_meant(
    file: Path, lines: tuple[str, ...]
) -> None:
    assert stands(file, *lines) == {A: ("relabel", "good")}


@pytest.mark.parametrize("number", ["1.2E+15", "1,2E+15", "1200000000000", "1E+05"])
def test_an_id_that_excel_made_a_number_of_is_named_with_its_row(file: Path, number: str) -> None:
    with pytest.raises(
        InputError, match=r"row 3: a spreadsheet has made the number .* git checkout"
    ):
        stands(file, NEW.replace(",", ";"), f"{A};keep", f"{number};keep")


def test_an_id_that_looks_like_a_number_is_an_id(file: Path) -> None:
    ids = ["7894225e33826510", "1234567890123456"]
    assert list(stands(file, NEW, *(f"{name},keep" for name in ids))) == ids


@pytest.mark.parametrize(
    "date",
    [
        *("28.11.2026 10:00", "11/28/26", "45989.4", "2026-11-28 10:00:00", "2026-11-28", "today"),
        *("2026-11-28T10:00:00", "2026-11-28T10:00:00+01:00", "2026-02-30T10:00:00Z"),
        *("0000-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z", "10000-01-01T00:00:00Z"),
        *("2026-11-28T25:00:00Z", "2026-11-28T10:00:60Z", "٢٠٢٦-11-28T10:00:00Z", "-1", "NaT"),
    ],
)
def test_a_date_that_excel_rewrote_or_that_is_none_is_named(file: Path, date: str) -> None:
    lines = f"{B},keep,,ann,,{at(1)}", f"{A},keep,,ann,,{date}", f"{C},keep,,ann,,{date}"
    with pytest.raises(InputError, match=r"row 3 and 1 more: .* is no date .*git checkout"):
        stands(file, NEW, *lines)


def test_dates_far_away_are_dates_and_sort_however_exactly_they_are_written(file: Path) -> None:
    for first, last in (
        ("0001-01-01T00:00:00Z", "9998-12-31T23:59:59.999Z"),
        ("2026-11-28T10:00:00Z", "2026-11-28T10:00:00.5Z"),
    ):
        lines = f"{A},keep,,ann,,{last}", f"{A},quarantine,,ann,,{first}"
        assert stands(file, NEW, *lines) == {A: ("keep", "")}


def test_both_sides_of_a_conflict_that_git_marked_count(file: Path) -> None:
    marked = "<<<<<<< HEAD", f"{A},keep", "||||||| base", "=======", f"{B},keep", ">>>>>>> a, b"
    kept = {A: ("keep", ""), B: ("keep", "")}
    assert stands(file, NEW, *marked) == kept
    assert stands(file, "<<<<<<< HEAD", NEW.replace(",", ";"), "=======", OLD.replace(",", ";"),
                  ">>>>>>> x", f"{A};keep", f"{B};keep") == kept  # fmt: skip


def test_a_column_that_is_there_twice_is_named(file: Path) -> None:
    with pytest.raises(InputError, match="its header names 'label' more than once"):
        stands(file, f"{NEW},label", f"{A},relabel,good,ann,,,bad")


def test_the_last_word_of_a_reviewer_counts_in_whatever_order_git_left_the_lines(
    file: Path,
) -> None:
    lines = [
        f"{A},keep,,ann,,{at(1)}",
        f"{A},relabel,good,ann,,{at(2)}",
        f"{B},keep,,ann,,{at(3)}",
        f"{B},undo,,ann,,{at(4)}",
        f"{C},keep,,ann,,{at(5)}",
        f"{C},quarantine,,ann,,{at(6)}",
        f"{C},undo,,ann,,{at(7)}",
    ]
    for seed in range(10):
        mixed = random.Random(seed).sample(lines, len(lines))
        assert stands(file, NEW, *mixed) == {A: ("relabel", "good"), C: ("keep", "")}


def test_an_unsure_reviewer_decides_nothing(file: Path) -> None:
    lines = f"{A},unsure,,ann,,{at(1)}", f"{B},unsure,,ann,,{at(1)}", f"{B},keep,,bob,,{at(2)}"
    assert stands(file, NEW, *lines) == {B: ("keep", "")}


def test_two_reviewers_who_disagree_stop_it_and_a_third_decides(file: Path) -> None:
    two = NEW, f"{A},keep,,ann,,{at(1)}", f"{A},relabel,good,bob,,{at(2)}"
    with pytest.raises(InputError, match=r"decisions on 1 row disagree; let a third") as error:
        stands(file, *two)
    assert f"row 3: {A} relabel good, by bob" in str(error.value)
    assert stands(file, *two, f"{A},relabel,good,cyd,,{at(3)}") == {A: ("relabel", "good")}
    assert stands(file, *two, f"{A},undo,,bob,,{at(3)}") == {A: ("keep", "")}
    with pytest.raises(InputError, match="disagree"):
        stands(file, *two, f"{A},quarantine,,cyd,,{at(3)}")


@pytest.mark.parametrize("other", ["ann lée", "ANN LÉE", "Ann  Le\u0301e"])
def test_nobody_has_two_votes_for_another_spelling_of_his_name(file: Path, other: str) -> None:
    two = NEW, f"{A},keep,,Ann Lée,,{at(1)}", f"{A},relabel,good,{other},,{at(2)}"
    assert stands(file, *two) == {A: ("relabel", "good")}
    assert stands(file, *two, f"{A},undo,,Ann Lée,,{at(3)}") == {A: ("keep", "")}
    with pytest.raises(InputError, match="disagree"):
        stands(file, NEW, f"{A},keep,,Ann Lée,,", f"{A},keep,,{other},,", f"{A},quarantine,,bob,,")


def test_undoing_everything_leaves_nothing(file: Path) -> None:
    entries = [Entry(row, "keep", "", "ann", "", at(n)) for n, row in enumerate([A, B, A])]
    opinions = Opinions(entries)
    for _ in range(3):
        last = opinions.of_reviewer["ann"][-1]
        opinions.add(last._replace(action="undo"))
    assert opinions.of_reviewer["ann"] == []
    assert not any(opinions.settle(row) for row in (A, B))


def test_a_line_that_git_left_twice_is_one_opinion(file: Path) -> None:
    line = f"{A},keep,,ann,,{at(1)}"
    assert stands(file, NEW, line, line, f"{A},undo,,ann,,{at(2)}") == {}
    assert len(read_log(file)) == 3
