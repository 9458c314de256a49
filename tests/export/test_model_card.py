"""The card says what the evaluation says, of any class name."""

from pathlib import Path

import numpy as np
import pandas as pd

from reprotune.evaluation.metrics import Resampling, find_intervals, score
from reprotune.export.model_card import CONFIDENCE, write_card

CLASSES = ["a|b", "never", "up"]


def test_the_card_shows_the_figures_of_the_evaluation(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    label = rng.choice(["a|b", "up"], 90)
    predicted = np.where(rng.random(90) < 0.8, label, "never")
    table = pd.DataFrame({"label": label, "predicted": predicted})
    table[CLASSES] = (predicted[:, None] == np.array(CLASSES)) * 1.0
    found = score(table, CLASSES)
    low, high = find_intervals(table, CLASSES, Resampling(CONFIDENCE, 100, 1)).accuracy
    worse = table.assign(id=range(90), predictor="tfidf", predicted="never")
    write_card(tmp_path, "classification", CLASSES, table.assign(id=range(90)), worse)
    card = (tmp_path / "README.md").read_text("utf-8")
    assert f"| 90 | {found.accuracy:.3f} | {low:.3f} to {high:.3f} | {found.macro_f1:.3f} |" in card
    for name, shown in zip(CLASSES, ("a\\|b", "never", "up"), strict=True):
        shares = f"{found.precision[name]:.3f} | {found.recall[name]:.3f}"
        assert f"| {shown} | {found.support[name]} | {shares} |" in card
    assert "The tuned model is" not in card


def test_the_card_says_which_baselines_the_model_does_not_beat(tmp_path: Path) -> None:
    label = np.array(["a|b", "up"] * 45)
    table = pd.DataFrame({"id": range(90), "label": label, "predicted": label})
    table.loc[:20, "predicted"] = "never"
    table[CLASSES] = (table["predicted"].to_numpy()[:, None] == np.array(CLASSES)) * 1.0
    others = [table.assign(predicted=label, predictor="tf_idf"), table.assign(predictor="same")]
    write_card(tmp_path, "causal", CLASSES, table, pd.concat(others))
    card = (tmp_path / "README.md").read_text("utf-8")
    assert "below the baseline tf\\_idf (-0.233 accuracy) and not shown to be above" in card
    assert "above the baseline same (+0.000, +0.000 to +0.000). What may help: more rows" in card
