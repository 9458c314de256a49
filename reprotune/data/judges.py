"""Who doubts labels: models that are asked about rows only that did not teach them."""

from collections.abc import Sequence
from copy import deepcopy
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.sparse import csr_matrix, issparse, vstack
from scipy.special import log_softmax, softmax
from sklearn.decomposition import PCA
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from reprotune.core.errors import InputError
from reprotune.core.printing import count_of
from reprotune.core.progress import show_progress
from reprotune.tables.classes import take_first
from reprotune.text.tfidf import vectorizer

WORDS = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)  # of C, for TF-IDF; tried from the first on
FEATURES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)  # of C, for what a model holds
COMPONENTS = 256  # of these features: all of them find hardly more, in five times the time
LANDMARKS = 600  # rows to which each is likened, for a boundary that is no plane
BLOCK = 8192  # rows of features in memory at once
STEPS = 1000


class Asked(NamedTuple):
    """How judges are asked: ``params.audit`` with ``seed`` and ``text.units``."""

    folds: int
    seed: int
    units: str = "words"
    most: int = 20_000  # rows that teach
    judge: str = "words"


class Part(NamedTuple):
    """A model of one judge: the rows that teach it, and those that it is asked about."""

    taught: np.ndarray
    asked: np.ndarray


class Parts(NamedTuple):
    """The models of a judge: one a fold, and one that all rows teach, for test rows and others."""

    taught: np.ndarray
    folds: list[Part]
    whole: Part


class Judge(NamedTuple):
    """What one judge says: probabilities of shape (rows, classes), and the models that say it."""

    probability: np.ndarray
    models: list[LogisticRegression]  # of each kind in the order of the folds, the whole one last
    taught: int  # rows
    columns: csr_matrix | np.ndarray  # what it knows of each row; of two kinds, the features


def choose_taught(rows: pd.DataFrame, codes: np.ndarray, most: int) -> np.ndarray:
    """The places of the rows that teach: no test rows, and of each class its share of ``most``.

    They are the first by rank, and of a rare class at least a few. ``rows`` has role and rank.
    """
    able = pd.Series(codes)[(rows["role"] != "test").to_numpy()]
    if len(able) <= most:
        return able.index.to_numpy()
    ranked = able.iloc[np.argsort(rows["rank"].to_numpy()[able.index], kind="stable")]
    return np.sort(ranked.index[take_first(ranked, most)].to_numpy())


def cut(rows: pd.DataFrame, codes: np.ndarray, asked: Asked) -> Parts:
    """Which rows teach each model and which it is asked about: near-duplicates are never apart.

    Test rows teach none; in a published or growing split a test row's group may. ``rows`` has
    group, role and rank.

    Raises:
        InputError: there are fewer rows of each class, or groups, than folds; or one class alone
            is left without a fold.
    """
    folds, largest = asked.folds, int(np.bincount(codes).max())
    if largest < folds:
        raise InputError(
            f"audit.folds {folds}: no class has more than {count_of(largest, 'row')}; lower it"
        )
    taught, groups = choose_taught(rows, codes, asked.most), rows["group"].to_numpy()
    if (count := len(np.unique(groups[taught]))) < folds:
        raise InputError(
            f"audit.folds {folds}: near-duplicates are in one fold, and the rows that teach are in "
            f"{count_of(count, 'group')} of them; lower it, or raise roles.near_duplicate_threshold"
        )
    cuts = StratifiedGroupKFold(folds, shuffle=True, random_state=asked.seed)
    fold = np.zeros(len(taught), dtype=int)
    for number, (_, held) in enumerate(cuts.split(taught, codes[taught], groups[taught])):
        fold[held] = number
    of_group = pd.Series(fold, index=groups[taught])
    of_group = of_group[~of_group.index.duplicated()]
    known = of_group.reindex(groups).fillna(-1).to_numpy(dtype=int)
    held_by = np.where(rows["role"] == "test", -1, known)
    parts = [Part(taught[fold != n], np.flatnonzero(held_by == n)) for n in range(folds)]
    if any(len(np.unique(codes[part.taught])) < 2 for part in parts):
        raise InputError(
            f"audit.folds {folds}: near-duplicates are in one fold, and without it one class alone "
            "is left to learn from; raise roles.near_duplicate_threshold, or add rows"
        )
    return Parts(taught, parts, Part(taught, np.flatnonzero(held_by == -1)))


def judge_labels(
    rows: pd.DataFrame,
    codes: np.ndarray,
    asked: Asked,
    features: np.ndarray | None = None,
    tuned: np.ndarray | None = None,
) -> Judge:
    """What texts say of their labels; ``rows`` has text, group, role and rank.

    By their words; with ``features`` of shape (rows, columns) by these, or by both, pooled; with
    what tuned models say of rows held out (``tuned``, probabilities) by the words and these.
    """
    parts = cut(rows, codes, asked)
    judges = []
    if features is None or asked.judge == "both":
        words = count_words(rows["text"], parts.taught, asked.units)
        judges.append(judge_rows(words, codes, parts, WORDS, asked.seed, "audit: words"))
    if features is not None:
        turned = turn(features, parts.taught, asked.seed)
        alike = liken(turned, parts.taught, asked.seed)
        judged = judge_rows(alike, codes, parts, FEATURES, asked.seed, "audit: features")
        judges.append(judged._replace(columns=turned))  # near rows are nearer there
    said = [judge.probability for judge in judges] + ([] if tuned is None else [tuned])
    return Judge(
        pool(said, codes, parts.taught),
        [model for judge in judges for model in judge.models],
        len(parts.taught),
        judges[-1].columns,
    )


