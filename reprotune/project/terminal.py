"""Tables on a terminal, and in what a terminal's output is piped into."""

import sys
from collections.abc import Iterator, Mapping

import pandas as pd
from rich.console import Console, ConsoleOptions, RenderableType
from rich.markup import escape
from rich.segment import Segment
from rich.table import Table

from reprotune.core.printing import plain

CLASSES = 5  # whose probabilities fit into a terminal
WIDTH = 140  # characters of a line in a pipe or a log


class Plain(Console):
    """A console that spells out the control characters of what it is given."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterator[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(plain(segment.text), segment.style)


def put(what: RenderableType, width: int = WIDTH) -> None:
    """Print a table or text; where no terminal says how wide it is, in lines of ``width``."""
    open_console(width).print(what)


def open_console(width: int = WIDTH) -> Plain:
    return Plain(width=None if sys.stdout.isatty() else width)


def measure_lines() -> int:
    """How many characters a line has."""
    return open_console().width


def name_lines(lines: Mapping[str, str]) -> Table:
    """A table of lines with their names before them; empty ones are left out."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for name, line in lines.items():
        if line:
            table.add_row(name, escape(line))
    return table


def show(table: pd.DataFrame) -> None:
    """Print a frame; of many classes the three most probable ones."""
    scores = table.select_dtypes("number")
    if len(scores.columns) > CLASSES:
        ranked = scores.apply(rank, axis=1, result_type="expand")
        table = table.drop(columns=scores.columns).join(ranked)
    grid = Table(box=None, header_style="bold")
    for column in table:
        is_word = column in {"text", "predicted"}
        grid.add_column(escape(str(column)), justify="left" if is_word else "right")
    for row in table.itertuples(index=False):
        grid.add_row(*(f"{v:.3f}" if isinstance(v, float) else escape(str(v)) for v in row))
    put(grid)


def rank(row: pd.Series) -> dict[str, str]:
    """The three most probable classes, in words."""
    top = row.astype(float).nlargest(3)
    shown = [f"{name} {value:.3f}" for name, value in top.items()]
    return dict(zip(("first", "second", "third"), shown, strict=True))
