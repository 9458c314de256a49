"""What decides on a change: one figure named beforehand, and the classes that may not drop."""

from collections.abc import Sequence

from pydantic import ValidationError

from reprotune.comparison import statistics
from reprotune.comparison.report import Verdict, code
from reprotune.comparison.revision import WORKSPACE, Revision
from reprotune.comparison.sections import describe
from reprotune.comparison.statistics import Change
from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.params import Compare, Gate
from reprotune.core.params_file import explain
from reprotune.core.printing import count_of


def decide(primary: Change, recalls: Sequence[Change], gate: Gate) -> tuple[Verdict, str]:
    """The verdict rests on one figure, named beforehand, and on the classes that may not drop."""
    alpha = 1 - gate.confidence
    gated = statistics.correct([c for c in recalls if c.name in gate.classes])
    for change in gated:
        if change.corrected < alpha and change.difference < -gate.tolerance:
            return Verdict.WORSE, f"recall of {code(change.name)} {describe(change, gate)}"
    why = f"{primary.name} {describe(primary, gate)}"
    if gate.margin is not None:
        return decide_by_margin(primary, gate.margin, alpha, why)
    if primary.p_value >= alpha:
        return Verdict.SAME, why
    if primary.difference > 0:
        return Verdict.BETTER, why
    if primary.difference < -gate.tolerance:
        return Verdict.WORSE, why
    return Verdict.SAME, f"{why}; a loss of {count_of(100 * gate.tolerance, 'point')} is tolerated"


def decide_by_margin(primary: Change, margin: float, alpha: float, why: str) -> tuple[Verdict, str]:
    """What passes has to rule a loss of the margin out."""
    significant = primary.p_value < alpha
    told = f"{why}; a loss of {count_of(100 * margin, 'point')} (`compare.gate.margin`)"
    if primary.interval[0] > -margin:
        better = significant and primary.difference > 0
        return Verdict.BETTER if better else Verdict.SAME, f"{told} is ruled out"
    worse = significant and primary.difference < 0
    return Verdict.WORSE if worse else Verdict.INCONCLUSIVE, f"{told} is not ruled out"


def read_gate(head: Revision, base: Revision) -> tuple[Gate, int]:
    """The gate and the seed: of the base, so that no change can open its own gate."""
    for revision in (base, head, Revision(WORKSPACE, None)):
        tree = revision.read_yaml(paths.PARAMS)
        if "compare" in tree:
            try:
                return Compare.model_validate(tree["compare"]).gate, int(str(tree["seed"]))
            except (ValueError, KeyError) as error:
                told = f"the seed is {tree.get('seed')!r}, and an integer is needed"
                told = explain(error) if isinstance(error, ValidationError) else told
                raise InputError(f"{paths.PARAMS} of {revision.name}: compare: {told}") from None
    raise InputError(f"no {paths.PARAMS} has compare.gate; see profiles/builtin.yaml")
