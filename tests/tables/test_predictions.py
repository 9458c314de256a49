"""Prediction files keep every text and agree with themselves."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from reprotune.tables import predictions

TEXTS = ['a, "b"\nc', "NA", " padded ", "007", "€ “é” \u2028"]


def rows(classes: list[str]) -> pd.DataFrame:
    ids = [f"{n:016d}" for n in range(len(TEXTS))]
    return pd.DataFrame({"id": ids, "text": TEXTS, "label": classes[0]}, index=range(5, 10))


def probabilities(classes: list[str]) -> np.ndarray:
    return np.random.default_rng(1).dirichlet(np.ones(len(classes)), len(TEXTS))


@pytest.mark.parametrize("classes", [["bad", "good"], ["None", "NA", "1e3"], ["0", "1"]])
def test_a_file_gives_back_what_was_written(tmp_path: Path, classes: list[str]) -> None:
    written = predictions.table(rows(classes), probabilities(classes), classes)
    predictions.write(written, tmp_path / "a.csv")
    read = predictions.read(tmp_path / "a.csv")
    for column in ("id", "text", "label", "predicted"):
        assert read[column].tolist() == written[column].tolist()
    assert read[classes].to_numpy() == pytest.approx(written[classes].to_numpy())


def test_rows_keep_their_own_probabilities_and_the_largest_is_predicted() -> None:
    classes = ["bad", "flat", "good"]
    probability = probabilities(classes)
    table = predictions.table(rows(classes), probability, classes)
    assert list(table) == ["id", "text", "label", "predicted", *classes]
    assert table[classes].to_numpy() == pytest.approx(probability, abs=5e-7)
    assert (table["predicted"] == table[classes].idxmax(axis=1)).all()


def test_noise_below_six_decimals_changes_no_byte(tmp_path: Path) -> None:
    files = []
    for noise in (0.0, 1e-9):
        probability = np.array([[0.5 - noise, 0.5 + noise]] * len(TEXTS))
        files.append(tmp_path / f"{noise}.csv")
        predictions.write(
            predictions.table(rows(["bad", "good"]), probability, ["bad", "good"]), files[-1]
        )
    assert files[0].read_bytes() == files[1].read_bytes()
    assert "0.500000" in files[0].read_text("utf-8")
