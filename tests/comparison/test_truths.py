"""A comparison tells what blind samples say of both versions."""

from pathlib import Path

from reprotune.comparison.verdict import compare_revisions
from reprotune.core import paths
from reprotune.tables import metrics
from reprotune.tables.reviewed import Powered, Reviewed
from tests.comparison.test_verdict import commit, repository
from tests.projects import ROOT

__all__ = ["repository"]  # a fixture


def write_reviewed(accuracy: float) -> None:
    """A run's figures with those of a blind sample."""
    found = metrics.read(ROOT / paths.EVALUATE_METRICS, metrics.Evaluation)
    tuned = Powered(
        accuracy=accuracy,
        interval=(0.8, 0.97),
        power=0.8,
        sample=0.9,
        sample_interval=(0.79, 0.98),
        sample_by_label=0.85,
    )
    predictors = {"tfidf": tuned.model_copy(update={"accuracy": 0.7}), "tuned": tuned}
    reviewed = Reviewed(rows=100, label_error=0.06, interval=(0.03, 0.12), predictors=predictors)
    metrics.write(paths.EVALUATE_METRICS, found.model_copy(update={"reviewed": reviewed}))


def test_the_accuracy_against_the_truth_is_told_of_both_versions(repository: Path) -> None:
    sections = compare_revisions("HEAD").report.sections
    assert "Against the truth" not in [section.title for section in sections]
    write_reviewed(0.91)
    commit("before")
    write_reviewed(0.93)
    sections = compare_revisions("HEAD").report.sections
    (told,) = (section for section in sections if section.title == "Against the truth")
    assert "100 test rows were labelled blind" in told.notes[0]
    assert [[str(cell) for cell in row[:3]] for row in told.rows] == [
        ["before, tuned", "0.850", "0.910"],
        ["tuned", "0.850", "0.930"],
        ["tfidf", "0.850", "0.700"],
    ]
