"""How often the gate calls equal models different, and finds a loss: the tables of docs/gate.md."""

import itertools
from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
import pandas as pd
from scipy.stats import binomtest, multivariate_normal, norm

from reprotune.comparison.sensitivity import approximate_detectable_loss, find_detectable_loss
from reprotune.comparison.statistics import Change, compare_over_seeds
from reprotune.comparison.swapping import Answers, draw_rows, swap_models
from reprotune.evaluation.metrics import Resampling, compare_accuracy

ALPHA = 0.05
PAIRS = 1000  # of models, for each figure
DRAWS = 500  # of each test or interval; the report takes statistics.RESAMPLES
ROWS = (75, 168, 300, 600, 900)
ACCURACY = 0.85  # of the model before
LOSSES = (0.02, 0.05, 0.10)
MARGIN = 0.03  # of compare.gate, in the table of it
MISTAKES = {"independent": 0.0, "alike": 0.6}  # correlation of what decides on a mistake
SHARES = {"even": (1 / 3, 1 / 3, 1 / 3), "uneven": (0.6, 0.3, 0.1)}  # of the classes
SPREAD = 0.02  # of the accuracy over training seeds
SEEDS = 3
Test = Callable[[Answers, np.random.Generator], float]  # its p-value
Bound = Callable[[Answers, np.random.Generator], tuple[float, float]]


def pair_models(loss: float, correlation: float, shares: tuple[float, ...]) -> np.ndarray:
    """Probability of each (label, answer before, after); each wrong answer is as likely."""
    count, after = len(shares), ACCURACY - loss
    cut = norm.ppf([ACCURACY, after])
    both = float(multivariate_normal(cov=[[1, correlation], [correlation, 1]]).cdf(cut))
    right = np.array([[1 - ACCURACY - after + both, after - both], [ACCURACY - both, both]])
    share = np.where(np.eye(count, dtype=bool), 1.0, 1 / (count - 1))  # of one such answer
    hit = np.eye(count, dtype=int)
    cells = np.einsum("l,lb,lh->lbh", shares, share, share)
    return cells * right[hit[:, :, None], hit[:, None, :]]


def draw(chances: np.ndarray, rows: int, rng: np.random.Generator) -> Iterator[Answers]:
    """Test sets of so many rows."""
    cells = np.indices(chances.shape).reshape(3, -1)
    for counts in rng.multinomial(rows, chances.ravel(), size=PAIRS):
        seen = counts > 0
        yield Answers(cells[:, seen], counts[seen], len(chances))


@cache
def mcnemar(gained: int, lost: int) -> float:
    return float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0


def test_accuracy(answers: Answers, rng: np.random.Generator) -> float:
    label, before, after = answers.cells
    gained = answers.counts[(after == label) & (before != label)].sum()
    lost = answers.counts[(after != label) & (before == label)].sum()
    return mcnemar(int(gained), int(lost))


def test_recall(answers: Answers, rng: np.random.Generator) -> float:
    """Of the first class."""
    of = answers.cells[0] == 0
    return test_accuracy(Answers(answers.cells[:, of], answers.counts[of], answers.classes), rng)


def test_macro_f1(answers: Answers, rng: np.random.Generator) -> float:
    return swap_models(answers, DRAWS, rng)


def count_called(test: Test, chances: np.ndarray, rows: int, seed: int = 1) -> str:
    """Share of pairs that the gate calls different."""
    rng = np.random.default_rng(seed)
    called = sum(test(answers, rng) < ALPHA for answers in draw(chances, rows, rng))
    return f"{100 * called / PAIRS:.1f}"


def bound_accuracy(answers: Answers, rng: np.random.Generator) -> tuple[float, float]:
    """The interval of the change."""
    label, before, after = np.repeat(answers.cells, answers.counts, axis=1)
    sampling = Resampling(1 - ALPHA, DRAWS, int(rng.integers(1 << 32)))
    return compare_accuracy(after == label, before == label, sampling).interval


def bound_macro_f1(answers: Answers, rng: np.random.Generator) -> tuple[float, float]:
    return draw_rows(answers, 1 - ALPHA, DRAWS, rng)


def count_passed(bound: Bound, chances: np.ndarray, rows: int, seed: int = 1) -> str:
    """Share of pairs that pass a gate with a margin."""
    rng = np.random.default_rng(seed)
    passed = sum(bound(answers, rng)[0] > -MARGIN for answers in draw(chances, rows, rng))
    return f"{100 * passed / PAIRS:.1f}"


