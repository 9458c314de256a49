"""`reprotune drift`: whether new texts are still of the kind that the model was taught on."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from reprotune.comparison.revision import WORKSPACE, Revision
from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.params import Params
from reprotune.core.printing import agree, count_of
from reprotune.production import two_samples
from reprotune.production.history import read_history, require_artifact
from reprotune.production.keeping import find_output, hash_folder
from reprotune.production.shares import Shares, estimate
from reprotune.production.two_samples import Kinds
from reprotune.project import predict
from reprotune.tables import schemas
from reprotune.tables.classes import class_names

ALPHA = 0.05  # of all tests together
CLASSES = 0.2  # the part of it that the class shares have; the rest is of the texts
LEAST = 10  # rows
MOST = 5000  # rows of each side that are looked at, drawn by chance
FEW = 200  # new rows, below which is said what could have been found
MOSTLY = 0.5  # share of the new rows, below which those that are no copies are counted
PLANTED = (0.05, 0.1, 0.2, 0.3, 0.5, 1.0)  # shares of other texts that are tried
SHOWN = 10  # of the texts that look newest
DRAWS = 10  # of each
FOUND = 0.8  # of the draws
TESTS = ("texts", "words", "length", "script")


@dataclass(frozen=True)
class Drift:
    """What was found; p-values are adjusted for one another."""

    rows: int  # of the file
    compared: tuple[int, int]  # old and new rows
    p_values: dict[str, float]
    auc: float  # of the classifier that tells new from old
    lengths: tuple[float, float]  # median characters, old and new
    scripts: dict[str, tuple[float, float]]  # shares, old and new
    strangest: list[str]  # new texts that look least like the old ones
    shares: dict[str, dict[str, float]] = field(default_factory=dict)  # class: old, new, low, high
    detectable: float | None = None  # of few rows: the share of others that would be found
    notes: list[str] = field(default_factory=list)

    @property
    def causes(self) -> list[str]:
        """In what the new texts differ."""
        return [name for name, p in self.p_values.items() if p <= ALPHA]

    @property
    def has_drifted(self) -> bool:
        return bool(self.causes)

    def as_json(self) -> dict[str, object]:
        return {
            "drift": self.has_drifted,
            "sentence": self.sentence,
            "causes": self.causes,
            **asdict(self),
        }

    @property
    def sentence(self) -> str:
        if self.has_drifted:
            told = ", ".join(f"{name} (p {self.p_values[name]:.3g})" for name in self.causes)
            return f"Drift: the {self.compared[1]} new texts differ from the old ones in {told}."
        found = f"No drift found in {self.compared[1]} new texts"
        if self.detectable is None:
            return f"{found}."
        if self.detectable > 1:
            return f"{found}, and so few would not have shown it if all were of another kind."
        return (
            f"{found}; of so few, texts in words of their own would have been found from a share "
            f"of {self.detectable:.0%} on."
        )


def look(texts: Sequence[str], model: Path, params: Params, key: Path | None = None) -> Drift:
    """Compare new texts with the examples that the model was made from.

    Raises:
        InputError: there are too few but for copies, or no examples here.
    """
    old, labels = read_old()
    rng = np.random.default_rng(params.seed)
    before, now = draw(old, rng), draw(texts, rng)
    kinds = Kinds(params.roles.near_duplicate_threshold, params.text.units, params.seed)
    kept = len(np.unique(two_samples.group(now, kinds)))
    if kept < LEAST:
        same = f", {kept} if copies and near-copies count once," if kept < len(texts) else ""
        raise InputError(
            f"{count_of(len(texts), 'text')}{same} {agree(len(texts), 'are')} too few to tell; "
            f"{LEAST} are the least"
        )
    found = compare(before, now, kinds)
    notes = [
        f"{MOST} of {len(side)} {name} rows were drawn by chance"
        for name, side in (("old", old), ("new", texts))
        if len(side) > MOST
    ]
    if kept < MOSTLY * len(now):
        notes.append(
            f"{len(now) - kept} of {count_of(len(now), 'new row')} nearly "
            f"{agree(len(now) - kept, 'repeat')} another"
        )
    p_values = dict(zip(TESTS, found.p_values, strict=True))
    shares, told = find_shares(now, labels, model, params, key)
    notes += told
    if shares:
        p_values = {name: min(p / (1 - CLASSES), 1.0) for name, p in p_values.items()}
        p_values["classes"] = min(shares.p_value / CLASSES, 1.0)
    is_quiet = all(p > ALPHA for p in p_values.values())
    few = is_quiet and kept < FEW
    return Drift(
        len(texts),
        (len(before), len(now)),
        p_values,
        found.auc,
        (float(np.median([*map(len, before)])), float(np.median([*map(len, now)]))),
        compare_counts(*([two_samples.find_script(one) for one in side] for side in (before, now))),
        [now[place] for place in np.argsort(-found.scores)[:SHOWN]],
        tabulate(shares, class_names(params.download.labels)) if shares else {},
        find_detectable(before, kept, kinds) if few else None,
        notes,
    )


def read_old() -> tuple[list[str], pd.Series]:
    """The examples as they were handed in, with their labels: no split has chosen among them."""
    for path, kind in ((paths.RAW, schemas.Raw), (paths.TRAIN, schemas.Split)):
        if path.is_file():
            table = schemas.read(path, kind)
            return table["text"].tolist(), table["label"]
    raise InputError(f"{paths.RAW}: not here; dvc pull {paths.RAW}, or dvc repro download")


def draw(texts: Sequence[str], rng: np.random.Generator) -> list[str]:
    """As many as are looked at, in their order."""
    if len(texts) <= MOST:
        return list(texts)
    return [texts[n] for n in np.sort(rng.choice(len(texts), MOST, replace=False))]


@dataclass(frozen=True)
class Compared:
    p_values: list[float]  # of TESTS
    auc: float
    scores: np.ndarray  # of the new texts: how new they look


def compare(
    old: Sequence[str],
    new: Sequence[str],
    kinds: Kinds,
    permutations: int = two_samples.PERMUTATIONS,
) -> Compared:
    """All tests at once."""
    texts = [*old, *new]
    is_new = np.arange(len(texts)) >= len(old)
    groups = two_samples.group(texts, kinds)
    shuffled = two_samples.shuffle(is_new, groups, permutations, kinds.seed)
    scores = two_samples.score_folds(two_samples.extract(texts, kinds), shuffled, kinds.seed)
    statistics = [
        two_samples.compare_scores(scores, shuffled),
        two_samples.count_unseen(texts, shuffled, kinds),
        two_samples.compare_lengths(np.array([len(one) for one in texts]), shuffled),
        two_samples.compare_scripts(np.array([*map(two_samples.find_script, texts)]), shuffled),
    ]
    p_values = two_samples.adjust(np.stack(statistics)).tolist()
    own = scores[:, 0]
    return Compared(p_values, two_samples.find_auc(own, is_new), own[is_new])


def compare_counts(old: Sequence[str], new: Sequence[str]) -> dict[str, tuple[float, float]]:
    """The share of each value on both sides."""
    one, other = Counter(old), Counter(new)
    names = sorted(one | other, key=lambda name: -(one + other)[name])
    return {name: (one[name] / len(old), other[name] / len(new)) for name in names}


def find_shares(
    new: Sequence[str], labels: pd.Series, model: Path, params: Params, key: Path | None
) -> tuple[Shares | None, list[str]]:
    """The class shares of the new texts, near-duplicates once; or why they are unknown."""
    classes = class_names(params.download.labels)
    test = read_answers(model) if model.is_dir() else None
    if test is None:
        why = "is not here"
        if model.is_dir():
            why = "is the model of no dvc.lock that has predictions, neither here nor of a version"
        return None, [f"{model} {why}, so the class shares are not estimated"]
    classifier = predict.load(model, key)
    if classifier.classes != list(classes) or not set(test["label"]) <= {*classes}:
        return None, [f"{model} was made for other classes, so their shares are not estimated"]
    kinds = Kinds(params.roles.near_duplicate_threshold, params.text.units, params.seed)
    _, first = np.unique(two_samples.group(new, kinds), return_index=True)
    answers = classifier.predict([new[place] for place in first])
    counts = [int((answers == name).sum()) for name in classes]
    old = [int((labels == name).sum()) for name in classes]
    confusion = np.array(
        [
            [((test["predicted"] == i) & (test["label"] == j)).sum() for j in classes]
            for i in classes
        ]
    )
    found = estimate(confusion, old, counts, params.seed)
    told = [] if found else ["a class has no test row, so the class shares are not estimated"]
    return found, told


def read_answers(model: Path) -> pd.DataFrame | None:
    """What the model in a folder said of its test rows; None if nothing here tells that.

    The folder may be another model than that of this commit, as after a rollback: then the version
    whose bytes it has tells, and of no version none. Another model's answers would be no measure.
    """
    path, commits = str(paths.MERGED), list[str | None]([None])
    with suppress(InputError, FileNotFoundError):  # no repository, no model among the artifacts
        name, path = require_artifact()
        commits += [v.commit for v in reversed(read_history(name).versions.values())]
    held = hash_folder(model)
    for side in (Revision(commit or WORKSPACE, commit) for commit in commits):
        if find_output(side, path) == held:
            return side.read_table(paths.PREDICTIONS)
    return None


def tabulate(shares: Shares, classes: Sequence[str]) -> dict[str, dict[str, float]]:
    columns = {name: getattr(shares, name) for name in ("old", "new", "low", "high")}
    return {
        name: {column: values[place] for column, values in columns.items()}
        for place, name in enumerate(classes)
    }


def find_detectable(old: Sequence[str], rows: int, kinds: Kinds) -> float:
    """The least share of texts in words of their own that so few rows show 8 times in 10.

    Old texts stand for new ones; those of another kind have each word spelled backwards, so they
    are as long and as varied as the others. Above 1 if no share does.
    """
    rng = np.random.default_rng(kinds.seed)
    rest = min(len(old) - rows, 1000)
    if rest < rows:
        return 2.0
    for share in PLANTED:
        hits = 0
        for _ in range(DRAWS):
            drawn = [old[n] for n in rng.permutation(len(old))[: rest + rows]]
            planted = round(share * rows)
            new = [*map(spell_backwards, drawn[rest : rest + planted]), *drawn[rest + planted :]]
            hits += is_found(drawn[:rest], new, kinds)
        if hits >= FOUND * DRAWS:
            return share
    return 2.0


def is_found(old: Sequence[str], new: Sequence[str], kinds: Kinds) -> bool:
    """Whether new words alone show it."""
    texts = [*old, *new]
    shuffled = two_samples.shuffle(
        np.arange(len(texts)) >= len(old), two_samples.group(texts, kinds), 199, kinds.seed
    )
    statistics = two_samples.count_unseen(texts, shuffled, kinds)
    return bool(two_samples.adjust(statistics[None, :])[0] <= ALPHA / 2)


def spell_backwards(text: str) -> str:
    return " ".join(word[::-1] for word in text.split())
