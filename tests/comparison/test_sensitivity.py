"""What a gate would have found, and a gate that asks for a proof that little was lost."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest

from reprotune.comparison.report import Verdict
from reprotune.comparison.sensitivity import find_detectable_loss
from reprotune.comparison.verdict import Result, compare_revisions
from reprotune.core import paths
from reprotune.tables import predictions as tables
from tests.comparison.test_verdict import commit, git, repository, say, write_predictions, write_run

__all__ = ["repository"]


def gate(margin: float | None) -> dict[str, object]:
    return {
        "metric": "accuracy", "tolerance": 0.0, "margin": margin, "confidence": 0.95, "classes": []
    }  # fmt: skip


def lose(rows: int) -> None:
    """Answer some test rows more wrongly."""
    table = tables.read(paths.PREDICTIONS)
    right = table.index[table["predicted"] == table["label"]][:rows]
    other = table.loc[right, "label"].map(
        lambda name: "neutral" if name != "neutral" else "positive"
    )
    table.loc[right, "predicted"] = other
    write_predictions(say(table))


@pytest.mark.parametrize(("rows", "discordant"), [(75, 9), (168, 20), (900, 60), (600, 0)])
def test_a_detectable_loss_is_found_in_four_of_five_simulated_tests(
    rows: int, discordant: int
) -> None:
    loss = find_detectable_loss(rows, discordant, 0.95)
    share = max(loss, discordant / rows + loss / 2)
    chances = [(share + loss) / 2, (share - loss) / 2, 1 - share]
    draws = np.random.default_rng(1).multinomial(rows, chances, size=2000)
    seen = {
        (lost, won): binomtest(lost, lost + won).pvalue < 0.05 for lost, won in draws[:, :2]
        if lost + won
    }  # fmt: skip
    found = np.mean([seen.get((lost, won), False) for lost, won in draws[:, :2]])
    assert found == pytest.approx(0.8, abs=0.03)


def test_no_significant_change_says_what_would_have_been_found(repository: Path) -> None:
    write_run(0.80, 2)
    found = compare_revisions("main")
    assert found.verdict == Verdict.SAME
    assert found.detectable == pytest.approx(0.016, abs=0.005)
    told = f"A loss of {100 * found.detectable:.1f} points would have been found in 80 of 100 cases"
    assert told in found.sentence
    assert found.as_json()["detectable_loss"] == found.detectable


@pytest.mark.parametrize(
    ("margin", "lost", "verdict"),
    [
        (0.02, 4, Verdict.SAME),  # the interval ends at -0.9 points
        (0.02, 14, Verdict.WORSE),  # significant, and perhaps 2 points
        (0.005, 4, Verdict.INCONCLUSIVE),  # not significant, and perhaps 0.5 points
        (0.05, 14, Verdict.SAME),  # a proven loss that is small enough
        (None, 4, Verdict.SAME),
    ],
)
def test_a_margin_asks_that_a_loss_of_it_is_ruled_out(
    repository: Path, margin: float | None, lost: int, verdict: Verdict
) -> None:
    git("checkout", "-q", "main")
    write_run(0.80, compare__gate=gate(margin))
    commit("a gate")
    lose(lost)
    found = compare_revisions("main")
    assert found.verdict == verdict, found.sentence
    assert found.exit_code == (0 if verdict == Verdict.SAME else 1)
    if margin:
        told = "is ruled out" if verdict == Verdict.SAME else "is not ruled out"
        assert f"a loss of {100 * margin:g} points" in found.sentence and told in found.sentence


def walk_down(steps: int) -> list[Result]:
    """Lose six rows at a time, each a commit that is compared with the one before."""
    found = []
    for step in range(steps):
        lose(6)
        commit(f"step {step}")
        found.append(compare_revisions("HEAD~1", "HEAD"))
    return found


def test_small_losses_do_not_add_up_past_the_best_version(repository: Path) -> None:
    git("checkout", "-q", "main")
    write_run(0.80, compare__gate=gate(0.02))
    commit("a gate")
    untold = walk_down(4)
    assert {result.verdict for result in untold} == {Verdict.SAME}
    git("tag", "classifier@v0.0.1", "HEAD~4")
    git("tag", "-a", "-m", "annotated", "v2", "HEAD~1")
    found = compare_revisions("HEAD~1", "HEAD")
    assert found.verdict == Verdict.WORSE
    assert "against the best version so far, classifier@v0.0.1: accuracy" in found.sentence.replace(
        "`", ""
    )
    assert "Best version so far" in [section.title for section in found.report.sections]


def test_versions_that_cannot_be_compared_are_passed_over(repository: Path) -> None:
    git("checkout", "-q", "main")
    write_run(0.80, compare__gate=gate(0.02))
    commit("a gate")
    paths.PREDICTIONS.unlink()
    commit("no predictions")
    git("tag", "v1")
    git("checkout", "-q", "HEAD~1", "--", ".")
    commit("predictions again")
    git("tag", "v2")
    found = compare_revisions("HEAD", "workspace")
    assert found.verdict == Verdict.SAME
    assert "best version" not in found.sentence
