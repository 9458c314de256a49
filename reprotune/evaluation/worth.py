"""Whether tuning was worth it, in words: the model beside what is reached without."""

from collections.abc import Callable, Mapping

from reprotune.tables.metrics import Gain

ADVICE = (
    "What may help: more rows, more epochs (train.epochs), another train.learning_rate, another "
    "base model"
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
