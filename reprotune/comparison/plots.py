"""Pictures of a run, from the plots' data that is in git."""

from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reprotune.core import paths
from reprotune.core.io import whole_file
from reprotune.core.printing import count_of
from reprotune.tables import cells

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # Okabe and Ito 2008
WIDE = 20  # ratio of the largest to the least loss from which the scale is logarithmic
MOST_NUMBERS = 8  # classes whose counts are written into the matrix
MANY = 30  # classes beyond which only what stands out is drawn
GRAVE = 0.1  # share of a class's rows; a change of so many has the full colour
PAIRS = 25  # of classes that are taken for each other
MARKED = 5  # curves with a colour and a name, of many
STYLE: Any = {
    "axes.prop_cycle": cycler(color=COLOURS),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 9,
    "legend.frameon": False,
    "savefig.dpi": 150,
    "svg.fonttype": "none",
    "svg.hashsalt": "reprotune",  # the same picture is the same bytes
}


def draw_losses(axes: Axes, folder: Path) -> None:
    for file, name in ((paths.TRAIN_CURVE, "training"), (paths.VALIDATION_CURVE, "validation")):
        if (folder / file).is_file():
            table = pd.read_csv(folder / file, sep="\t")
            axes.plot(table["step"], table.iloc[:, 1], marker=".", label=name)
    axes.set(title="Learning curve", xlabel="update of the weights", ylabel="loss (nats)")
    low, high = axes.dataLim.intervaly
    if low > 0 and high > WIDE * low:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.legend()


def draw_confusion(axes: Axes, folder: Path) -> None:
    said = cells.read(folder / paths.CONFUSION, dtype="str")
    names = sorted(set(said["label"]) | set(said["predicted"]))
    if len(names) > MANY:
        pairs = count_pairs(said).sort_values(ascending=False, kind="stable")[:PAIRS]
        draw_pairs(axes, pairs, COLOURS[0])
        axes.set_title(
            f"Most confused of {count_of(len(names), 'class')} ({count_of(len(said), 'test row')})"
        )
        return
    counts = pd.crosstab(said["label"], said["predicted"])
    counts = counts.reindex(index=names, columns=names, fill_value=0)
    draw_matrix(axes, counts.to_numpy(), names)
    axes.set_title(f"Confusion matrix ({count_of(len(said), 'test row')})")


def draw_confusion_change(old: pd.DataFrame, new: pd.DataFrame, names: list[str]) -> Figure:
    """How many more rows fall into each cell; the same rows in both tables, at least one.

    Blue is better, red worse: more right ones, fewer wrong ones. The colour is full where ``GRAVE``
    of a label's rows changed, so that one row of many stays pale.
    """
    two = [pd.crosstab(t["label"], t["predicted"]) for t in (old, new)]
    before, after = (t.reindex(index=names, columns=names, fill_value=0).to_numpy() for t in two)
    change = after - before
    gain = np.where(np.eye(len(names), dtype="bool"), change, -change)
    share = gain / np.maximum(after.sum(axis=1, keepdims=True), 1)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=choose_size(len(names)), layout="constrained")
        axes = figure.subplots()
        if len(names) > MANY:
            draw_pair_changes(axes, old, new)
            return figure
        most = max(GRAVE, float(abs(share).max()))
        axes.imshow(share, cmap="RdBu", vmin=-most, vmax=most)
        label_axes(axes, names)
        if len(names) <= MOST_NUMBERS:
            for row, column in np.ndindex(*change.shape):
                dark = abs(share[row, column]) > 0.6 * most
                axes.text(
                    column, row, f"{after[row, column]} ({change[row, column]:+d})",
                    ha="center", va="center",
                    color="white" if dark else "black",
                )  # fmt: skip
        axes.set_title("Rows after (and change; blue: better, red: worse)")
        return figure


def count_pairs(said: pd.DataFrame) -> pd.Series:
    """How many rows of a label were taken for another class."""
    wrong = said[said["label"] != said["predicted"]]
    return wrong.groupby(["label", "predicted"]).size()


def draw_pairs(axes: Axes, pairs: pd.Series, colours: str | list[str]) -> None:
    """A bar a pair of classes, the first at the top."""
    names = [f"{shorten(label)} → {shorten(predicted)}" for label, predicted in pairs.index]
    axes.barh(range(len(pairs)), pairs, color=colours)
    axes.set_yticks(range(len(pairs)), names)
    axes.invert_yaxis()
    axes.set_xlabel("rows of the first class that were taken for the second")


def draw_pair_changes(axes: Axes, old: pd.DataFrame, new: pd.DataFrame) -> None:
    """The pairs that are now taken for each other more often, or less."""
    change = count_pairs(new).sub(count_pairs(old), fill_value=0).astype("int")
    change = change[change != 0]
    order = change.abs().sort_values(ascending=False, kind="stable").index
    found = change.reindex(order)[:PAIRS].sort_values(ascending=False, kind="stable")
    draw_pairs(axes, found, [COLOURS[1] if rows > 0 else COLOURS[2] for rows in found])
    axes.axvline(0, color="grey", linewidth=0.8)
    axes.set_title("Confused pairs: more rows than before (green: fewer)")


def choose_size(classes: int) -> tuple[float, float]:
    return (7, 7) if classes > MOST_NUMBERS else (4.8, 3.8)


def label_axes(axes: Axes, names: list[str]) -> None:
    places = range(len(names))
    axes.set_xticks(places, [shorten(n) for n in names], rotation=45, ha="right")
    axes.set_yticks(places, [shorten(n) for n in names])
    axes.set(xlabel="predicted", ylabel="label")


