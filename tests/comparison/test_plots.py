"""Pictures come from what is in git, whatever the classes are called."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from reprotune.comparison import plots
from reprotune.core import paths

ROOT = Path(__file__).resolve().parents[2]


def test_a_run_has_every_picture_and_none_is_blank(tmp_path: Path) -> None:
    written = plots.save(tmp_path, ROOT)
    assert {file.stem for file in written} == set(plots.PICTURES)
    for file in written:
        pixels = np.asarray(Image.open(file).convert("L"))
        assert (pixels < 200).mean() > 0.005, file


def test_the_same_data_are_the_same_bytes() -> None:
    one, two = (
        [plots.render_svg(figure) for _, figure in plots.draw_pictures(ROOT)] for _ in range(2)
    )
    assert one == two


@pytest.mark.parametrize("count", [2, 20])
def test_odd_and_many_names_do_no_harm(tmp_path: Path, count: int) -> None:
    names = ["$x$ <b>", "a very long name of a class indeed", "שלום", "NA"] * 5
    names = [f"{name}{number}" for number, name in enumerate(names[:count])]
    for name in plots.PICTURES:
        file = plots.PICTURES[name][1]
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    pd.DataFrame({"label": names, "predicted": names[::-1]}).to_csv(
        tmp_path / paths.CONFUSION, index=False
    )
    table = pd.DataFrame({"class": names, "precision": 0.5, "recall": 0.4, "f1": 0.45})
    table.to_csv(tmp_path / paths.CLASSWISE, index=False)
    assert len(plots.save(tmp_path / "figures", tmp_path)) == len(plots.PICTURES)


def test_without_data_there_are_no_pictures(tmp_path: Path) -> None:
    assert plots.save(tmp_path / "figures", tmp_path) == []
