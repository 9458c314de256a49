"""Ten retrainings with 5 % new rows each: what leaves the test set, and what the new rows bring.

``python -m benchmarks.growing FILE``: CSV with the columns text and label; without one, the
built-in headlines. The learner is the TF-IDF baseline.
"""

import sys
from pathlib import Path

import pandas as pd
from threadpoolctl import threadpool_limits

from benchmarks.review_gain import read_texts
from reprotune.core.params import Roles
from reprotune.core.params_file import load_params
from reprotune.data.assignment import assign
from reprotune.evaluation import baselines
from reprotune.project.dry_run import group_rows

BEGUN, GROWTH, ROUNDS = 0.6, 1.05, 10  # share of the rows; times as many; how often
SHARES = {"test_share": 0.2, "validation_share": 0.1}  # as `init --growing` chooses them
COUNTS = dict.fromkeys(("test_per_class", "validation_per_class", "train_per_class"))


def part(rows: pd.DataFrame, roles: Roles, seed: int) -> pd.DataFrame:
    """The rows with their roles, by id."""
    grouped = group_rows(rows, roles.near_duplicate_threshold, seed)
    role = assign(grouped, roles, sorted(rows["label"].unique()), seed)
    return grouped.assign(role=role).set_index("id")


def learn(train: pd.DataFrame, test: pd.DataFrame, seed: int) -> float:
    """Accuracy on the test rows of a learner that was taught the training rows."""
    classes = sorted(train["label"].unique())
    with threadpool_limits(1):
        found = baselines.tfidf(train, test["text"], classes, 2, 5, seed)
    said = pd.Categorical.from_codes(found.argmax(axis=1), categories=classes)
    return float((said == test["label"]).mean())


def main() -> None:
    params = load_params()
    roles = params.roles.model_copy(update={"strategy": "growing", **SHARES, **COUNTS})
    rows = read_texts(Path(sys.argv[1]) if len(sys.argv) > 1 else None)[["text", "label"]]
    rows = rows.sample(frac=1, random_state=1, ignore_index=True).assign(split=None)
    count, held, first = int(BEGUN * len(rows)), pd.Series(dtype=str), pd.Index([])
    print("| rows | train | test | held rows that changed | first test rows | all test rows |")
    print("|---|---|---|---|---|---|")
    for turn in range(ROUNDS + 1):
        some = rows[:count].sample(frac=1, random_state=turn, ignore_index=True)
        parted = part(some, roles, params.seed)
        role = parted["role"]
        changed = int((role.reindex(held.index) != held).sum())
        held = role[role.isin(["test", "validation"])]
        test, train = (parted[role == name] for name in ("test", "train"))
        first = first if turn else test.index
        figures = (learn(train, some, params.seed) for some in (test.loc[first], test))
        shown = "".join(f" {figure:.3f} |" for figure in figures)
        print(f"| {count} | {len(train)} | {len(test)} | {changed} |{shown}", flush=True)
        count = int(GROWTH * count)


if __name__ == "__main__":
    main()
