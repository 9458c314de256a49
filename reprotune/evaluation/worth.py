"""What a model is worth, in words: beside what is reached without, and for rare classes."""

from collections.abc import Callable, Mapping

from reprotune.tables.classes import is_uneven
from reprotune.tables.metrics import Gain, Scores

ADVICE = (
    "What may help: more rows, more epochs (train.epochs), another train.learning_rate, another "
    "base model"
)

NAMED = 5  # classes


def tell_uneven(scores: Scores) -> str:
    """What accuracy hides where classes are uneven, as the rows have them; else empty."""
    if not is_uneven(scores.support.values()):
        return ""
    worst = sorted(scores.precision.items(), key=lambda pair: (pair[1], pair[0]))
    named = ", ".join(f"{name} {share:.3f}" for name, share in worst[:NAMED])
    more = f" and {len(worst) - NAMED} more" if len(worst) > NAMED else ""
    return (
        f"uneven classes: macro-F1 {scores.macro_f1:.3f}, balanced accuracy "
        f"{scores.balanced_accuracy:.3f}, precision {named}{more}"
    )


def find_unbeaten(gains: Mapping[str, Gain]) -> dict[str, Gain]:
    """The baselines that the model is below, or not shown to be above; the best of them first."""
    behind = [(name, gain) for name, gain in gains.items() if gain.interval[0] <= 0]
    return dict(sorted(behind, key=lambda pair: pair[1].accuracy))


def tell_worth(gains: Mapping[str, Gain], show: Callable[[str], str] = str) -> str:
    """What a person must know before using the model; empty if it beats every baseline.

    ``show`` is how the name of a baseline is written.
    """
    unbeaten = find_unbeaten(gains)
    below = [
        f"{show(name)} ({gain.accuracy:+.3f} accuracy)"
        for name, gain in unbeaten.items()
        if gain.interval[1] < 0
    ]
    unclear = [
        f"{show(name)} ({gain.accuracy:+.3f}, {gain.interval[0]:+.3f} to {gain.interval[1]:+.3f})"
        for name, gain in unbeaten.items()
        if gain.interval[1] >= 0
    ]
    told = [
        *([f"below the baseline {', '.join(below)}"] if below else []),
        *([f"not shown to be above the baseline {', '.join(unclear)}"] if unclear else []),
    ]
    return f"The tuned model is {' and '.join(told)}. {ADVICE}." if told else ""
