"""Differences of two models are found where they are, and not where they are not."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.metrics import f1_score, log_loss

from benchmarks import gate
from reprotune.comparison import statistics
from reprotune.comparison.changes import quote_examples
from reprotune.comparison.swapping import count_answers

CLASSES = ["negative", "neutral", "positive"]


def simulated(
    accuracies: tuple[float, float], rows: int, seed: int, correlation: float = 0.6
) -> list[pd.DataFrame]:
    """Two models with these accuracies, whose mistakes go together as those of real ones do."""
    draw = np.random.default_rng(seed)
    labels = draw.choice(CLASSES, rows)
    both = draw.normal(size=rows)
    tables = []
    for accuracy in accuracies:
        own = np.sqrt(correlation) * both + np.sqrt(1 - correlation) * draw.normal(size=rows)
        right = own < norm.ppf(accuracy)
        other = np.array([CLASSES[(CLASSES.index(c) + 1 + draw.integers(2)) % 3] for c in labels])
        said = np.where(right, labels, other)
        table = pd.DataFrame({"id": [f"{i}" for i in range(rows)], "text": "", "label": labels})
        table["predicted"] = said
        sure = draw.uniform(0.5, 0.95, rows)
        for name in CLASSES:
            table[name] = np.where(said == name, sure, (1 - sure) / 2)
        tables.append(table)
    return tables


@pytest.mark.slow
def test_without_a_difference_one_pair_in_twenty_at_most_is_called_different() -> None:
    called = {"accuracy": 0, "macro-F1": 0, "log loss": 0}
    pairs = 200
    for seed in range(pairs):
        base, head = simulated((0.85, 0.85), 900, seed)
        for change in statistics.compare_metrics([base], [head], CLASSES, 0.95, seed):
            called[change.name] += change.p_value < 0.05
    assert called["accuracy"] <= 0.05 * pairs, called
    assert called["macro-F1"] <= 0.06 * pairs, called  # within what 200 pairs tell
    assert called["log loss"] <= 0.08 * pairs, called  # the bootstrap's p-value is approximate


@pytest.mark.slow
def test_five_points_on_900_rows_are_found_in_four_of_five_pairs() -> None:
    found = 0
    for seed in range(100):
        base, head = simulated((0.82, 0.87), 900, seed)
        changes = statistics.compare_metrics([base], [head], CLASSES, 0.95, seed)
        found += changes[0].p_value < 0.05
    assert found >= 80


def test_figures_are_those_of_scikit_learn() -> None:
    base, head = simulated((0.7, 0.8), 500, 3)
    accuracy, f1, loss = statistics.compare_metrics([base], [head], CLASSES, 0.95, 1)
    assert accuracy.head == (head["label"] == head["predicted"]).mean()
    assert f1.base == pytest.approx(f1_score(base["label"], base["predicted"], average="macro"))
    assert loss.head == pytest.approx(log_loss(head["label"], head[CLASSES], labels=CLASSES))
    for change in (accuracy, f1, loss):
        low, high = change.interval
        assert low < change.difference < high
        assert (change.p_value < 0.05) == (low > 0 or high < 0)
    assert loss.difference < 0 < accuracy.difference


def test_seeds_that_spread_make_a_difference_uncertain() -> None:
    draw = np.random.default_rng(1)

    def side(spread: float) -> list[pd.DataFrame]:
        return [simulated((0.8, 0.8 + d), 900, 7)[1] for d in draw.normal(0, spread, 3)]

    steady, wild = side(0.001), side(0.05)
    better = [simulated((0.8, 0.86 + d), 900, 7)[1] for d in (-0.001, 0, 0.001)]
    sure = statistics.compare_over_seeds(steady, better, 0.95)
    unsure = statistics.compare_over_seeds(wild, better, 0.95)
    assert sure.p_value < 0.001
    assert unsure.interval[1] - unsure.interval[0] > 1.5 * (sure.interval[1] - sure.interval[0])


def test_one_run_beside_several_is_taken_to_spread_as_they_do() -> None:
    """Else the chance of its one training is none, and equal settings are called different."""
    draw = np.random.default_rng(2)
    called = 0
    for _ in range(200):
        luck = draw.normal(size=900)
        accuracies = 0.85 + draw.normal(0, 0.02, 4)
        runs = []
        for accuracy in accuracies:
            right = 0.8 * luck + 0.6 * draw.normal(size=900) < norm.ppf(accuracy)
            runs.append(pd.DataFrame({"label": 1, "predicted": np.where(right, 1, 0)}))
        called += statistics.compare_over_seeds(runs[:1], runs[1:], 0.95).p_value < 0.05
    assert called <= 20, "5 % of 200, and two standard errors and more"


def test_of_several_seeds_too_each_figure_is_corrected_for_all_three() -> None:
    runs = [simulated((0.8, 0.8), 300, seed) for seed in range(6)]
    labels = runs[0][0]["label"]
    old, new = ([run[0].assign(label=labels) for run in part] for part in (runs[:3], runs[3:]))
    changes = statistics.compare_metrics(old, new, CLASSES, 0.95, 1)
    assert changes[0].p_value == statistics.compare_over_seeds(old, new, 0.95).p_value
    corrected = statistics.holm([change.p_value for change in changes])
    assert [change.corrected for change in changes] == corrected


def test_holm_corrects_in_steps() -> None:
    assert statistics.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert statistics.holm([0.9, 0.8]) == [1.0, 1.0]
    assert statistics.holm([]) == []


def test_flips_are_the_rows_that_one_side_alone_gets_right() -> None:
    base, head = simulated((0.7, 0.8), 300, 5)
    changed = statistics.find_flips(base, head, CLASSES)
    right = (statistics.is_right(base), statistics.is_right(head))
    assert len(changed["fixed"]) == (right[1] & ~right[0]).sum()
    assert len(changed["broken"]) == (right[0] & ~right[1]).sum()
    assert changed["broken"]["confidence"].is_monotonic_decreasing


def test_every_change_of_rows_is_told() -> None:
    base = pd.DataFrame({"id": list("abcd"), "label": list("xxyy"), "role": ["train"] * 4})
    head = pd.DataFrame(
        {"id": list("abce"), "label": list("xyyx"), "role": ["train", "train", "test", "train"]}
    )
    found = {name: list(rows["id"]) for name, rows in statistics.diff_rows(base, head).items()}
    assert found == {"added": ["e"], "removed": ["d"], "relabelled": ["b"], "moved": ["c"]}


def test_a_row_is_quoted_whatever_its_class_is_called() -> None:
    base = pd.DataFrame({"id": ["a"], "label": ["finance"], "role": ["train"]})
    head = pd.DataFrame({"id": ["a", "b"], "label": ["nan", "finance"], "role": ["test", "train"]})
    found = statistics.diff_rows(base, head)
    assert quote_examples(found["moved"]) == "a: finance train → nan test"
    assert quote_examples(found["added"]) == "b: finance train"


def test_a_permutation_test_is_that_of_every_way_to_swap() -> None:
    base, head = simulated((0.7, 0.9), 40, 4)
    differ = base.index[base["predicted"] != head["predicted"]][:9]
    rest = base.index.difference(differ)
    head.loc[rest, "predicted"] = base.loc[rest, "predicted"]
    labels, was, now = head["label"], base["predicted"].to_numpy(), head["predicted"].to_numpy()

    def difference(swapped: tuple[int, ...]) -> float:
        rows = np.isin(np.arange(len(head)), differ[np.array(swapped, dtype=bool)])
        sides = (np.where(rows, was, now), np.where(rows, now, was))
        after, before = (
            f1_score(labels, said, average="macro", labels=CLASSES, zero_division=0.0)
            for said in sides
        )
        return float(after - before)

    observed = difference((0,) * len(differ))
    ways = [difference(swapped) for swapped in itertools.product((0, 1), repeat=len(differ))]
    exact = np.mean([abs(found) >= abs(observed) - 1e-12 for found in ways])
    made = statistics.compare_macro_f1(base, head, CLASSES, 0.95, 1)
    assert made.difference == pytest.approx(observed)
    assert made.p_value == pytest.approx(exact, abs=0.03)


def test_models_that_say_the_same_are_not_called_different() -> None:
    base, _ = simulated((0.7, 0.9), 40, 4)
    made = statistics.compare_macro_f1(base, base, CLASSES, 0.95, 1)
    assert (made.p_value, made.interval) == (1.0, (0.0, 0.0))


@pytest.mark.slow  # a thousand pairs of models
@pytest.mark.parametrize("rows", [75, 168])
@pytest.mark.parametrize("shares", gate.SHARES.values(), ids=gate.SHARES)
def test_macro_f1_calls_equal_models_different_in_one_pair_of_twenty(
    rows: int, shares: tuple[float, ...]
) -> None:
    equal = gate.pair_models(0, gate.MISTAKES["independent"], shares)
    called = float(gate.count_called(gate.test_macro_f1, equal, rows))
    assert called <= 5 + 2 * np.sqrt(5 * 95 / gate.PAIRS)


@pytest.mark.parametrize("names", [["a", "b"], ["b", "a"]])
def test_an_answer_that_is_no_class_is_wrong_and_nobody_elses(names: list[str]) -> None:
    one, other = names
    said = [one, "none", other, other]
    rows = pd.DataFrame({"label": [one, one, other, other], "predicted": said})
    counted = count_answers(rows, rows, ["a", "b"])
    assert counted.score(1, counted.counts) == pytest.approx((2 / 3 + 1) / 2)