def turn(features: np.ndarray, taught: np.ndarray, seed: int) -> np.ndarray:
    """Standardized features on their principal components, by those of the rows that teach."""
    count = min(COMPONENTS, len(taught), features.shape[1])
    components = PCA(count, svd_solver="randomized", random_state=seed)
    turned = make_pipeline(StandardScaler(), components).fit(features[taught])
    blocks = range(0, len(features), BLOCK)
    return np.concatenate([turned.transform(features[n : n + BLOCK]) for n in blocks])


def liken(turned: np.ndarray, taught: np.ndarray, seed: int) -> np.ndarray:
    """How like each row is to some that teach (Gaussian kernel by Nyström's method)."""
    known = turned[taught]
    width = max(2 * float(known.var(axis=0).sum()), 1e-9)
    count = min(LANDMARKS, len(taught))
    likeness = Nystroem(gamma=1 / width, n_components=count, random_state=seed)
    return np.asarray(likeness.fit(known).transform(turned))


def pool(said: Sequence[np.ndarray], codes: np.ndarray, taught: np.ndarray) -> np.ndarray:
    """One probability of several judges': each to its own power, the product normed to sum 1.

    The powers, none below zero, are those of the least loss on the rows that teach, of which each
    judge was asked as of rows held out.
    """
    if len(said) == 1:
        return said[0]
    logs = np.log(np.stack(said, axis=2).clip(1e-9))
    held, true, place = logs[taught], logs[taught, codes[taught]], np.arange(len(taught))

    def lose(powers: np.ndarray) -> tuple[float, np.ndarray]:
        pooled = log_softmax(held @ powers, axis=1)
        slope = (np.exp(pooled)[:, :, None] * held).sum(axis=1) - true
        return -float(pooled[place, codes[taught]].mean()), slope.mean(axis=0)

    even = np.full(len(said), 1 / len(said))
    found = minimize(lose, even, jac=True, method="L-BFGS-B", bounds=[(0, None)] * len(said))
    return np.asarray(softmax(logs @ found.x, axis=1))


def count_words(texts: pd.Series, taught: np.ndarray, units: str) -> csr_matrix:
    """TF-IDF of all texts, by the words of those that teach; shape (rows, n-grams)."""
    if units == "words" and not texts.str.contains(r"\w\w").any():
        raise InputError("audit: no text has a word of two letters or more; is it the text column?")
    counter = vectorizer(2, units).fit(texts.iloc[taught])
    blocks = []
    with show_progress("audit: n-grams", len(texts), "text") as bar:
        for start in range(0, len(texts), BLOCK):
            blocks.append(counter.transform(texts.iloc[start : start + BLOCK]))
            bar.update(blocks[-1].shape[0])
    counted: csr_matrix = vstack(blocks, format="csr")
    return counted


def judge_rows(
    columns: csr_matrix | np.ndarray,
    codes: np.ndarray,
    parts: Parts,
    strengths: Sequence[float],
    seed: int,
    title: str = "",
) -> Judge:
    """What logistic regression on ``columns`` (rows, columns) says of each row.

    C is the one of ``strengths`` with the least loss on the rows held out; after a higher loss no
    further one is tried. ``codes`` are the labels as integers. Without a title there is no bar.
    """
    classes = int(codes.max()) + 1
    model = LogisticRegression(
        solver="sag" if issparse(columns) else "lbfgs",  # on words it is four to ten times as fast
        warm_start=True,
        max_iter=STEPS,
        random_state=seed,
    )
    models = [deepcopy(model) for _ in parts.folds]
    best, least = models, np.inf
    most = len(strengths) * len(models)
    with show_progress(title, most + 1, "model") as bar:
        for strength in strengths:
            for one, part in zip(models, parts.folds, strict=True):
                one.set_params(C=strength).fit(columns[part.taught], codes[part.taught])
                bar.update(1)
            loss = measure_loss(columns, codes, parts, models)
            if loss >= least:
                break
            best, least = deepcopy(models), loss
        bar.update(most - bar.n)
        if len(parts.whole.asked):
            model.set_params(C=best[0].C).fit(columns[parts.taught], codes[parts.taught])
        bar.update()
    probability = np.zeros((len(codes), classes))
    for one, part in zip([*best, model], [*parts.folds, parts.whole], strict=True):
        if len(part.asked):
            said = one.predict_proba(columns[part.asked])
            probability[np.ix_(part.asked, one.classes_)] = said
    return Judge(probability, [*best, model], len(parts.taught), columns)


def measure_loss(
    columns: csr_matrix | np.ndarray,
    codes: np.ndarray,
    parts: Parts,
    models: Sequence[LogisticRegression],
) -> float:
    """Mean log loss of the rows that teach, each asked of the model that it did not teach."""
    total = 0.0
    for model, part in zip(models, parts.folds, strict=True):
        held = np.intersect1d(part.asked, parts.taught)
        place = np.full(int(codes.max()) + 1, -1)
        place[model.classes_] = np.arange(len(model.classes_))
        said = model.predict_proba(columns[held])[np.arange(len(held)), place[codes[held]]]
        total -= float(np.log(np.where(place[codes[held]] < 0, 0, said).clip(1e-15)).sum())
    return total / len(parts.taught)
