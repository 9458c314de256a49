"""What in git contradicts what else is in git: predictions, rows and figures of one run.

What rests on files that git does not hold shows in a rebuild alone.
"""

import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import BaseModel

from reprotune.comparison import recomputed
from reprotune.comparison.evidence import Evidence
from reprotune.comparison.forms import list_leaves
from reprotune.comparison.leftovers import name_leftovers
from reprotune.comparison.report import code
from reprotune.comparison.revision import Revision
from reprotune.comparison.written import (
    check_bytes,
    check_counts,
    check_decisions,
    check_forms,
    check_rows_beside,
)
from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.io import parse_json, round_figures
from reprotune.core.printing import agree, count_of
from reprotune.robustness.edits import edit_rows
from reprotune.tables import metrics
from reprotune.tables.classes import share_out
from reprotune.tables.predictions import DECIMALS

NOISE = 1e-5  # by which another CPU may compute a figure differently
CLOSE = 1e-3  # by which another CPU may compute what a model says differently
GROUPED = {paths.FIT: "part", paths.BASELINE_PREDICTIONS: "predictor"}


def find_contradiction(revision: Revision) -> str:
    """The first contradiction, with its file and its row or key; empty if there is none."""
    try:
        return next(list_contradictions(Evidence(revision)), "")
    except InputError as error:
        return code(str(error))


def find_damage(revision: Revision) -> str:
    """What no code can have written: a table that is none, or predictions against themselves."""
    evidence, path = Evidence(revision), paths.PREDICTIONS
    try:
        left, table = name_leftovers(revision), evidence.tables.get(path)
        if table is None:
            return next(left, "")
        found = check_probabilities(path, table, list(table.columns[4:]))
        return next(chain(left, found, check_rows(path, table, evidence)), "")
    except InputError as error:
        return code(str(error))


def list_contradictions(evidence: Evidence) -> Iterator[str]:
    yield from name_leftovers(evidence.revision)
    yield from check_forms(evidence)
    if evidence.rows is None and paths.PREDICTIONS in evidence.tables:
        yield f"{paths.PREDICTIONS} rests on {paths.ROWS}, which is not there"
    yield from check_counts(evidence)
    yield from check_decisions(evidence)
    for path, table in evidence.predicted.items():
        yield from check_probabilities(path, table, evidence.classes)
        yield from check_rows(path, table, evidence)
    yield from check_edits(evidence)
    yield from check_rows_beside(evidence)
    for path, make in recomputed.FIGURES.items():
        expected = make(evidence)
        if expected is not None:
            found = json.loads(evidence.revision.read_bytes(path) or b"{}")
            yield from compare_figures(path, found, expected)
    for path, plot in recomputed.draw_up(evidence).items():
        drawn = evidence.tables.get(path)
        if drawn is not None and not is_same_table(drawn, plot):
            yield f"{path} does not follow from {paths.PREDICTIONS}"
    yield from check_subset(evidence)
    yield from check_bytes(evidence)


def check_probabilities(path: Path, table: pd.DataFrame, classes: list[str]) -> Iterator[str]:
    """Every prediction is the likeliest class of its own probabilities, the first of equal ones."""
    columns = [pd.to_numeric(table[name], errors="coerce") for name in classes]
    probability = np.stack(columns, axis=1).astype(float)
    slack = len(classes) * 10.0**-DECIMALS
    proper = (probability >= 0).all(axis=1) & (abs(probability.sum(axis=1) - 1) <= slack)
    yield from name_rows(path, table, ~proper, "its probabilities are none")
    likeliest = np.array(classes)[np.nan_to_num(probability).argmax(axis=1)]
    other = likeliest != table["predicted"].to_numpy()
    yield from name_rows(path, table, other, "the prediction is not its likeliest class")


def check_rows(path: Path, table: pd.DataFrame, evidence: Evidence) -> Iterator[str]:
    """The predictions are of the rows that are listed for their part, each once, as labelled.

    Of the rows that were trained on there are as many as test rows, or all. Older runs asked some
    that were not, of a part of the training rows.
    """
    rows = evidence.rows
    if rows is None:
        return
    tests = int((rows["role"] == "test").sum())
    for name, part in divide(path, table).items():
        listed = rows[rows["role"] == (name if path == paths.FIT else "test")]
        count = older = len(listed)
        if name == "train":
            taught = int(share_out(listed["label"], evidence.params.train.fraction).sum())
            count, older = min(taught, tests), min(older, tests)
        labels = listed.drop_duplicates("id").set_index("id")["label"].reindex(part["id"])
        other = labels.to_numpy() != part["label"].to_numpy()
        yield from name_rows(path, part, other, f"it has no such label in {paths.ROWS}")
        if len(part) not in (count, older):
            yield (
                f"{path}: {code(str(name))} has {count_of(len(part), 'row')}; by {paths.ROWS}, "
                f"{count}"
            )


