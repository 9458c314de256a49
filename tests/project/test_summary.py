"""The table at the end of a run says when a model has learnt nothing."""

from typing import Any

import pytest

from reprotune.project.summary import accuracies


def figures(low: float) -> dict[str, Any]:
    test = {"accuracy": 0.5, "interval": {"accuracy": [0.4, 0.6]}}
    return {"test": test, "gain_over": {"majority": {"accuracy": 0.0, "interval": [low, 0.1]}}}


@pytest.mark.parametrize(("low", "told"), [(-0.02, True), (0.0, True), (0.01, False)])
def test_a_model_that_is_no_better_than_the_majority_is_told_apart(low: float, told: bool) -> None:
    assert ("no better than guessing" in accuracies(figures(low))) == told
