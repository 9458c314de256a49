"""Which version served when: fifty retrainings, rollbacks, and tags that are not ours."""

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from gto import api as gto

from reprotune import cli
from reprotune.core.errors import InputError
from reprotune.production import listing, rollback
from reprotune.production.history import History, find_artifact, read_history
from reprotune.production.listing import parse_date, write_moment
from reprotune.project import terminal
from tests.production.made import DAG, git, register

START = datetime(2026, 1, 1, tzinfo=UTC)
Ask = Callable[..., dict[str, object]]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    git("init", "-q", "-b", "main")
    Path("dvc.yaml").write_text(DAG)
    git("add", "-A")
    return tmp_path


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Ask:
    def run(*arguments: str) -> dict[str, object]:
        cli.main(["versions", "--json", *arguments])
        return dict(json.loads(capsys.readouterr().out))

    return run


def commit(at: datetime = START) -> None:
    git("commit", "-q", "--allow-empty", "-m", f"a model of {at}", at=at)


def assign(version: str, number: int, at: datetime, cancel: str = "") -> None:
    told = f"tag -a -m because classifier#production{cancel}#{number} classifier@{version}^{{}}"
    git(*told.split(), at=at)


@pytest.mark.slow  # a hundred commands
def test_who_served_on_a_hundred_dates_of_fifty_retrainings(project: Path, ask: Ask) -> None:
    chance = random.Random(1)
    moment, number, known = START, 0, []
    line: list[tuple[datetime, str]] = []  # what served from when on
    for count in range(1, 51):
        moment += timedelta(hours=chance.randint(1, 200))
        commit(moment)
        number += 1
        register(f"v0.0.{count}", number, moment)
        known.append(f"v0.0.{count}")
        line.append((moment, known[-1]))
        if chance.random() < 0.2:
            moment += timedelta(minutes=chance.randint(1, 600))
            number += 1
            back = chance.choice(known)
            assign(back, number, moment)
            line.append((moment, back))
    span = (moment - START).total_seconds() + 86_400
    for _ in range(100):
        date = START + timedelta(seconds=chance.uniform(0, span))
        expected = [version for since, version in line if since <= date][-1:]
        served = ask("--on", date.isoformat())["served"]
        assert [one["version"] for one in served] == expected  # type: ignore[attr-defined]
    (in_use,) = gto.show(".", "classifier#production")
    assert ask("--on", write_moment(moment))["serves"] == in_use["version"] == line[-1][1]


def test_a_day_names_all_that_served_on_it(project: Path) -> None:
    for count in (1, 2, 3):
        at = START + timedelta(hours=9 * count)
        commit(at)
        register(f"v0.0.{count}", count, at)
    history = read_history("classifier")

    def served(text: str) -> list[str]:
        return [one.version for one in history.find_served(*parse_date(text))]

    assert served("2025-12-31") == []
    assert served("2026-01-01") == ["v0.0.1", "v0.0.2"]
    assert served("2026-01-02") == ["v0.0.2", "v0.0.3"]
    assert served("2026-01-01T20:00") == served("2026-01-01T22:00+02:00") == ["v0.0.2"]
    for wrong in ("yesterday", "2026-13-01", "9999999"):
        with pytest.raises(InputError, match="write it as 2026-01-31"):
            parse_date(wrong)


def test_what_is_taken_out_of_production_serves_no_more_and_gto_agrees(project: Path) -> None:
    for count in (1, 2):
        commit(START + timedelta(days=count))
        register(f"v0.0.{count}", count, START + timedelta(days=count))
    for number, version in ((3, "v0.0.2"), (4, "v0.0.1")):
        assign(version, number, START + timedelta(days=number), cancel="!")
        now = read_history("classifier").serving
        shown = [one["version"] for one in gto.show(".", "classifier#production")]
        assert ([now.version] if now else []) == shown


@pytest.mark.parametrize(
    ("served", "previous"),
    [("1", None), ("12", "v0.0.1"), ("123", "v0.0.2"), ("1232", "v0.0.1"), ("12321", None),
     ("12324", "v0.0.2"), ("1231", None)],
)  # fmt: skip
def test_what_was_gone_back_from_is_never_gone_back_to(
    project: Path, served: str, previous: str | None
) -> None:
    for number, version in enumerate(served, start=1):
        at = START + timedelta(days=number)
        if version in served[: number - 1]:
            assign(f"v0.0.{version}", number, at)
        else:
            commit(at)
            register(f"v0.0.{version}", number, at)
    assert read_history("classifier").find_previous() == previous


def test_a_withdrawn_version_is_passed_over_and_refused_by_name(project: Path) -> None:
    for count in (1, 2, 3):
        commit(START + timedelta(days=count))
        register(f"v0.0.{count}", count, START + timedelta(days=count))
    git("tag", "-a", "-m", "bad labels", "classifier@v0.0.2!", "classifier@v0.0.2^{}")
    history = read_history("classifier")
    assert rollback.choose(history, None) == "v0.0.1"
    with pytest.raises(InputError, match=r"v0\.0\.2 was withdrawn"):
        rollback.choose(history, "v0.0.2")
    with pytest.raises(InputError, match=r"'v9' is no version .* \(registered: v0\.0\.1, "):
        rollback.choose(history, "v9")


