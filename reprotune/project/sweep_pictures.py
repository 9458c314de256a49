"""Pictures of a sweep: what each setting reaches, and what it forgets."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reprotune.comparison.plots import STYLE, WIDE, save_png
from reprotune.project.seeds import show_setting

FORGETTING = "forgetting.after"  # of metrics/evaluate.json


def save_sweep(table: pd.DataFrame, parameters: list[str], select: str, file: Path) -> None:
    save_png(draw_sweep(table, parameters, select), file)


def draw_sweep(table: pd.DataFrame, parameters: list[str], select: str) -> Figure:
    """The figure that was selected on, over the first parameter; a line for each other setting.

    ``table`` is that of ``seeds.summarize``; bars are the spread over seeds. Beside it, if the
    loss on general text was asked for, what each setting costs.
    """
    has_costs = f"{FORGETTING} mean" in table
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.4 if has_costs else 4.8, 3.8), layout="constrained")
        axes, *beside = figure.subplots(1, 1 + has_costs, squeeze=False)[0]
        draw_settings(axes, table, parameters, select)
        for one in beside:
            draw_costs(one, table, parameters, select)
        return figure


def draw_settings(axes: Axes, table: pd.DataFrame, parameters: Sequence[str], select: str) -> None:
    first, *others = parameters
    numbers = table[first].map(lambda value: isinstance(value, float | int) and not pd.isna(value))
    numeric = numbers.all()
    if not numeric:  # names, or a name beside numbers, such as `auto`, stand in no order
        table = table.assign(**{first: table[first].map(show_setting)})
    for name, part in table.groupby(others, dropna=False) if others else [((), table)]:
        line = part.sort_values(first)
        shown = map(show_setting, name)
        label = ", ".join(f"{o.split('.')[-1]} {v}" for o, v in zip(others, shown, strict=True))
        axes.errorbar(
            line[first], line[f"{select} mean"], line[f"{select} spread"].fillna(0),
            marker="o", capsize=3, label=label,
        )  # fmt: skip
    values = table[first]
    if numeric:
        if values.min() > 0 and values.max() / values.min() >= WIDE / 4:
            axes.set_xscale("log")
        axes.set_xticks(sorted(values.unique()), [f"{v:g}" for v in sorted(values.unique())])
        axes.minorticks_off()
    axes.set(xlabel=first, ylabel=f"{select} (mean and spread over seeds)")
    if others:
        axes.legend()


def draw_costs(axes: Axes, table: pd.DataFrame, parameters: Sequence[str], select: str) -> None:
    """Each setting by its loss on general text: good ones are on the upper left."""
    costs, worth = table[f"{FORGETTING} mean"], table[f"{select} mean"]
    axes.errorbar(
        costs, worth, table[f"{select} spread"].fillna(0), table[f"{FORGETTING} spread"].fillna(0),
        fmt="o", capsize=3,
    )  # fmt: skip
    for place, values in zip(
        zip(costs, worth, strict=True), table[list(parameters)].to_numpy(), strict=True
    ):
        name = ", ".join(map(show_setting, values))
        axes.annotate(name, place, xytext=(4, 4), textcoords="offset points")
    axes.set(xlabel="loss on general text after tuning (nats a token)")
