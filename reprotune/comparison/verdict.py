"""What a change did to the model, and whether to merge: from git alone."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from reprotune.comparison import sections, statistics, testset
from reprotune.comparison.changed import summarize_changes
from reprotune.comparison.changes import describe_changes, list_reruns
from reprotune.comparison.gate import decide, read_gate
from reprotune.comparison.limits import (
    compare_slices,
    find_brittle,
    find_forgotten,
    find_gone,
    find_more_doubted,
    tabulate_limits,
)
from reprotune.comparison.pairing import Pairs, find_obstacle, pair_rows
from reprotune.comparison.proof import (
    Proof,
    examine,
    find_unreadable,
    follow,
    look_back,
    tell_evidence,
    tell_other_code,
)
from reprotune.comparison.report import Report, Section, Verdict, code
from reprotune.comparison.revision import WORKSPACE, Revision, find_base, read_revision
from reprotune.comparison.sections import name_side
from reprotune.comparison.sensitivity import POWER, find_detectable
from reprotune.comparison.statistics import Change
from reprotune.comparison.truths import tabulate_truth
from reprotune.comparison.versions import Best, find_best, tell_best
from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.params import Gate
from reprotune.core.printing import count_of
from reprotune.evaluation.worth import tell_worth
from reprotune.tables.metrics import Evaluation

__all__ = ["Result", "Verdict", "compare", "compare_revisions", "decide", "read_gate"]

WORDS = {
    Verdict.BETTER: "Better",
    Verdict.SAME: "No significant change",
    Verdict.WORSE: "Worse",
    Verdict.INCONCLUSIVE: "Inconclusive",
    Verdict.NONE: "Not comparable",
    Verdict.UNPROVEN: "Unproven",
}
PASSES = (Verdict.BETTER, Verdict.SAME)
EXIT_CODES = {
    Verdict.BETTER: 0,
    Verdict.SAME: 0,
    Verdict.WORSE: 1,
    Verdict.INCONCLUSIVE: 1,
    Verdict.NONE: 2,
    Verdict.UNPROVEN: 3,
}


@dataclass(frozen=True)
class Result:
    """What a gate makes of a change, the figures behind it and the report of all."""

    verdict: Verdict
    report: Report
    bases: Sequence[Revision]
    heads: Sequence[Revision]
    rows: int = 0  # test rows that all runs have
    changes: list[Change] = field(default_factory=list)  # accuracy, macro-F1 and log loss
    recalls: list[Change] = field(default_factory=list)  # of each class
    slices: list[Change] = field(default_factory=list)  # accuracy of other kinds of rows
    detectable: float | None = None  # loss of the gate's figure that would have been found
    proofs: Sequence[Proof] = ()  # of each run of the new side

    @property
    def sentence(self) -> str:
        """The verdict as plain text."""
        return self.report.verdict.replace("**", "", 2)

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.verdict]

    def as_json(self) -> dict[str, object]:
        return {
            "verdict": self.verdict.value,
            "sentence": self.sentence,
            "exit_code": self.exit_code,
            "base": [{"name": one.name, "commit": one.commit} for one in self.bases],
            "head": [{"name": one.name, "commit": one.commit} for one in self.heads],
            "rows": self.rows,
            "metrics": [change.as_json() for change in self.changes],
            "classes": [change.as_json() for change in self.recalls],
            "slices": [change.as_json() for change in self.slices],
            "detectable_loss": self.detectable,
            "evidence": [proof.as_json() for proof in self.proofs],
        }


def compare_revisions(base: str | None = None, head: str = WORKSPACE) -> Result:
    """Compare revisions, experiments or the workspace; commas part runs of several seeds.

    Without a base it is the commit at which this branch left main.

    Raises:
        InputError: git knows no such name, or no parameters have a gate.
    """
    sides = (base or find_base(), head)
    bases, heads = ([read_revision(name) for name in side.split(",")] for side in sides)
    return compare(bases, heads, *read_gate(heads[0], bases[0]))


def compare(bases: Sequence[Revision], heads: Sequence[Revision], gate: Gate, seed: int) -> Result:
    """Compare runs on the test rows that they share.

    Several on a side must differ in their training seed alone: then the spread of seeds counts as
    noise. What is no accuracy is of the first of each side.
    """
    for run in heads:
        if told := find_unreadable(run):
            return refuse(bases, heads, Proof(run, {}, told))
    proofs, old = ([examine(run) for run in side] for side in (heads, bases))
    proofs = [follow(proof, old[0]) for proof in proofs]
    old = [look_back(old[0], heads[0]), *old[1:]]
    found = judge_readable(bases, heads, gate, seed)
    verdict, text = found.verdict, found.report.verdict
    if findings := [finding for proof in proofs for finding in proof.findings]:
        more = f", and {len(findings) - 1} more" if len(findings) > 1 else ""
        verdict = Verdict.UNPROVEN
        text = (
            f"**{WORDS[verdict]}**: {': '.join(filter(None, findings[0]))}{more}. "
            f"The predictions as they stand say: {text.replace('**', '', 2)}"
        )
    text = " ".join(filter(None, [text, tell_other_code(proofs)]))
    evidence, parts = tell_evidence(old, proofs), found.report.sections
    parts = [evidence, *parts] if evidence.rows else [*parts, evidence]
    report = replace(found.report, kind=verdict, verdict=text, sections=parts)
    return replace(found, verdict=verdict, report=report, proofs=proofs)


def refuse(bases: Sequence[Revision], heads: Sequence[Revision], proof: Proof) -> Result:
    """What is said where nothing can be compared, for a file of the new side cannot be read."""
    verdict, title = Verdict.UNPROVEN, f"{name_side(bases)} → {name_side(heads)}"
    report = Report(title, verdict, f"**{WORDS[verdict]}**: {proof.contradiction}.")
    return Result(verdict, report, bases, heads, proofs=[proof])


def judge_readable(
    bases: Sequence[Revision], heads: Sequence[Revision], gate: Gate, seed: int
) -> Result:
    """What the predictions say; of a table that is none that it is so."""
    try:
        return judge(bases, heads, gate, seed)
    except InputError as error:
        text = f"**{WORDS[Verdict.NONE]}**: {code(str(error))}."
        report = Report(f"{name_side(bases)} → {name_side(heads)}", Verdict.NONE, text, [])
        return Result(Verdict.NONE, report, bases, heads)


def judge(bases: Sequence[Revision], heads: Sequence[Revision], gate: Gate, seed: int) -> Result:
    """What the predictions say, if they may be believed."""
    base, head = bases[0], heads[0]
    title = f"{name_side(bases)} → {name_side(heads)}"
    if reason := find_obstacle(bases, heads):
        known = describe_changes(base, head) if head.predictions is not None else []
        reason += testset.tell_replaced(base, head)
        closed = testset.find_replaced(bases, heads, gate)
        verdict = Verdict.INCONCLUSIVE if closed else Verdict.NONE
        text = f"**{WORDS[verdict]}**: {'; '.join(filter(None, (closed, reason)))}."
        report = Report(title, verdict, text, known, summarize_changes(base, head))
        return Result(verdict, report, bases, heads)
    pairs = pair_rows(bases, heads)
    guarded = [pairs.renamed.get(name, name) for name in gate.classes]
    gate = gate.model_copy(update={"classes": guarded})
    settings = pairs.classes, gate.confidence, seed
    changes = statistics.compare_metrics(pairs.bases, pairs.heads, *settings)
    recalls = statistics.compare_recalls(pairs.base, pairs.head, *settings)
    primary = statistics.measure_primary(pairs.bases, pairs.heads, pairs.classes, gate, seed)
    shift = testset.measure_shift(base, head, pairs)
    detectable = find_detectable(primary, pairs, gate)
    is_same, best = are_identical(bases, heads), None
    if is_same:
        verdict, why = Verdict.SAME, tell_identical(base, head, changes)
    else:
        verdict, why = decide(primary, recalls, gate)
        best = find_best(bases, heads, gate, seed) if gate.margin is not None else None
    if best and verdict in PASSES and (held := decide(best.change, [], gate))[0] not in PASSES:
        verdict = held[0]
        why = f"against the best version so far, {code(best.version.name)}: {held[1]}; {why}"
    sliced = compare_slices(pairs, head, gate, seed)
    others = (find(base, head, gate) for find in (find_more_doubted, find_brittle, find_forgotten))
    found = (testset.find_lever(shift, gate), find_gone(pairs, gate), *others)
    for reason in filter(None, found):
        verdict, why = Verdict.WORSE, f"{reason}; {why}"
    rows = len(pairs.head)
    told = [
        f"**{WORDS[verdict]}**: {why}, on {count_of(rows, 'test row')} that both have.",
        pairs.sentence,
    ]
    if verdict == Verdict.SAME and detectable and not is_same:
        told.append(
            f"A loss of {100 * detectable:.1f} points would have been found in "
            f"{100 * POWER:.0f} of 100 cases."
        )
    if lost := sections.name_lost(recalls, gate):
        told.append(f"Recall fell: {lost}.")
    if lost := sections.name_lost(sliced, gate):
        told.append(f"Accuracy fell on {lost}.")
    told += [shift.sentence, testset.tell_leaks(base, head), tell_head(head)]
    text = " ".join(filter(None, told))
    parts = (
        [] if is_same else describe_predictions(pairs, primary, changes, recalls, shift, best, gate)
    )
    limits = [] if is_same else tabulate_limits(sliced, base, head, gate, seed)
    pictures = [] if is_same else sections.draw_both(base, head, pairs)
    parts = [
        *parts, *tabulate_truth(base, head), *limits, *pictures, *describe_changes(base, head)
    ]  # fmt: skip
    report = Report(title, verdict, text, parts, summarize_changes(base, head))
    return Result(verdict, report, bases, heads, rows, changes, recalls, sliced, detectable)


def describe_predictions(
    pairs: Pairs,
    primary: Change,
    changes: Sequence[Change],
    recalls: Sequence[Change],
    shift: testset.Shift,
    best: Best | None,
    gate: Gate,
) -> list[Section]:
    """The sections that tell of predictions, but the pictures of each run."""
    return [
        sections.draw_differences(changes, recalls, gate),
        sections.tabulate_metrics(changes, primary, gate),
        *tell_best(best, gate),
        *sections.score_apart(pairs),
        *testset.list_test_labels(shift),
        *sections.list_flips(pairs),
        sections.tabulate_recalls(recalls),
        *sections.tabulate_precisions(pairs),
    ]


def are_identical(bases: Sequence[Revision], heads: Sequence[Revision]) -> bool:
    """Whether two runs say the same of the same rows, to the last digit."""
    old, new = bases[0].predictions, heads[0].predictions
    if len(bases) + len(heads) > 2 or old is None or new is None:
        return False
    return old.equals(new)


def tell_identical(base: Revision, head: Revision, changes: Sequence[Change]) -> str:
    ran = ", ".join(code(name) for name in list_reruns(base, head))
    figures = ", ".join(f"{change.name} {change.head:.3f}" for change in changes)
    return f"predictions identical, {f'{ran} ran again' if ran else 'no stage ran'} ({figures})"


def tell_head(head: Revision) -> str:
    """What the baselines say of the new model; empty if it beats them all."""
    known = head.read_figures(paths.EVALUATE_METRICS, Evaluation)
    return tell_worth(known.gain_over, code) if known else ""