def test_two_projects_in_one_repository_have_versions_of_their_own(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("services/Reviews_2", "not for GTO"):
        Path(place).mkdir(parents=True)
        Path(place, "dvc.yaml").write_text(DAG)
    git("add", "-A")
    commit()
    assert find_artifact() == ("classifier", "models/merged")
    assert find_artifact(Path("not for GTO")) == ("classifier", "models/merged")
    monkeypatch.chdir("services/Reviews_2")
    found = find_artifact()
    assert found == ("services/Reviews_2:classifier", "models/merged")
    gto.register(".", found[0], "HEAD")
    gto.assign(".", found[0], "production", ref="HEAD")
    assert read_history(found[0]).serving and read_history("classifier").serving is None
    tags = git("tag").split()
    tag = rollback.assign(read_history(found[0]), "v0.0.1", git("rev-parse", "HEAD"), "x", False)
    assert tags == [f"services/Reviews_2=classifier{end}" for end in ("#production#1", "@v0.0.1")]
    assert tag == "services/Reviews_2=classifier#production#2"


def test_nothing_to_go_back_to_is_one_sentence(project: Path) -> None:
    with pytest.raises(InputError, match=r"no version .* served before; .* \(registered: none\)"):
        rollback.choose(History("classifier"), None)


def test_tags_of_a_hostile_shape_are_passed_over_and_said(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    commit()
    register("v0.0.1", 1, START)
    blob = git("hash-object", "-w", "dvc.yaml")
    git("tag", "-a", "-m", "a file", "classifier#production#2", blob)
    git("tag", "classifier@v0.0.2")
    git("tag", "-a", "-m", "a tag", "classifier@v0.0.3", "classifier@v0.0.1")
    head = f"object {git('rev-parse', 'HEAD')}\ntype commit\ntag x\n"
    far = Path("far")
    for number, date in enumerate((10**17, 10**18), start=3):
        far.write_text(f"{head}tagger a\x1b[31m <b> {date} +0000\n\nx\n")
        written = git("hash-object", "-t", "tag", "-w", "--literally", "far")
        git("update-ref", f"refs/tags/classifier#production#{number}", written)
    others = (
        "classifier@v01.0",
        "classifier@v0.0.9;reboot",
        "other@v1.0.0",
        "\u202eclassifier@v1.0",
    )
    for name in (*others, "classifier#staging#9", "$(reboot)", "classifier@latest"):
        git("tag", "-a", "-m", "x", name)
    cli.main(["versions"])
    said = capsys.readouterr()
    assert "v0.0.1 served from 2026-01-01T00:00:00Z and still does" in said.out
    told = sorted(line.split(": ")[1] for line in said.err.splitlines())
    assert told == [
        "classifier has no tag #5, #6, #7, #8 here; git fetch --tags brings it (a shallow clone "
        "has few), unless somebody deleted it",
        "classifier#production#2", "classifier#production#3", "classifier#production#4",
        "classifier@v0.0.2", "classifier@v0.0.3",
    ]  # fmt: skip
    assert "\x1b" not in said.out + said.err


def test_a_tag_of_a_time_to_come_stops_a_rollback(project: Path) -> None:
    commit()
    register("v0.0.1", 1, datetime.now(UTC) + timedelta(days=2))
    with pytest.raises(InputError, match="still to come"):
        rollback.choose_date(read_history("classifier"))


def test_a_clock_that_goes_slow_does_not_put_a_rollback_before_what_it_takes_back(
    project: Path,
) -> None:
    commit()
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=5)
    register("v0.0.1", 1, at)
    assert rollback.choose_date(read_history("classifier")) == at + timedelta(seconds=1)


def test_no_project_and_no_model_are_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for content, told in ((None, "run this in the folder"), ("stages: {}", "names no model")):
        if content:
            Path("dvc.yaml").write_text(content)
        with pytest.raises(SystemExit, match=told):
            cli.main(["versions"])
    Path("dvc.yaml").write_text(DAG)
    with pytest.raises(SystemExit, match="not a git repository"):
        cli.main(["versions"])


def test_a_history_with_tags_that_are_missing_says_so(
    project: Path, ask: Ask, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in (1, 2, 3):
        commit(START + timedelta(days=number))
        register(f"v0.0.{number}", number, START + timedelta(days=number))
    assert ask()["missing"] == []
    git("tag", "--delete", "classifier#production#2")
    cli.main(["versions", "--on", "2026-01-03"])
    said = capsys.readouterr()
    assert "v0.0.1 served from 2026-01-02" in said.out
    assert said.err.startswith("incomplete: classifier has no tag #2 here; git fetch --tags")
    git("tag", "-a", "-m", "by hand", f"classifier#production#{10**18}")
    assert ask("--on", "2026-01-03")["missing"] == [2, *range(4, 13)]


def test_versions_fit_a_terminal_of_80_columns(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    commit()
    register("v0.0.1", 1, START)
    facts = listing.Facts("91c402b73a", {"train": 900}, 0.922, (0.897, 0.941), None, None)
    monkeypatch.setattr(listing, "read_facts", lambda _: facts)
    monkeypatch.setattr(terminal.put, "__defaults__", (80,))
    cli.main(["versions"])
    table, _, _ = capsys.readouterr().out.partition("\n\n")
    assert max(map(len, table.splitlines())) <= 80
    for whole in ("v0.0.1", "serves", "2026-01-01", "91c402b73a", "0.922", "registered"):
        assert whole in table