def check_edits(evidence: Evidence) -> Iterator[str]:
    """The edited texts are what the edits make of the first test rows, with their answers."""
    path, table = paths.EDITED, evidence.tables.get(paths.PREDICTIONS)
    edited = evidence.tables.get(path)
    if edited is None or table is None:
        return
    yield from check_probabilities(path, edited, evidence.classes)
    made = edit_rows(table, evidence.params.predictions.edited_rows, evidence.params.seed)
    if len(edited) != len(made):
        yield (
            f"{path} has {count_of(len(edited), 'row')}; {code('predictions.edited_rows')} gives "
            f"{len(made)}"
        )
        return
    other = (edited[list(made)].astype("str") != made).any(axis=1).to_numpy()
    yield from name_rows(path, edited, other, f"no edit makes this of a row of {paths.PREDICTIONS}")


def check_subset(evidence: Evidence) -> Iterator[str]:
    """Git does not know which test rows are leaked, but how many, and what a part can come to."""
    found = evidence.read(paths.EVALUATE_METRICS, metrics.Evaluation)
    roles = evidence.read(paths.ROLES_METRICS, metrics.Roles)
    table = evidence.tables.get(paths.PREDICTIONS)
    if found is None or table is None:
        return
    right = int((table["label"] == table["predicted"]).sum())
    wrong = len(table) - right
    subset, least = found.without_leaked, len(table) - roles.leaked_test_rows if roles else 0
    hits = round((subset.accuracy or 0) * subset.rows)
    exact = is_same(subset.accuracy, hits / subset.rows if subset.rows else None)
    if not (exact and hits <= right and 0 <= subset.rows - hits <= wrong and subset.rows >= least):
        told = f"{subset.accuracy or 0:g} of {count_of(subset.rows, 'row')}"
        yield (
            f"{paths.EVALUATE_METRICS}: {code('without_leaked')} is {code(told)}; of the "
            f"{count_of(len(table), 'test row')} {right} {agree(right, 'are')} right and {wrong} "
            f"wrong, so no part of {count_of(least, 'row')} or more gives that"
        )


def divide(path: Path, table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The predictions by part or predictor; a part that lacks has no rows."""
    if path not in GROUPED:
        return {"test": table}
    wanted = ("train", "validation") if path == paths.FIT else ()
    parts = {str(name): part for name, part in table.groupby(GROUPED[path], sort=False)}
    return dict.fromkeys(wanted, table[:0]) | parts


def name_rows(path: Path, table: pd.DataFrame, wrong: np.ndarray, why: str) -> Iterator[str]:
    for name in table.loc[wrong, "id"]:
        yield f"{path}, row {code(str(name))}: {why}"


def compare_figures(path: Path, found: object, expected: BaseModel) -> Iterator[str]:
    """Where the figures of a file are not those that follow."""
    values = expected.model_dump(by_alias=True, exclude_defaults=True)
    was, now = dict(list_leaves(found)), dict(list_leaves(round_figures(values)))
    for key, value in now.items():
        if key not in was or not is_same(was[key], value):
            told, made = (code(str(one)) for one in (was.get(key), value))
            yield f"{path}: {code(key)} is {told}; what it rests on gives {made}"
    yield from (f"{path}: {code(key)} rests on nothing" for key in was if key not in now)


def is_same(one: object, other: object, noise: float = NOISE) -> bool:
    if isinstance(one, int | float) and isinstance(other, int | float):
        return abs(one - other) <= noise
    return one == other


def is_same_table(found: pd.DataFrame, expected: pd.DataFrame, noise: float = NOISE) -> bool:
    """Whether two tables have the same texts, and the same figures but for noise."""
    if list(found.columns) != list(expected.columns) or len(found) != len(expected):
        return False
    for name in expected:
        if pd.api.types.is_numeric_dtype(expected[name]):
            known = pd.to_numeric(found[name], errors="coerce")
            if not np.allclose(known, expected[name], rtol=0, atol=noise, equal_nan=True):
                return False
        elif list(found[name].astype("str")) != list(expected[name].astype("str")):
            return False
    return True


def is_close(was: Revision, now: Revision, file: Path) -> bool:
    """Whether a file has the same texts on both sides, and figures that are close."""
    try:
        if file.suffix == ".json":
            old, new = (
                dict(list_leaves(parse_json(s.read_bytes(file) or b"{}"))) for s in (was, now)
            )
            return old.keys() == new.keys() and all(is_same(old[k], new[k], CLOSE) for k in old)
        before, after = was.read_table(file), now.read_table(file)
    except (InputError, ValueError):  # the commit holds what is no such file
        return False
    if before is None or after is None:
        return before is after
    return is_same_table(before, after, CLOSE)