def count_called_seeds(rows: int, loss: float = 0.0, seed: int = 1) -> str:
    """The same of settings, each trained with several seeds."""
    rng = np.random.default_rng(seed)

    def train(accuracy: float, luck: np.ndarray) -> pd.DataFrame:
        own = np.sqrt(0.6) * luck + np.sqrt(0.4) * rng.normal(size=rows)
        right = own < norm.ppf(rng.normal(accuracy, SPREAD))
        return pd.DataFrame({"label": True, "predicted": right})

    called = 0
    for _ in range(PAIRS):
        luck = rng.normal(size=rows)
        old, new = ([train(a, luck) for _ in range(SEEDS)] for a in (ACCURACY, ACCURACY - loss))
        called += compare_over_seeds(old, new, 1 - ALPHA).p_value < ALPHA
    return f"{100 * called / PAIRS:.1f}"


def put_table(title: str, headers: list[str], rows: Iterator[list[str]]) -> None:
    print(f"\n{title}\n\n| {' | '.join(headers)} |\n{'|---' * len(headers)}|", flush=True)
    for row in rows:
        print(f"| {' | '.join(row)} |", flush=True)


def list_false_alarms() -> Iterator[list[str]]:
    for rows in ROWS:
        for mistakes, correlation in MISTAKES.items():
            even, uneven = (pair_models(0, correlation, share) for share in SHARES.values())
            yield [
                str(rows), mistakes,
                count_called(test_accuracy, even, rows), count_called(test_macro_f1, even, rows),
                count_called(test_macro_f1, uneven, rows), count_called(test_recall, even, rows),
                count_called_seeds(rows) if correlation else "",
            ]  # fmt: skip


def list_power() -> Iterator[list[str]]:
    for rows in ROWS:
        chances = [pair_models(loss, MISTAKES["alike"], SHARES["even"]) for loss in LOSSES]
        yield [
            str(rows),
            *(count_called(test, one, rows) for test in (test_accuracy, test_macro_f1)
              for one in chances),
        ]  # fmt: skip


def list_detectable() -> Iterator[list[str]]:
    equal = pair_models(0, MISTAKES["alike"], SHARES["even"])
    label, before, after = np.indices(equal.shape)
    differ = float(equal[(before == label) != (after == label)].sum())
    for rows in ROWS:
        rng = np.random.default_rng(1)
        widths = [
            approximate_detectable_loss(
                Change("", 0, 0, bound_macro_f1(one, rng), 1), rows, 1 - ALPHA
            )
            for one in itertools.islice(draw(equal, rows, rng), 100)
        ]
        told = (
            find_detectable_loss(rows, round(differ * rows), 1 - ALPHA),
            float(np.median([width for width in widths if width])),
        )
        found = [
            count_called(test, pair_models(loss, MISTAKES["alike"], SHARES["even"]), rows)
            for test, loss in zip((test_accuracy, test_macro_f1), told, strict=True)
        ]
        yield [
            str(rows),
            *(f"{100 * loss:.1f}, {n}" for loss, n in zip(told, found, strict=True)),
        ]


def list_passed() -> Iterator[list[str]]:
    for rows in ROWS:
        losses = [pair_models(loss, MISTAKES["alike"], SHARES["even"]) for loss in (0, MARGIN)]
        bounds = (bound_accuracy, bound_macro_f1)
        yield [str(rows), *(count_passed(bound, one, rows) for bound in bounds for one in losses)]


def main() -> None:
    put_table(
        "False alarms: of 100 pairs of equally good models, those that are called different.",
        ["test rows", "mistakes", "accuracy", "macro-F1", "macro-F1, uneven classes",
         "recall of a class", f"accuracy of {SEEDS} seeds a side"],
        list_false_alarms(),
    )  # fmt: skip
    put_table(
        "Power: of 100 losses of so many points, those that are found.",
        ["test rows", *(f"{name}, {100 * loss:g}" for name in ("accuracy", "macro-F1")
                        for loss in LOSSES)],
        list_power(),
    )  # fmt: skip
    put_table(
        "The loss in points that the report says would have been found in 80 of 100 cases, and in "
        "how many it was.",
        ["test rows", "accuracy", "macro-F1"],
        list_detectable(),
    )
    lost = f"a loss of {100 * MARGIN:g} points"
    put_table(
        f"With `compare.gate.margin: {MARGIN}`: of 100 changes, those that pass.",
        ["test rows", "accuracy: as good", lost, "macro-F1: as good", lost],
        list_passed(),
    )


if __name__ == "__main__":
    main()
