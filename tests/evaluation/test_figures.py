"""What is said of the test rows that are beyond doubt."""

import pandas as pd

from reprotune.evaluation.figures import score_subsets


def test_accuracy_without_doubted_rows_and_without_leaked_ones() -> None:
    ids = ["a", "b", "c", "d"]
    said = pd.DataFrame({"id": ids, "label": "up", "predicted": ["up", "up", "up", "down"]})
    others = pd.concat(
        [
            said.assign(predictor="parrot", predicted=["up", "down", "down", "down"]),
            said.assign(predictor="majority", predicted="up"),
        ]
    )
    roles = pd.DataFrame(
        {
            "id": [*ids, "t", "v"],
            "role": [*["test"] * 4, "train", "validation"],
            "group": ["one", "two", "three", "four", "one", "two"],  # a and b are leaked
        }
    )
    findings = pd.DataFrame({"id": ["a", "d", "t"], "issue": ["conflict", "label", "label"]})
    figures = score_subsets(said, others, roles, findings, confidence=0.95)
    doubted, leaked = figures["without_doubted"], figures["without_leaked"]
    assert (doubted.rows, doubted.accuracy) == (3, 1.0)
    assert (leaked.rows, leaked.accuracy) == (2, 0.5)
    assert leaked.baselines == {"parrot": 0.0, "majority": 1.0}
    every = roles.assign(group="one")
    leaked = score_subsets(said, others, every, findings, confidence=0.95)["without_leaked"]
    assert (leaked.rows, leaked.accuracy, leaked.baselines) == (0, None, {}), (
        "not 0.0: none is left"
    )
    assert leaked.shown == "unknown, for no row is left"
