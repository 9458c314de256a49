"""Pictures come from what is in git, whatever the classes are called."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from reprotune.comparison import overlays, plots
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


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """A run of 77 classes: the higher their number, the better they are told apart."""
    names = [f"class {number:02}" for number in range(77)]
    rows = [
        (name, names[place - 1] if n > place else name)
        for place, name in enumerate(names)
        for n in range(80)
    ]
    (tmp_path / paths.CONFUSION).parent.mkdir(parents=True)
    said = pd.DataFrame(rows, columns=["label", "predicted"])
    said.to_csv(tmp_path / paths.CONFUSION, index=False)
    recalls = pd.DataFrame({"class": names, "precision": 0.5, "recall": np.linspace(0.1, 1, 77)})
    recalls.assign(f1=0.5).to_csv(tmp_path / paths.CLASSWISE, index=False)
    curves = [
        (name, x, x**0.5 if place >= plots.MARKED else x)
        for place, name in enumerate(names)
        for x in (0, 0.5, 1)
    ]
    for file in (paths.ROC, paths.PRECISION_RECALL):
        pd.DataFrame(curves, columns=["class", "x", "y"]).to_csv(tmp_path / file, index=False)
    return tmp_path


def test_of_many_classes_what_stands_out_is_drawn(many: Path) -> None:
    drawn = {name: figure.axes[0] for name, figure in plots.draw_pictures(many)}
    shown = {n: [tick.get_text() for tick in axes.get_yticklabels()] for n, axes in drawn.items()}
    assert len(shown["confusion"]) == plots.PAIRS and shown["confusion"][0] == "class 00 → class 76"
    assert shown["classes"] == [f"class {number:02}" for number in range(plots.MANY)]
    for name in ("roc", "precision_recall"):
        legend = drawn[name].get_legend()
        assert legend is not None
        assert len(legend.get_texts()) == plots.MARKED
        assert {text.get_text() for text in legend.get_texts()} == {
            f"class {number:02}" for number in range(plots.MARKED)
        }


def test_one_row_of_many_is_pale_and_blue_is_better_wherever_it_stands() -> None:
    labels = np.repeat(["bad", "good"], 200)
    old = pd.DataFrame({"label": labels, "predicted": labels})
    new = old.copy()
    new.loc[0, "predicted"] = "good"
    (picture,) = plots.draw_confusion_change(old, new, ["bad", "good"]).axes[0].images
    assert np.allclose(picture.get_array(), [[-1 / 200, -1 / 200], [0, 0]])  # both are worse
    assert picture.get_clim() == (-plots.GRAVE, plots.GRAVE)
    new.loc[:99, "predicted"] = "good"
    (picture,) = plots.draw_confusion_change(new, old, ["bad", "good"]).axes[0].images
    assert np.allclose(picture.get_array(), [[0.5, 0.5], [0, 0]])
    assert picture.get_clim() == (-0.5, 0.5)


def test_of_many_classes_the_pairs_that_changed_are_drawn(many: Path) -> None:
    old = pd.read_csv(many / paths.CONFUSION)
    new = old.assign(predicted=old["label"].where(old["label"] == "class 00", old["predicted"]))
    new.loc[new["label"] == "class 76", "predicted"] = "class 01"
    names = sorted(set(old["label"]))
    axes = plots.draw_confusion_change(old, new, names).axes[0]
    shown = [tick.get_text() for tick in axes.get_yticklabels()]
    assert shown == ["class 76 → class 01", "class 76 → class 75", "class 00 → class 76"]
    assert [bar.get_width() for bar in axes.patches] == [80, -3, -79]
    assert plots.draw_confusion_change(old, old, names)


def test_of_many_classes_two_runs_are_not_drawn_over_each_other(many: Path) -> None:
    figure = overlays.draw_over("classes", many, many)
    assert figure is not None and len(figure.axes[0].patches) == 3 * plots.MANY


def test_without_data_there_are_no_pictures(tmp_path: Path) -> None:
    assert plots.save(tmp_path / "figures", tmp_path) == []