def draw_matrix(axes: Axes, counts: np.ndarray, names: list[str]) -> None:
    """Counts by label (rows) and prediction (columns), coloured by the share of the label."""
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    label_axes(axes, names)
    if len(names) <= MOST_NUMBERS:
        for row, column in np.ndindex(*counts.shape):
            dark = share[row, column] > 0.5
            axes.text(
                column, row, str(counts[row, column]), ha="center", va="center",
                color="white" if dark else "black",
            )  # fmt: skip


def shorten(name: str) -> str:
    """A name that fits an axis, and is no formula."""
    name = name if len(name) <= 20 else f"{name[:19]}…"
    return name.replace("$", r"\$")


def draw_classes(axes: Axes, folder: Path) -> None:
    table = cells.read(folder / paths.CLASSWISE, dtype={"class": "str"})
    title = "Each class"
    if len(table) > MANY:
        title = f"The {MANY} classes of lowest recall, of {len(table)}"
        table = table.sort_values("recall", kind="stable")[:MANY]
    places = np.arange(len(table))
    for number, key in enumerate(("precision", "recall", "f1")):
        axes.barh(places + (number - 1) * 0.27, table[key], height=0.25, label=key)
    axes.set_yticks(places, [shorten(name) for name in table["class"]])
    axes.invert_yaxis()
    axes.set(title=title, xlim=(0, 1))
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.08), ncols=3)


def draw_reliability(axes: Axes, folder: Path) -> None:
    table = pd.read_csv(folder / paths.RELIABILITY)
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8, linestyle="--")
    area = 300 * table["rows"] / table["rows"].sum()
    axes.scatter(table["confidence"], table["accuracy"], s=np.maximum(area, 8))
    axes.set(
        title="Reliability (dashed: as sure as right; area: rows)",
        xlabel="mean confidence", ylabel="accuracy", xlim=(0, 1.02), ylim=(0, 1.02),
    )  # fmt: skip


def draw_risk_coverage(axes: Axes, folder: Path) -> None:
    table = pd.read_csv(folder / paths.RISK_COVERAGE)
    axes.plot(table["coverage"], table["accuracy"], linewidth=1.2)
    axes.set(
        title="Accuracy of the surest answers",
        xlabel="share of the rows that is answered", ylabel="accuracy", xlim=(0, 1.02),
    )  # fmt: skip


def draw_roc(axes: Axes, folder: Path) -> None:
    draw_curves(axes, folder / paths.ROC)
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8, linestyle="--")
    axes.set(
        title="ROC of each class against the rest",
        xlabel="false positive rate", ylabel="true positive rate",
    )  # fmt: skip


def draw_precision_recall(axes: Axes, folder: Path) -> None:
    draw_curves(axes, folder / paths.PRECISION_RECALL)
    axes.set(
        title="Precision and recall of each class", xlabel="recall", ylabel="precision",
        ylim=(0, 1.02),
    )  # fmt: skip


def draw_curves(axes: Axes, file: Path) -> None:
    table = cells.read(file, dtype={"class": "str"})
    parts = {str(name): part for name, part in table.groupby("class", sort=False)}
    areas = {name: abs(np.trapezoid(p.iloc[:, 2], p.iloc[:, 1])) for name, p in parts.items()}
    lowest = sorted(parts, key=lambda name: areas[name])
    marked = list(parts) if len(parts) <= MOST_NUMBERS else lowest[:MARKED]
    for name in lowest[::-1]:  # the marked ones on top
        if name not in marked:
            axes.plot(*parts[name].iloc[:, 1:3].T.to_numpy(), color="lightgrey", linewidth=0.6)
    for name in marked:
        axes.plot(*parts[name].iloc[:, 1:3].T.to_numpy(), linewidth=1.2, label=shorten(name))
    axes.legend(title="lowest" if len(marked) < len(parts) else None)


Draw = Callable[[Axes, Path], None]
PICTURES: dict[str, tuple[Draw, Path]] = {  # and a file that each needs
    "learning_curve": (draw_losses, paths.TRAIN_CURVE),
    "confusion": (draw_confusion, paths.CONFUSION),
    "classes": (draw_classes, paths.CLASSWISE),
    "reliability": (draw_reliability, paths.RELIABILITY),
    "risk_coverage": (draw_risk_coverage, paths.RISK_COVERAGE),
    "roc": (draw_roc, paths.ROC),
    "precision_recall": (draw_precision_recall, paths.PRECISION_RECALL),
}


def draw_pictures(folder: Path = Path()) -> Iterator[tuple[str, Figure]]:
    """A figure of everything that a project's folder has the data of, by name."""
    for name, (draw, needed) in PICTURES.items():
        if (folder / needed).is_file():
            classes = 1
            if (folder / paths.CLASSWISE).is_file():
                classes = len((folder / paths.CLASSWISE).read_text().splitlines()) - 1
            with mpl.rc_context(STYLE):
                figure = Figure(
                    figsize=choose_size(classes if name in ("confusion", "classes") else 1),
                    layout="constrained",
                )
                draw(figure.subplots(), folder)
                yield name, figure


def save(target: Path, folder: Path = Path()) -> list[Path]:
    """Write the pictures as PNG; returns their files."""
    written = []
    for name, figure in draw_pictures(folder):
        written.append(save_png(figure, target / f"{name}.png"))
    return written


def save_png(figure: Figure, file: Path) -> Path:
    with whole_file(file) as partial:
        figure.savefig(partial, format="png")
    return file


def render_svg(figure: Figure) -> str:
    """A figure for an HTML page, without date and with text that can be searched and read aloud."""
    buffer = StringIO()
    with mpl.rc_context(STYLE):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]
