"""The audit finds planted faults, and test rows teach it nothing."""

import numpy as np
import pandas as pd
import pytest

from reprotune.builtin import headlines
from reprotune.core.errors import InputError
from reprotune.data.audit import find_doubtful_labels, find_repeated_texts, queue_for_review
from reprotune.data.judges import (
    WORDS,
    Asked,
    choose_taught,
    count_words,
    cut,
    judge_labels,
    judge_rows,
    pool,
    turn,
)

ASKED = Asked(folds=4, seed=1)
CLASSES = list(headlines.CLASSES)


def with_codes(table: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """Each row a group of its own, every fifth one a test row."""
    numbers = np.arange(len(table))
    rows = table.assign(
        id=[f"{n:016x}" for n in numbers],
        group=numbers.astype(str),
        role=np.where(numbers % 5, "train", "test"),
        rank=numbers,
    )
    return rows, pd.Categorical(rows["label"], categories=CLASSES).codes.astype(int)


@pytest.fixture(scope="module")
def audited() -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    rows, codes = with_codes(headlines.examples(800, wrong=0.1, repeated=0.0, seed=1))
    return rows, codes, judge_labels(rows, codes, ASKED).probability


def test_every_row_is_judged_by_a_distribution_over_the_classes(
    audited: tuple[pd.DataFrame, np.ndarray, np.ndarray],
) -> None:
    rows, _, probability = audited
    assert probability.shape == (len(rows), len(CLASSES))
    assert np.allclose(probability.sum(axis=1), 1)


def test_changing_test_rows_changes_no_other_probability(
    audited: tuple[pd.DataFrame, np.ndarray, np.ndarray],
) -> None:
    rows, codes, probability = audited
    test = (rows["role"] == "test").to_numpy()
    other_text = rows.assign(text=rows["text"].where(~test, "quite other words"))
    again = judge_labels(other_text, np.where(test, (codes + 1) % 3, codes), ASKED).probability
    assert np.array_equal(probability[~test], again[~test])
    assert not np.array_equal(probability[test], again[test])


def test_a_group_is_judged_by_a_model_that_never_saw_it() -> None:
    rows, codes = with_codes(headlines.examples(300, wrong=0.0, repeated=0.0, seed=1))
    mine = np.arange(1, 300, 15)
    rows.loc[mine, ["text", "group", "role"]] = ["zyx wvu tsr", "mine", "train"]
    codes[mine] = 0
    probability = judge_labels(rows, codes, ASKED).probability[mine]
    as_test = rows.assign(role=rows["role"].where(rows.index != mine[0], "test"))
    stranger = judge_labels(as_test, codes, ASKED).probability[mine[0]]
    assert probability[:, 0].max() < 0.6 < stranger[0]


def test_planted_wrong_labels_are_found_better_than_by_chance(
    audited: tuple[pd.DataFrame, np.ndarray, np.ndarray],
) -> None:
    rows, codes, probability = audited
    found = find_doubtful_labels(rows, codes, probability, CLASSES)
    wrong = rows.set_index("id")["label"] != rows.set_index("id")["reference_label"]
    assert wrong[found["id"]].mean() > 2 * wrong.mean()
    assert wrong[found.nsmallest(40, "score")["id"]].mean() > 3 * wrong.mean()
    assert found["score"].nunique() > 20, "in millionths, which another CPU computes alike"
    assert (found["score"] == found["score"].round(6)).all()
    assert (rows.set_index("id").loc[found["id"], "label"].to_numpy() != found["suggested"]).all()


def test_too_few_groups_of_near_duplicates_for_the_folds_are_told() -> None:
    rows, codes = with_codes(headlines.examples(300, wrong=0.1, repeated=0.0, seed=1))
    few = (np.arange(len(rows)) % 3).astype(str)
    with pytest.raises(InputError, match=r"audit\.folds 4: .* are in 3 groups of them; lower it"):
        cut(rows.assign(group=few), codes, ASKED)
    two, alike = np.minimum(codes, 1), np.where(codes > 0, "one", rows["group"])
    with pytest.raises(InputError, match="without it one class alone is left to learn from"):
        cut(rows.assign(group=alike), two, ASKED)


def test_a_class_too_rare_for_the_folds_does_not_stop_the_audit() -> None:
    rows, codes = with_codes(headlines.examples(100, wrong=0.0, repeated=0.0, seed=1))
    codes[:] = codes == 2
    codes[[1, 2]] = 2
    rows.loc[[1, 2], "group"] = "one"
    assert np.allclose(judge_labels(rows, codes, ASKED).probability.sum(axis=1), 1)


def test_so_many_rows_teach_at_most_and_every_row_is_judged() -> None:
    rows, codes = with_codes(headlines.examples(800, wrong=0.0, repeated=0.0, seed=1))
    codes = np.where(np.arange(len(codes)) < 6, 3, codes)
    taught = choose_taught(rows, codes, 200)
    counts, all_ = np.bincount(codes[taught]), np.bincount(codes[rows["role"] != "test"])
    assert counts[3] == all_[3] == 4, "of a rare class all"
    assert counts[:3].tolist() == pytest.approx(all_[:3] * 200 / all_.sum(), abs=1)
    assert (np.diff(taught[codes[taught] == 2]) <= 15).all(), "the first by rank"
    few = judge_labels(rows, codes, ASKED._replace(most=200))
    assert few.taught == len(taught)
    assert np.allclose(few.probability.sum(axis=1), 1)


def test_what_is_nearly_a_row_that_teaches_is_not_asked_of_its_model() -> None:
    rows, codes = with_codes(headlines.examples(400, wrong=0.0, repeated=0.0, seed=1))
    rows["group"] = (np.arange(len(rows)) // 2).astype(str)
    parts = cut(rows, codes, ASKED._replace(most=100))
    group = rows["group"].to_numpy()
    asked = np.concatenate([part.asked for part in [*parts.folds, parts.whole]])
    assert sorted(asked) == list(range(len(rows)))
    for part in parts.folds:
        assert len(part.asked) and not set(group[part.asked]) & set(group[part.taught])
    strangers = parts.whole.asked[(rows["role"] != "test").to_numpy()[parts.whole.asked]]
    assert len(strangers) and not set(group[strangers]) & set(group[parts.taught])


def test_the_strength_is_the_one_of_the_least_loss_on_rows_held_out() -> None:
    rows, codes = with_codes(headlines.examples(400, wrong=0.2, repeated=0.0, seed=1))
    parts = cut(rows, codes, ASKED)
    noise = np.random.default_rng(1).normal(size=(len(rows), 5))
    assert judge_rows(noise, codes, parts, (1e-4, 1.0, 100.0), 1).models[0].C == 1e-4
    told = noise + 3 * codes[:, None]
    assert judge_rows(told, codes, parts, (1e-4, 1.0, 100.0), 1).models[0].C > 1e-4


def test_words_in_a_table_without_gaps_are_judged_the_same_by_another_solver() -> None:
    rows, codes = with_codes(headlines.examples(400, wrong=0.1, repeated=0.0, seed=1))
    parts = cut(rows, codes, ASKED)
    words = count_words(rows["text"], parts.taught, "words")
    steps, whole = (judge_rows(some, codes, parts, WORDS, 1) for some in (words, words.toarray()))
    assert (steps.models[0].solver, whole.models[0].solver) == ("sag", "lbfgs")
    assert steps.models[0].C == whole.models[0].C
    assert np.abs(whole.probability - steps.probability).max() < 0.01


def test_equal_and_nearly_equal_texts_are_told_apart() -> None:
    texts = ["Up 5 %", "up 5 %.", "UP 5 %", "down", "Down", "near", "nearly", "alone"]
    labels = ["good"] * 3 + ["good", "bad"] + ["good"] * 3
    rows = pd.DataFrame(
        {"id": list("abcdefgh"), "text": texts, "label": labels, "group": list("aaaddffh")}
    )
    found = find_repeated_texts(rows).groupby("issue")["id"].agg("".join).to_dict()
    assert found == {"duplicate": "bc", "conflict": "de", "near_duplicate": "fg"}


def test_the_queue_has_conflicts_first_then_the_most_doubtful_labels() -> None:
    rows = pd.DataFrame({"id": list("abcde"), "text": list("vwxyz"), "label": "good"})
    findings = pd.DataFrame(
        {
            "id": list("eadcb"),
            "issue": ["label", "label", "duplicate", "label", "conflict"],
            "score": [0.5, 0.1, 0.0, 0.1, 0.3],
            "suggested": ["bad", "bad", "", "bad", ""],
        }
    )
    queue = queue_for_review(rows, findings, 3)
    assert queue["id"].tolist() == ["b", "a", "c"]
    assert list(queue) == ["id", "issue", "score", "label", "suggested", "text"]
    assert queue["text"].tolist() == ["w", "v", "x"]


def test_features_that_know_the_truth_find_what_words_do_not() -> None:
    rows, codes = with_codes(headlines.examples(800, wrong=0.1, repeated=0.0, seed=1))
    wrong = (rows["label"] != rows["reference_label"]).to_numpy()
    truth = pd.Categorical(rows["reference_label"], categories=CLASSES).codes
    noise = np.random.default_rng(1).normal(size=(len(rows), 40)).astype(np.float32)
    noise[:, :3] += 4 * np.eye(3)[truth]

    def find(judge: str) -> float:
        told = None if judge == "words" else noise
        said = judge_labels(rows, codes, ASKED._replace(judge=judge), told).probability
        assert np.allclose(said.sum(axis=1), 1)
        return float(wrong[said[np.arange(len(rows)), codes].argsort()[: wrong.sum()]].mean())

    words, features, both = map(find, ("words", "features", "both"))
    assert features > 0.8 and both > words + 0.1, (words, features, both)


def test_features_are_standardized_and_turned_by_the_rows_that_teach_alone() -> None:
    numbers = np.random.default_rng(1).normal(size=(900, 6)) * [1, 1, 1, 1, 1, 1000] + 5
    taught = np.arange(500)
    turned = turn(numbers, taught, 1)
    assert turned[taught].mean(axis=0) == pytest.approx(0, abs=1e-9)
    assert (turned[taught] ** 2).mean() == pytest.approx(1), "no column counts more than another"
    other = np.where(np.arange(900)[:, None] < 500, numbers, numbers + 7)
    assert np.array_equal(turn(other, taught, 1)[taught], turned[taught])


def test_judges_count_as_much_as_rows_held_out_bear_them_out() -> None:
    codes = np.arange(90) % 3
    taught = np.arange(0, 90, 2)
    rng = np.random.default_rng(1)
    knows = np.where(np.eye(3)[codes] == 1, 0.8, 0.1)
    guesses = rng.dirichlet(np.ones(3), 90)
    pooled = pool([knows, guesses], codes, taught)
    assert np.allclose(pooled.sum(axis=1), 1)
    assert np.abs(pooled - pool([knows, np.full((90, 3), 1 / 3)], codes, taught)).max() < 0.1
    other = np.where(np.isin(np.arange(90), taught), codes, (codes + 1) % 3)
    assert np.array_equal(pool([knows, guesses], other, taught), pooled), "no other label counts"
    assert pool([guesses], codes, taught) is guesses
