"""The sections of a report that tell of predictions: figures, classes, flips and pictures."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from reprotune.comparison import overlays, plots, statistics
from reprotune.comparison.pairing import Pairs
from reprotune.comparison.report import Data, Section, code, join, show_name
from reprotune.comparison.revision import Revision
from reprotune.comparison.statistics import Change
from reprotune.core import paths
from reprotune.core.params import Gate
from reprotune.core.printing import count_of
from reprotune.tables.classes import is_uneven

LIST = 10  # texts of a kind
MOST = 5  # classes in the headline


def name_side(revisions: Sequence[Revision]) -> str:
    return ", ".join(
        show_name(one.label)
        if one.commit is None or one.commit.startswith(one.name)
        else f"{show_name(one.name)} ({one.commit[:7]})"
        for one in revisions
    )


def format_points(value: float) -> str:
    return f"{100 * value:+z.1f}"


def format_p_value(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"


def describe(change: Change, gate: Gate) -> str:
    low, high = change.interval
    return (
        f"{change.base:.3f} → {change.head:.3f}, {format_points(change.difference)} points "
        f"({100 * gate.confidence:g} % interval {format_points(low)} to {format_points(high)}, "
        f"p {format_p_value(change.p_value)})"
    )


def tabulate_metrics(changes: Sequence[Change], primary: Change, gate: Gate) -> Section:
    interval = f"{100 * gate.confidence:g} % interval"
    note = (
        f"The verdict rests on {primary.name} (`compare.gate` in {paths.PARAMS}); the last "
        f"column corrects for looking at {count_of(len(changes), 'figure')} (Holm)."
    )
    headers = ("", "before", "after", "change", interval, "p", "p corrected")
    return Section("Metrics", [note], headers, [list_cells(change) for change in changes])


def tabulate_recalls(recalls: Sequence[Change]) -> Section:
    headers = ("class", "recall before", "after", "change", "interval", "p", "p corrected")
    is_long = len(recalls) > plots.MANY
    order = sorted(recalls, key=lambda change: change.head) if is_long else recalls
    rows = [[Data(change.name), *list_cells(change)[1:]] for change in order]
    return Section("Each class", [], headers, rows, is_folded=is_long)


def tabulate_precisions(pairs: Pairs) -> list[Section]:
    """What uneven classes hide: how many answers of each class are right; none if they are even."""
    rows = pairs.head["label"].value_counts().reindex(pairs.classes, fill_value=0)
    if not is_uneven(rows):
        return []
    (before, was), (after, now) = (
        statistics.score_classes(said, pairs.classes) for said in (pairs.base, pairs.head)
    )
    note = (
        f"The test rows of the classes are as uneven as the data. Balanced accuracy {was:.3f} → "
        f"{now:.3f}; precision is the share of right answers among those with this class."
    )
    headers = ("class", "test rows", "precision before", "after")
    found = [
        [Data(name), str(rows[name]), f"{before[name]:.3f}", f"{after[name]:.3f}"]
        for name in pairs.classes
    ]
    return [Section("Uneven classes", [note], headers, found)]


def list_cells(change: Change) -> list[str]:
    low, high = change.interval
    return [
        change.name, f"{change.base:.3f}", f"{change.head:.3f}",
        f"{change.difference:+z.3f}", f"{low:+z.3f} to {high:+z.3f}",
        *(format_p_value(p).removeprefix("= ") for p in (change.p_value, change.corrected)),
    ]  # fmt: skip


def score_apart(pairs: Pairs) -> list[Section]:
    """Test rows that one side alone has, scored apart."""
    found = [
        [f"only {name}", str(len(rows)), f"{statistics.is_right(rows).mean():.3f}"]
        for name, rows in pairs.alone.items()
        if len(rows)
    ]
    note = "They count in no figure above."
    headers = ("", "rows", "accuracy")
    return [Section("Test rows of one side alone", [note], headers, found)] if found else []


def list_flips(pairs: Pairs) -> list[Section]:
    """The rows that one side alone gets right."""
    sections = []
    headers = ("confidence", "label", "before", "after", "text")
    flips = statistics.find_flips(pairs.base, pairs.head, pairs.classes)
    for name, rows in flips.items():
        shown = [
            [f"{item.confidence:.2f}", *map(Data, (item.label, item.before, item.after, item.text))]
            for item in rows.head(LIST).itertuples()
        ]
        more = f"The {LIST} that the new model is surest of." if len(rows) > LIST else ""
        note = f"{len(rows)} of {count_of(len(pairs.head), 'row')}. {more}".strip()
        sections.append(Section(f"Flips: {name}", [note], headers, shown))
    return sections


def draw_differences(changes: Sequence[Change], recalls: Sequence[Change], gate: Gate) -> Section:
    """One picture of every difference with its interval."""
    caption = "after minus before, with intervals; filled: significant"
    if len(recalls) > overlays.MOST_LISTED:
        caption += (
            f"; the {overlays.MOST_LISTED} of {count_of(len(recalls), 'class')} that lost most"
        )
    picture = overlays.draw_forest(changes, recalls, 1 - gate.confidence)
    return Section("All differences", pictures=[(caption, picture)])


def draw_both(base: Revision, head: Revision, pairs: Pairs) -> list[Section]:
    """The pictures of both runs in one frame each, most of them folded."""
    with tempfile.TemporaryDirectory() as work:
        before, after = Path(work, "before"), Path(work, "after")
        base.save_plotted(before)
        head.save_plotted(after)
        drawn = {name: overlays.draw_over(name, before, after) for name in plots.PICTURES}
    change = plots.draw_confusion_change(pairs.base, pairs.head, pairs.every_class)
    front = [("confusion, after (and change)", change)]
    folded: list[tuple[str, Figure]] = []
    for name, figure in drawn.items():
        if figure is not None and name not in overlays.ALONE:
            caption = f"{name.replace('_', ' ')} (pale, dashed or outlined: before)"
            place = front if name in overlays.FRONT else folded
            place.append((caption, figure))
    return [
        Section("Pictures", pictures=front),
        Section("More pictures", pictures=folded, is_folded=True),
    ]


def name_lost(recalls: Sequence[Change], gate: Gate) -> str:
    """The classes whose recall fell significantly, gated or not, the largest fall first."""
    lost = [c for c in recalls if c.corrected < 1 - gate.confidence and c.difference < 0]
    lost.sort(key=lambda change: change.difference)
    told = [
        f"{code(change.name)} {change.base:.3f} → {change.head:.3f} "
        f"(p {format_p_value(change.corrected)})"
        for change in lost
    ]
    return join(told, MOST)
