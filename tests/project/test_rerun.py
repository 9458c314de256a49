"""A run that repeats the last commit's says what of it came out the same."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from reprotune.project.rerun import tell_rerun
from tests.project.test_staleness import origin, run

__all__ = ["origin"]
LOCK = Path("dvc.lock")
METRICS = Path("metrics/second.json")


@pytest.fixture
def rerun(origin: Path) -> Callable[[str, str], str]:
    """What is said of a run whose figure was one text in the commit, and is another now."""

    def tell(was: str, now: str, change: Callable[[], object] = lambda: None) -> str:
        METRICS.write_text(was)
        LOCK.write_text(LOCK.read_text() + "\n")
        run("git", "commit", "-qam", "as it was")
        METRICS.write_text(now)
        text = LOCK.read_text()
        head, last = text.rsplit("md5: ", 1)
        LOCK.write_text(f"{head}md5: {sha256(now.encode()).hexdigest()[:32]}{last[32:]}")
        change()
        return tell_rerun()

    return tell


def test_another_last_digit_is_no_other_figure(rerun: Callable[..., str]) -> None:
    told = rerun('{"loss": 0.234701}', '{"loss": 0.234696}')
    assert "1 of 2 outputs to the byte, and the same figures in the others" in told
    assert "commit them to go on from here" in told


def test_another_figure_drifted(rerun: Callable[..., str]) -> None:
    assert "but these drifted: metrics/second.json" in rerun('{"loss": 0.2}', '{"loss": 0.3}')


def test_another_run_is_not_held_against_the_commit(rerun: Callable[..., str]) -> None:
    def change() -> None:
        LOCK.write_text(LOCK.read_text().replace("learning_rate: ", "learning_rate: 1"))

    assert rerun('{"loss": 0.2}', '{"loss": 0.3}', change) == ""


def test_the_same_bytes_and_a_folder_without_commits_are_not_spoken_of(
    origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("git", "checkout", "-q", "--", ".")
    assert tell_rerun() == ""
    monkeypatch.chdir(tmp_path)
    assert tell_rerun() == ""
    run("git", "init", "-q")
    LOCK.write_text("{}")
    assert tell_rerun() == ""
