"""Decisions of two branches come together, by git and the attributes of this project."""

import random
import subprocess
from pathlib import Path

import pytest

from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.data.decisions import COLUMNS, read_decisions

ROOT = Path(__file__).resolve().parents[2]
FILE = Path("data/decisions.csv")


def git(*command: str) -> None:
    subprocess.run(["git", *command], check=True, capture_output=True)


def write(rows: list[str], *, end: bool = True) -> None:
    FILE.write_text("\n".join([",".join(COLUMNS), *rows]) + ("\n" if end else ""))


def commit() -> None:
    git("add", "-A")
    git("commit", "-qm", "rows", "--allow-empty")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    git("init", "-q", "-b", "main")
    Path(".gitattributes").write_bytes((ROOT / ".gitattributes").read_bytes())
    FILE.parent.mkdir()
    return tmp_path


def decide(draw: random.Random, reviewer: str) -> str:
    action = draw.choice(["keep", "quarantine", "relabel"])
    label = "good" if action == "relabel" else ""
    note = draw.choice(["", "clear", '"well, perhaps"'])
    return f"{draw.getrandbits(64):016x},{action},{label},{reviewer},{note}"


def add(rows: list[str], more: list[str], draw: random.Random) -> list[str]:
    """Rows below the others, as people add them, or anywhere, as a sorted file has them."""
    if draw.random() < 0.5:
        return [*rows, *more]
    mixed = list(rows)
    for row in more:
        mixed.insert(draw.randrange(len(mixed) + 1), row)
    return mixed


def merge_pair(draw: random.Random) -> set[str]:
    """Two branches that both add rows, some of them the same; returns the ids that are meant."""
    rows = [decide(draw, "ann") for _ in range(draw.randrange(8))]
    shared = [decide(draw, "ann") for _ in range(draw.randrange(3))]
    sides = [
        [*shared, *(decide(draw, name) for _ in range(draw.randrange(1, 6)))]
        for name in ("bob", "cyd")
    ]
    git("checkout", "-q", "--orphan", f"base{draw.getrandbits(64)}")
    write(rows, end=draw.random() < 0.8)
    commit()
    git("branch", "-qf", "other")
    write(add(rows, sides[0], draw), end=draw.random() < 0.8)
    commit()
    git("checkout", "-q", "other")
    write(add(rows, sides[1], draw), end=draw.random() < 0.8)
    commit()
    git("merge", "-q", "--no-edit", "@{-1}")
    return {row.split(",")[0] for row in [*rows, *sides[0], *sides[1]]}


def check_pairs(count: int) -> None:
    draw = random.Random(1)
    for _ in range(count):
        meant = merge_pair(draw)
        found = read_decisions(FILE)
        assert set(found["id"]) == meant and found["id"].is_unique


def test_every_file_of_answers_is_merged_by_its_lines(repository: Path) -> None:
    files = ["data/sample.csv", *map(str, (FILE, paths.SHADOW_ANSWERS, paths.DOUBT_ANSWERS))]
    asked = ["git", "check-attr", "merge", *files]
    told = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.splitlines()
    assert [line.rpartition(" ")[2] for line in told] == ["union"] * 4


def test_two_branches_that_add_decisions_merge_without_a_conflict(repository: Path) -> None:
    check_pairs(5)


@pytest.mark.slow  # a hundred merges
def test_a_hundred_pairs_of_branches_merge_without_a_conflict(repository: Path) -> None:
    check_pairs(100)


def test_decisions_that_disagree_are_named_with_their_rows(repository: Path) -> None:
    row = "0" * 15
    write([f"{row}1,keep,,ann,", f"{row}2,relabel,good,ann,"])
    commit()
    git("checkout", "-qb", "other")
    write([f"{row}1,keep,,ann,", f"{row}2,relabel,good,ann,", f"{row}3,relabel,good,bob,"])
    commit()
    git("checkout", "-q", "main")
    write([f"{row}1,keep,,ann,", f"{row}2,relabel,good,ann,", f"{row}3,relabel,bad,cyd,sure"])
    commit()
    git("merge", "-q", "--no-edit", "other")
    with pytest.raises(InputError) as error:
        read_decisions(FILE)
    told = str(error.value)
    assert "data/decisions.csv: decisions on 1 row disagree; let a third reviewer decide" in told
    assert f"row 4: {row}3 relabel bad, by cyd" in told
    assert f"row 5: {row}3 relabel good, by bob" in told


def test_decisions_that_agree_count_once_as_the_first_says_it(repository: Path) -> None:
    row = "0" * 15
    write([f"{row}1,relabel,good,ann,first", f"{row}1,relabel,good,bob,", f"{row}1,relabel,good,,"])
    found = read_decisions(FILE)
    assert found.iloc[0, :5].tolist() == [f"{row}1", "relabel", "good", "ann", "first"]
    assert len(found) == 1
