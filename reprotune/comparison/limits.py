"""What a change did to kinds of test rows, and to edited texts."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import ttest_1samp

from reprotune.comparison import statistics
from reprotune.comparison.changes import measure_doubt
from reprotune.comparison.pairing import Pairs
from reprotune.comparison.report import Data, Section, code
from reprotune.comparison.revision import Revision
from reprotune.comparison.sections import format_p_value, format_points, list_cells
from reprotune.comparison.statistics import Change
from reprotune.core import paths
from reprotune.core.params import Gate
from reprotune.core.printing import count_of
from reprotune.evaluation.flips import mark_flips
from reprotune.evaluation.slices import list_masks
from reprotune.tables.metrics import Evaluation

KEY = ["id", "edit", "text"]  # the same edit of the same text
ASKED = "predictions.edited_rows"
GENERAL = "predictions.forgetting_text"  # the file
HEADERS = ("", "before", "after", "change", "interval", "p", "p corrected")


def compare_slices(pairs: Pairs, head: Revision, gate: Gate, seed: int) -> list[Change]:
    """Accuracy of each kind of rows beside the classes, corrected for their number."""
    kinds = head.read_table(paths.SLICES)
    if kinds is None:
        return []
    before, after = statistics.is_right(pairs.base), statistics.is_right(pairs.head)
    return statistics.correct(
        [
            statistics.compare_proportions(name, before[mask], after[mask], gate.confidence, seed)
            for name, mask in list_masks(kinds, pairs.head["id"])
        ]
    )


def pair_flips(base: Revision, head: Revision) -> pd.DataFrame | None:
    """The edited texts that both sides were asked, with flipped_base and flipped_head.

    None if a side has no such file, as that of an earlier version.
    """
    marked = []
    for side in (base, head):
        edited = side.read_table(paths.EDITED)
        if edited is None or side.predictions is None:
            return None
        marked.append(mark_flips(side.predictions, edited)[[*KEY, "flipped"]])
    return marked[0].merge(marked[1], on=KEY, suffixes=("_base", "_head"))


def compare_flips(pairs: pd.DataFrame, gate: Gate) -> Change:
    """How often edits flip a row's prediction, mean over the rows: paired t-test over rows."""
    means = pairs.groupby("id")[["flipped_base", "flipped_head"]].mean()
    was, now = float(means["flipped_base"].mean()), float(means["flipped_head"].mean())
    rises = (means["flipped_head"] - means["flipped_base"]).to_numpy()
    if np.ptp(rises) == 0:  # no spread: a sign test
        p_value = min(1.0, 2 * 0.5 ** len(rises)) if now != was else 1.0
        return Change("all edits", was, now, (now - was, now - was), p_value)
    test = ttest_1samp(rises, 0)
    low, high = test.confidence_interval(gate.confidence)
    return Change("all edits", was, now, (float(low), float(high)), float(test.pvalue))


def find_brittle(base: Revision, head: Revision, gate: Gate) -> str:
    """Why the gate closes, if edits flip many more predictions than before; else empty."""
    asked = base.read_table(paths.EDITED)
    if gate.flipped is None or asked is None or asked.empty:
        return ""
    pairs = pair_flips(base, head)
    if pairs is None and ASKED not in head.params:  # an earlier version
        return ""
    was, now = (side.params.get(ASKED) for side in (base, head))
    if isinstance(was, int) and isinstance(now, int) and now < was:
        return (
            f"edits of {count_of(now, 'test row')} are asked in place of {was} (`{ASKED}`), so "
            "that `compare.gate.flipped` cannot be judged"
        )
    if pairs is None or pairs.empty:
        return (
            f"no text of {paths.EDITED} was asked on both sides (`{ASKED}`), so "
            "that `compare.gate.flipped` cannot be judged"
        )
    change = compare_flips(pairs, gate)
    if change.p_value >= 1 - gate.confidence or change.difference <= gate.flipped:
        return ""
    return (
        f"edits that keep the label flip {100 * change.head:.1f} % of the predictions, before "
        f"{100 * change.base:.1f} % (p {format_p_value(change.p_value)}; "
        f"{format_points(gate.flipped)} points are let through)"
    )


