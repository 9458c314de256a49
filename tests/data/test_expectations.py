"""A rule that the data breaks is named with its rows, and every result is in the report."""

import logging
import re
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from reprotune.core.errors import InputError
from reprotune.core.params import Expectations
from reprotune.data import expectations

TABLES = ("raw", "curated", "train", "validation", "test")
CLASSES = ["bad", "good"]
LIMITS: dict[str, dict[str, Any]] = {
    "rows": {"min": 10, "max": 30},
    "class_share": {"min": 0.2, "max": 0.7},
    "characters": {"min": 5, "max": 50},
    "repeated": {"max": 0.1},
}
SCRIPT = '"><script>alert(1)</script>'
SMALL = 200_000  # bytes


def limits(severity: str = "stop", **changes: dict[str, Any]) -> Expectations:
    values = {
        name: value | {"severity": severity} | changes.get(name, {})
        for name, value in LIMITS.items()
    }
    return Expectations.model_validate(values)


def good(count: int = 20) -> pd.DataFrame:
    """Rows that break no rule: half of them bad, half good; ``row`` counts from 0."""
    return pd.DataFrame(
        {
            "id": [f"{n:016x}" for n in range(count)],
            "text": [f"text number {n}" for n in range(count)],
            "label": [CLASSES[n % 2] for n in range(count)],
            "row": range(count),
        }
    )


def having(column: str, value: str, *places: int) -> pd.DataFrame:
    rows = good()
    rows.loc[list(places), column] = value
    return rows


class Report:
    """The site and the store behind it."""

    def __init__(self, folder: Path) -> None:
        self.docs, self.work = folder / "docs", folder / "work"

    def require(self, rows: pd.DataFrame, name: str = "raw", **more: Any) -> None:
        settings = {"classes": CLASSES, "limits": limits(), "where": Path("own.csv")} | more
        expectations.require(rows, name, **settings, docs=self.docs, work=self.work)

    def page(self, name: str) -> str:
        """The one page with a result of this table, to which the front page links."""
        [page] = (self.docs / "validations" / name).rglob("*.html")
        index = (self.docs / "index.html").read_text("utf-8")
        assert page.relative_to(self.docs).as_posix() in index
        return page.read_text("utf-8")

    def fits(self, name: str) -> bool:
        """Whether the page says so."""
        found = re.search("Status:.*?(Succeeded|Failed)", self.page(name), re.DOTALL)
        assert found
        return found[1] == "Succeeded"

    def pages(self) -> list[str]:
        return [file.read_text("utf-8") for file in self.docs.rglob("*.html")]


@pytest.fixture
def report(tmp_path: Path) -> Report:
    return Report(tmp_path)


# rows, parameter, how the line goes on, positions of the rows it names
VIOLATIONS = {
    "short text": (having("text", "four", 3), "characters", "a text has 5 to 50 characters", [3]),
    "long text": (having("text", "x" * 51, 3), "characters", "a text has 5 to 50 characters", [3]),
    "repeated": (
        having("text", "again", 5, 6, 9),
        "repeated",
        "at most 0.1 of the rows",
        [5, 6, 9],
    ),
    "few rows": (good(9), "rows", "the number of rows is 10 to 30, but it is 9", []),
    "many rows": (good(31), "rows", "the number of rows is 10 to 30, but it is 31", []),
    "rare class": (
        having("label", "good", 0, 2, 4, 6, 8, 10, 12),
        "class_share",
        "the share of class bad is 0.2 to 0.7, but it is 0.15",
        [],
    ),
    "common class": (
        having("label", "good", 0, 2, 4, 6, 8),
        "class_share",
        "the share of class good is 0.2 to 0.7, but it is 0.75",
        [],
    ),
}
violations = pytest.mark.parametrize(
    ("rows", "parameter", "rule", "places"), VIOLATIONS.values(), ids=VIOLATIONS
)


def numbers(rows: pd.DataFrame, name: str, places: list[int]) -> str:
    """How the rows at these positions are named: by number from 1, or later by their ids."""
    kind, values = ("row", rows["row"] + 1) if name == "raw" else ("id", rows["id"])
    said = f"does not fit: {kind}" if len(places) == 1 else f"do not fit: {kind}s"
    listed = ", ".join(str(values[place]) for place in places)
    return f"{len(places)} of {len(rows)} {said} {listed}"


