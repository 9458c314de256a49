"""What a change did to the model, and whether to merge: from git alone."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from pydantic import ValidationError

from reprotune.comparison import sections, statistics
from reprotune.comparison.changes import describe_changes, measure_doubt
from reprotune.comparison.limits import compare_slices, find_brittle, tabulate_limits
from reprotune.comparison.pairing import Pairs, find_obstacle, pair_rows
from reprotune.comparison.proof import Proof, examine, tell_evidence
from reprotune.comparison.report import Report, Verdict, code
from reprotune.comparison.revision import WORKSPACE, Revision, find_base, read_revision
from reprotune.comparison.sections import PRIMARY, format_p_value, format_points
from reprotune.comparison.statistics import Change
from reprotune.comparison.testset import find_lever, list_test_labels, measure_shift
from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.params import Compare, Gate
from reprotune.core.params_file import explain

__all__ = ["Result", "Verdict", "compare", "compare_revisions", "decide", "read_gate"]

WORDS = {
    Verdict.BETTER: "Better",
    Verdict.SAME: "No significant change",
    Verdict.WORSE: "Worse",
    Verdict.NONE: "Not comparable",
    Verdict.UNPROVEN: "Unproven",
}
MOST_NAMED = 5  # classes in the headline
EXIT_CODES = {
    Verdict.BETTER: 0,
    Verdict.SAME: 0,
    Verdict.WORSE: 1,
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
    proofs, old = ([examine(run) for run in side] for side in (heads, bases))
    found = judge(bases, heads, gate, seed)
    verdict, text = found.verdict, found.report.verdict
    if findings := [finding for proof in proofs for finding in proof.findings]:
        more = f", and {len(findings) - 1} more" if len(findings) > 1 else ""
        verdict = Verdict.UNPROVEN
        text = (
            f"**{WORDS[verdict]}**: {': '.join(filter(None, findings[0]))}{more}. "
            f"The predictions as they stand say: {text.replace('**', '', 2)}"
        )
    parts = [tell_evidence(old, proofs), *found.report.sections]
    report = replace(found.report, kind=verdict, verdict=text, sections=parts)
    return replace(found, verdict=verdict, report=report, proofs=proofs)


def judge(bases: Sequence[Revision], heads: Sequence[Revision], gate: Gate, seed: int) -> Result:
    """What the predictions say, if they may be believed."""
    base, head = bases[0], heads[0]
    title = f"{name_side(bases)} → {name_side(heads)}"
    if reason := find_obstacle(bases, heads):
        known = describe_changes(base, head) if head.predictions is not None else []
        text = f"**{WORDS[Verdict.NONE]}**: {reason}."
        return Result(Verdict.NONE, Report(title, Verdict.NONE, text, known), bases, heads)
    pairs = pair_rows(bases, heads)
    changes, recalls = measure(pairs, gate, seed)
    several = len(bases) + len(heads) > 2  # then accuracy alone has their spread
    name = PRIMARY["accuracy" if several else gate.metric]
    primary = next(change for change in changes if change.name == name)
    verdict, why = decide(primary, recalls, gate)
    shift = measure_shift(base, head, pairs)
    sliced = compare_slices(pairs, head, gate, seed)
    reasons = find_more_doubted(base, head, gate), find_lever(shift, gate)
    for reason in filter(None, (*reasons, find_brittle(base, head, gate))):
        verdict, why = Verdict.WORSE, f"{reason}; {why}"
    rows = len(pairs.head)
    text = f"**{WORDS[verdict]}**: {why}, on {rows} test rows that both have."
    if lost := name_lost(recalls, gate):
        text += f" Recall fell: {lost}."
    if lost := name_lost(sliced, gate):
        text += f" Accuracy fell on {lost}."
    text += f" {shift.sentence}" if shift.sentence else ""
    found = [
        sections.tabulate_metrics(changes, gate),
        *sections.score_apart(pairs),
        *list_test_labels(shift),
        *sections.list_flips(pairs),
        sections.tabulate_recalls(recalls),
        *tabulate_limits(sliced, base, head, gate, seed),
        sections.draw_both(base, head, pairs),
        *describe_changes(base, head),
    ]
    report = Report(title, verdict, text, found)
    return Result(verdict, report, bases, heads, rows, changes, recalls, sliced)


def name_side(revisions: Sequence[Revision]) -> str:
    return ", ".join(
        one.name if one.commit is None else f"{one.name} ({one.commit[:7]})"
        if not one.commit.startswith(one.name) else one.name[:7]
        for one in revisions
    )  # fmt: skip


def measure(pairs: Pairs, gate: Gate, seed: int) -> tuple[list[Change], list[Change]]:
    """The figures of the model, and the recall of each class."""
    known = (pairs.base, pairs.head, pairs.classes, gate.confidence, seed)
    changes, recalls = statistics.compare_metrics(*known), statistics.compare_recalls(*known)
    if len(pairs.bases) + len(pairs.heads) > 2:
        changes[0] = statistics.compare_over_seeds(pairs.bases, pairs.heads, gate.confidence)
    return changes, recalls


def decide(primary: Change, recalls: Sequence[Change], gate: Gate) -> tuple[Verdict, str]:
    """The verdict rests on one figure, named beforehand, and on the classes that may not drop."""
    alpha = 1 - gate.confidence
    gated = statistics.correct([c for c in recalls if c.name in gate.classes])
    for change in gated:
        if change.corrected < alpha and change.difference < -gate.tolerance:
            return Verdict.WORSE, f"recall of {code(change.name)} {describe(change, gate)}"
    why = f"{primary.name} {describe(primary, gate)}"
    if primary.p_value >= alpha:
        return Verdict.SAME, why
    if primary.difference > 0:
        return Verdict.BETTER, why
    if primary.difference < -gate.tolerance:
        return Verdict.WORSE, why
    return Verdict.SAME, f"{why}; a loss of {100 * gate.tolerance:g} points is tolerated"


def name_lost(recalls: Sequence[Change], gate: Gate) -> str:
    """The classes whose recall fell significantly, gated or not, the largest fall first."""
    lost = [c for c in recalls if c.corrected < 1 - gate.confidence and c.difference < 0]
    lost.sort(key=lambda change: change.difference)
    told = [
        f"{code(change.name)} {change.base:.3f} → {change.head:.3f} "
        f"(p {format_p_value(change.corrected)})"
        for change in lost[:MOST_NAMED]
    ]
    more = [f"{len(lost) - MOST_NAMED} more"] if len(lost) > MOST_NAMED else []
    return ", ".join([*told, *more])


def find_more_doubted(base: Revision, head: Revision, gate: Gate) -> str:
    """Why the gate closes, if the audit doubts many more labels than before; else empty."""
    was, now = measure_doubt(base), measure_doubt(head)
    if gate.doubted is None or was is None or now is None or now - was <= gate.doubted:
        return ""
    return (
        f"the audit doubts {100 * now:.1f} % of the labels, before {100 * was:.1f} % "
        f"({format_points(gate.doubted)} points are let through)"
    )


def describe(change: Change, gate: Gate) -> str:
    low, high = change.interval
    return (
        f"{change.base:.3f} → {change.head:.3f}, {format_points(change.difference)} points "
        f"({100 * gate.confidence:g} % interval {format_points(low)} to {format_points(high)}, "
        f"p {format_p_value(change.p_value)})"
    )


def read_gate(head: Revision, base: Revision) -> tuple[Gate, int]:
    """The gate and the seed: of the base, so that no change can open its own gate."""
    for revision in (base, head, Revision(WORKSPACE, None)):
        tree = revision.read_yaml(paths.PARAMS)
        if "compare" in tree:
            try:
                return Compare.model_validate(tree["compare"]).gate, int(str(tree["seed"]))
            except (ValidationError, KeyError) as error:
                told = (
                    explain(error) if isinstance(error, ValidationError) else f"{error} is missing"
                )
                raise InputError(f"{paths.PARAMS} of {revision.name}: compare: {told}") from None
    raise InputError(f"no {paths.PARAMS} has compare.gate; see profiles/builtin.yaml")