def find_more_doubted(base: Revision, head: Revision, gate: Gate) -> str:
    """Why the gate closes, if the audit doubts many more labels than before; else empty."""
    was, now = measure_doubt(base), measure_doubt(head)
    if gate.doubted is None or was is None:
        return ""
    if now is None:
        return (
            f"{paths.AUDIT_METRICS} does not say how many labels are doubted, so that "
            "`compare.gate.doubted` cannot be judged"
        )
    if now - was <= gate.doubted:
        return ""
    return (
        f"the audit doubts {100 * now:.1f} % of the labels, before {100 * was:.1f} % "
        f"({format_points(gate.doubted)} points are let through)"
    )


def find_gone(pairs: Pairs, gate: Gate) -> str:
    """Why the gate closes, if a class whose recall it guards is none any more; else empty."""
    gone = [code(name) for name in gate.classes if name in pairs.others["before"]]
    return f"{', '.join(gone)}, guarded by `compare.gate.classes`, is no class any more" * bool(
        gone
    )


def find_forgotten(base: Revision, head: Revision, gate: Gate) -> str:
    """Why the gate closes, if tuning raises the loss on general text by more; else empty."""
    was, now = measure_forgetting(base), measure_forgetting(head)
    if gate.forgotten is None or was is None:
        return ""
    if now is None:
        return (
            f"there is no loss on general text in {paths.EVALUATE_METRICS}, so that "
            "`compare.gate.forgotten` cannot be judged"
        )
    if read_general(base) != read_general(head):
        return "the general text is another, so that `compare.gate.forgotten` cannot be judged"
    if now - was <= gate.forgotten:
        return ""
    return (
        f"tuning raises the loss on general text by {now:.2f} nats, before by {was:.2f} "
        f"({gate.forgotten:g} are let through)"
    )


def read_general(side: Revision) -> bytes | None:
    """The text on which forgetting is measured; None if git does not have it."""
    where = side.params.get(GENERAL)
    return side.read_bytes(Path(where)) if isinstance(where, str) else None


def measure_forgetting(side: Revision) -> float | None:
    """By how much tuning raised the loss on general text; None if that was not asked."""
    found = side.read_figures(paths.EVALUATE_METRICS, Evaluation)
    if found is None or found.forgetting is None:
        return None
    return found.forgetting.after - found.forgetting.before


def tabulate_limits(
    sliced: Sequence[Change], base: Revision, head: Revision, gate: Gate, seed: int
) -> list[Section]:
    """The sections about kinds of rows, and about edited texts."""
    sections = []
    if sliced:
        rows = [[Data(change.name), *list_cells(change)[1:]] for change in sliced]
        notes = name_weak(head, gate)
        sections.append(
            Section("Accuracy on kinds of test rows", notes, HEADERS, rows, is_folded=True)
        )
    pairs = pair_flips(base, head)
    if pairs is not None and len(pairs):
        note = (
            f"How often an edit that keeps the label flips the prediction, on "
            f"{count_of(pairs['id'].nunique(), 'test row')}; `compare.gate.flipped` closes the "
            "gate."
        )
        changes = [
            statistics.compare_proportions(
                str(name),
                part["flipped_base"].to_numpy(),
                part["flipped_head"].to_numpy(),
                gate.confidence,
                seed,
            )
            for name, part in pairs.groupby("edit", sort=False)
        ]
        cells = [list_cells(c) for c in (compare_flips(pairs, gate), *statistics.correct(changes))]
        rows = [[Data(name), *others] for name, *others in cells]
        sections.append(Section("Edited texts", [note], HEADERS, rows, is_folded=True))
    return sections


def name_weak(head: Revision, gate: Gate) -> list[str]:
    """Kinds on which the new model is significantly worse than on its other rows."""
    found = head.read_figures(paths.EVALUATE_METRICS, Evaluation)
    slices = found.limits.slices if found and found.limits else {}
    weak = [
        f"{code(name)} ({part.accuracy:.3f} of {count_of(part.rows, 'row')})"
        for name, part in slices.items()
        if part.p_value < 1 - gate.confidence
    ]
    return [f"The new model is weaker than on its other rows: {', '.join(weak)}."] if weak else []