@violations
@pytest.mark.parametrize("name", ["raw", "curated"])
def test_a_broken_rule_stops_and_names_its_parameter_its_table_and_the_rows(
    report: Report, rows: pd.DataFrame, parameter: str, rule: str, places: list[int], name: str
) -> None:
    with pytest.raises(InputError) as error:
        report.require(rows, name)
    first, *lines = str(error.value).splitlines()
    assert first.startswith("own.csv: not as expected; correct the data or")
    assert first.endswith(f"the report is {report.docs / 'index.html'}")
    [line] = [line for line in lines if rule in line]
    assert line.startswith(f"  expectations.{parameter}: in {name}, {rule}")
    assert line.endswith(numbers(rows, name, places) if places else rule)
    assert not report.fits(name)


@violations
def test_with_severity_warn_a_broken_rule_is_only_a_line_on_stderr(
    report: Report,
    rows: pd.DataFrame,
    parameter: str,
    rule: str,
    places: list[int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    report.require(rows, limits=limits("warn"))
    out, err = capsys.readouterr()
    assert out == ""
    [line] = [line for line in err.splitlines() if rule in line]
    assert line.startswith(f"warning: own.csv: expectations.{parameter}: in raw, {rule}")
    assert not places or numbers(rows, "raw", places) in line
    assert line.endswith(f"the report is {report.docs / 'index.html'}")
    assert not report.fits("raw")


@pytest.mark.parametrize(
    ("name", "severity"), [*((name, "stop") for name in TABLES), ("raw", "warn")]
)
def test_a_label_that_is_no_class_stops_every_table_whatever_the_severity(
    report: Report, name: str, severity: str
) -> None:
    rows = having("label", "ugly", 4, 7)
    with pytest.raises(InputError) as error:
        report.require(rows, name, limits=limits(severity))
    rule = f"download.labels: in {name}, every label is a class, but "
    assert rule + numbers(rows, name, [4, 7]) in str(error.value)


def test_every_broken_rule_is_named_at_once(report: Report) -> None:
    rows = having("text", "four", 1, 2, 3)
    rows.loc[0, "label"] = "ugly"
    with pytest.raises(InputError) as error:
        report.require(rows)
    for key in ("download.labels", "expectations.characters", "expectations.repeated"):
        assert f"\n  {key}: in raw, " in str(error.value)


def test_of_many_rows_the_first_ten_are_named(report: Report) -> None:
    with pytest.raises(InputError, match=r"20 of 20 do not fit: rows 1, 2, .* 9, 10, \.\.\.$"):
        report.require(good().assign(text=[f"x{n}" for n in range(20)]))


@pytest.mark.parametrize("name", ["raw", "test"])
def test_what_is_right_at_a_limit_is_within_it(
    report: Report, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = having("text", "again", 5, 6)
    rows.loc[0, "text"] = "x" * 50
    rows["label"] = ["bad"] * 14 + ["good"] * 6
    exact = {"rows": {"min": 20, "max": 20}, "class_share": {"min": 0.3, "max": 0.7}}
    report.require(rows, name, limits=limits(**exact))
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "repeated",
    [
        3,
        7,
    ],
)
def test_a_share_of_repeated_texts_right_at_the_limit_is_within_it(
    report: Report, repeated: int
) -> None:
    rows = good(10).assign(text=lambda rows: rows["text"].mask(rows["row"] < repeated, "again"))
    report.require(rows, limits=limits(repeated={"max": repeated / 10}))


@pytest.mark.parametrize(("name", "count"), [("train", 4), ("validation", 4), ("test", 40)])
def test_the_parts_may_have_any_number_of_rows(report: Report, name: str, count: int) -> None:
    report.require(good(count), name)


def test_validation_alone_may_lack_a_class(report: Report) -> None:
    rows = good().assign(label="good")
    report.require(rows, "validation")
    for name in TABLES:
        if name != "validation":
            with pytest.raises(InputError, match=r"class bad is 0\.2 to 1, but it is 0$"):
                report.require(rows, name, limits=limits(class_share={"max": 1.0}))


def test_validation_may_be_empty_and_the_whole_may_not(report: Report) -> None:
    report.require(good(0), "validation")
    for name in ("raw", "curated"):
        with pytest.raises(InputError, match=f"no row is left in {name}"):
            report.require(good(0), name)


def test_an_empty_table_takes_the_earlier_result_out_of_the_report(report: Report) -> None:
    report.require(good(), "validation")
    report.require(good(0), "validation")
    assert not list((report.docs / "validations/validation").rglob("*.html"))


@pytest.mark.slow
def test_the_report_has_a_page_for_each_table_whether_it_fits_or_not(report: Report) -> None:
    for name in TABLES:
        report.require(good(), name)
    assert all(report.fits(name) for name in TABLES)
    for name in TABLES:
        with pytest.raises(InputError):
            report.require(having("text", "again", 3, 4, 5), name)
    assert not any(report.fits(name) for name in TABLES)
    assert all("again" in report.page(name) for name in TABLES)


def test_a_second_result_takes_the_place_of_the_first(report: Report) -> None:
    report.require(good(), "curated")
    with pytest.raises(InputError):
        report.require(having("text", "again", 3, 4, 5), "raw")
    assert "again" in report.page("raw")
    report.require(good(), "raw")
    assert "again" not in report.page("raw")
    assert report.fits("raw")
    assert report.fits("curated")


@pytest.mark.parametrize("name", ["raw", "train", "validation"])
def test_html_in_texts_and_class_names_is_escaped_in_every_page(report: Report, name: str) -> None:
    rows = having("text", SCRIPT, 3, 4, 5).replace({"label": {"bad": SCRIPT}})
    rows.loc[7, "text"] = SCRIPT * 20
    with pytest.raises(InputError, match=r"expectations\.repeated"):
        report.require(rows, name, classes=[SCRIPT, "good"])
    assert "alert(1)" in report.page(name)
    for page in report.pages():
        assert "<script>alert" not in page


def test_html_in_a_label_that_is_no_class_is_escaped_in_every_page(report: Report) -> None:
    with pytest.raises(InputError, match=r"download\.labels"):
        report.require(having("label", SCRIPT, 4))
    assert "alert(1)" in report.page("raw")
    for page in report.pages():
        assert "<script>alert" not in page


@pytest.mark.parametrize("odd", ["$5 ${x}", "100 % {0}", "a/b.c", "é 🚀 שלום"])
def test_marks_of_templates_and_of_paths_do_no_harm(report: Report, odd: str) -> None:
    rows = having("text", odd * 20, 3).replace({"label": {"bad": odd}})
    with pytest.raises(InputError, match=r"but 1 of 20 does not fit: row 4$"):
        report.require(rows, classes=[odd, "good"], limits=limits(characters={"max": 20}))
    report.page("raw")


def test_a_text_of_ten_million_characters_keeps_report_and_store_small(report: Report) -> None:
    with pytest.raises(InputError, match=r"3 of 20 do not fit: rows 4, 5, 6$"):
        report.require(having("text", "x" * 10_000_000, 3, 4, 5))
    assert "[10000000 characters, " in report.page("raw")
    assert sum(map(len, report.pages())) < SMALL
    assert sum(file.stat().st_size for file in report.work.rglob("*") if file.is_file()) < SMALL


@pytest.mark.parametrize("share", [0, 0.5])
def test_a_store_whose_settings_are_cut_off_is_made_anew(report: Report, share: float) -> None:
    report.require(good())
    cut(report.work / "gx/great_expectations.yml", share)
    with pytest.raises(InputError, match=r"row 4$"):
        report.require(having("text", "four", 3))
    assert not report.fits("raw")


@pytest.mark.parametrize("folder", ["expectations", "validation_definitions"])
def test_a_store_whose_rules_are_cut_off_is_made_anew(report: Report, folder: str) -> None:
    report.require(good())
    cut(report.work / "gx" / folder / "raw.json", 0.5)
    report.require(good())
    assert report.fits("raw")


def cut(file: Path, share: float) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * share)])


def test_a_store_or_a_site_that_was_deleted_is_made_anew(report: Report) -> None:
    for folder in (report.work, report.docs):
        report.require(good())
        shutil.rmtree(folder)
        report.require(good())
        assert report.fits("raw")


def test_a_page_without_room_is_one_line_and_other_faults_stay(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def keep(text: str) -> bool:
        return expectations.tell_full_disk(logging.makeLogRecord({"msg": text}))

    assert not keep("Traceback ...\nOSError: [Errno 28] No space left on device\n")
    said = capsys.readouterr().err
    assert said == "a page of the report on the data is not written: No space left\n"
    assert keep("Traceback ...\nKeyError: 'x'")
