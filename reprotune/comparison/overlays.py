"""Two runs in one frame: before pale, dashed or as an outline; and all differences."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reprotune.comparison.plots import COLOURS, MANY, PICTURES, STYLE, choose_size, shorten
from reprotune.comparison.statistics import Change
from reprotune.core import paths

FRONT = ("learning_curve", "reliability")  # the other pictures are folded
ALONE = ("confusion",)  # that have a picture of their change in their place
MOST_LISTED = 30  # classes in the picture of all differences
LEAST_SHOWN = 0.01  # half of the scale: noise in the sixth decimal is no line across the picture
PALE = 0.45


def draw_over(name: str, before: Path, after: Path) -> Figure | None:
    """A picture of two runs' folders; None if neither has its data."""
    draw, needed = PICTURES[name]
    sides = [folder for folder in (before, after) if (folder / needed).is_file()]
    names = list_names(after)
    is_other = name not in FRONT and (list_names(before) != names or len(names) > MANY)
    if len(sides) > 1 and is_other:
        sides = [after]  # colours and places are those of the classes
    if not sides:
        return None
    with mpl.rc_context(STYLE):
        size = choose_size(len(names) if name == "classes" else 1)
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots()
        for folder in sides:
            if axes.has_data():
                fade(axes)
            draw(axes, folder)
        return figure


def list_names(folder: Path) -> list[str]:
    """The classes of a run, as its pictures have them."""
    file = folder / paths.CLASSWISE
    if not file.is_file():
        return []
    return list(pd.read_csv(file, dtype="str", keep_default_na=False)["class"])


def fade(axes: Axes) -> None:
    """Make what is drawn the earlier of two, without a name in the legend."""
    for line in axes.lines:
        line.set(linestyle=(0, (4, 2)), alpha=PALE, label="_before")
    for marks in axes.collections:
        marks.set(alpha=PALE / 1.5, label="_before")
    for bar in axes.patches:
        bar.set(facecolor="none", edgecolor="black", linestyle=":", zorder=3, label="_before")
    for bars in axes.containers:
        bars.set_label("_before")
    axes.set_prop_cycle(None)
    if axes.yaxis_inverted():  # as the next drawing does once more
        axes.invert_yaxis()


def draw_forest(changes: Sequence[Change], recalls: Sequence[Change], alpha: float) -> Figure:
    """Every difference with its interval: figures of the model, then the recall of each class.

    Those whose corrected p-value is below ``alpha`` are filled.

    What is no share of rows (the log loss) has a scale of its own, and is better to the left.
    """
    losses = [change for change in changes if change.name == "log loss"]
    shares = [change for change in changes if change.name != "log loss"]
    worst = sorted(recalls, key=lambda change: change.difference)[:MOST_LISTED]
    listed = [change for change in recalls if change in worst]
    names = [c.name for c in shares] + [f"recall: {shorten(c.name)}" for c in listed]
    heights = [len(names), len(losses)] if losses else [len(names)]
    with mpl.rc_context(STYLE):
        size = 0.28 * sum(heights) + 0.75 * len(heights)
        figure = Figure(figsize=(5.2, size), layout="constrained")
        places = figure.subplots(
            len(heights), squeeze=False, height_ratios=[h + 1 for h in heights]
        )
        draw_rows(places[0, 0], names, [*shares, *listed], 100, alpha)
        places[0, 0].set_xlabel("change in points (better to the right)")
        if losses:
            draw_rows(places[1, 0], ["log loss"], losses, 1, alpha)
            places[1, 0].locator_params(axis="x", nbins=5)
            places[1, 0].set_xlabel("change in nats (better to the left)")
        return figure


def draw_rows(
    axes: Axes, names: Sequence[str], changes: Sequence[Change], scale: float, alpha: float
) -> None:
    """One line a change: filled if it is significant, corrected for the number of figures."""
    axes.axvline(0, color="grey", linewidth=0.8)
    for place, change in enumerate(changes):
        low, high = (scale * end for end in change.interval)
        better = (change.difference > 0) == (change.name != "log loss")
        colour = "grey" if change.corrected >= alpha else COLOURS[2] if better else COLOURS[1]
        axes.plot([low, high], [place, place], color=colour, linewidth=2)
        fill = colour if change.corrected < alpha else "white"
        middle = scale * change.difference
        axes.plot([middle], [place], marker="o", color=colour, markerfacecolor=fill)
    axes.set_yticks(np.arange(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    widest = max(LEAST_SHOWN * scale, *(abs(x) for x in axes.get_xlim()))
    axes.set_xlim(-widest, widest)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
