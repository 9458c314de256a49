"""Which rows may be test, validation and train."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from reprotune.core.errors import InputError
from reprotune.core.params import Roles
from reprotune.core.printing import agree, count_of
from reprotune.data.ids import digest, normalize

Quotas = dict[str, dict[str, int]]  # role: class: rows
PUBLISHED_SEED = 42  # of the Financial PhraseBank split behind the published results


def group_ids(ids: pd.Series, groups: np.ndarray) -> pd.Series:
    """Name each group after its smallest id, so that it keeps its name when rows are added."""
    return ids.groupby(groups).transform("min")


def rank_by_hash(rows: pd.DataFrame, seed: int) -> pd.Series:
    """The place of each row in an order by a keyed hash of its group: an added row moves few."""
    order = rows["group"].map({g: digest(str(seed), g) for g in rows["group"].unique()})
    ranked = rows.assign(order=order).sort_values(["order", "id"])
    return pd.Series(range(len(rows)), index=ranked.index).reindex(rows.index)


def assign(rows: pd.DataFrame, settings: Roles, classes: Sequence[str], seed: int) -> pd.Series:
    """Role of each row; ``rows`` has id, text, group, rank, label and split."""
    if settings.strategy == "growing":
        return assign_by_text(rows, settings, seed)
    if settings.strategy == "published" and rows["split"].notna().any():
        check_given(rows["split"])
        return hold_out(rows, settings.validation_share)
    if settings.strategy == "published" and settings.validation_share is not None:
        raise InputError(
            "roles.validation_share: it is a share of a published training part, and no entry of "
            "download.files has a split; use validation_per_class"
        )
    counted = (settings.test_share, settings.test_per_class, settings.train_per_class)
    if not any(counted):
        raise InputError(
            "roles: one of test_share, test_per_class and train_per_class must be a number"
        )
    counts = {name: int((rows["label"] == name).sum()) for name in classes}
    limits = set_quotas(counts, settings)
    return (
        assign_as_published(rows, limits)
        if settings.strategy == "published"
        else assign_by_hash(rows, limits)
    )


def check_given(split: pd.Series) -> None:
    """Raise InputError unless the files say of every row whether it is test or train."""
    if split.isna().any():
        raise InputError(
            f"roles: strategy published, but {split.isna().sum()} of {count_of(len(split), 'row')} "
            f"{agree(split.isna().sum(), 'come')} from files without a split; give every entry of "
            "download.files a split, or none"
        )
    missing = [part for part in ("test", "train") if part not in set(split)]
    if missing:
        raise InputError(
            f"roles: strategy published, but no file has the split {' or '.join(missing)}; name it "
            "in download.files or use strategy hashed"
        )


def hold_out(rows: pd.DataFrame, share: float | None) -> pd.Series:
    """The published roles, with this share of each class of train as validation.

    In the order of their ranks, near-duplicates together.
    """
    if share is None:
        return rows["split"]
    if "validation" in set(rows["split"]):
        raise InputError(
            "roles.validation_share: the files have a validation part of their own; set it to null"
        )
    train = rows[rows["split"] == "train"]
    wanted = {str(name): round(n * share) for name, n in train["label"].value_counts().items()}
    held = assign_by_hash(train, {"test": {}, "validation": wanted})
    return held.reindex(rows.index).fillna("test")


def assign_by_text(rows: pd.DataFrame, settings: Roles, seed: int) -> pd.Series:
    """Role of each row by a keyed hash of its text alone, so that no added row changes it.

    A training row that is nearly a test or a validation row is spare.
    """
    test, validation = settings.test_share or 0, settings.validation_share or 0
    place = rows["text"].map(lambda text: place_text(text, seed))
    role = pd.Series("train", index=rows.index)
    role = role.mask(place < test + validation, "validation").mask(place < test, "test")
    kept_out = rows["group"].isin(rows.loc[role != "train", "group"])
    return role.mask((role == "train") & kept_out, "spare")


def place_text(text: str, seed: int) -> float:
    """Where a text lies in [0, 1): a keyed hash; what counts as the same text lies there, too."""
    return int(digest(str(seed), normalize(text)), 16) / 16**16


def set_quotas(counts: Mapping[str, int], settings: Roles) -> Quotas:
    """Rows of each class for each role.

    Test and train come first, in full or not at all; validation takes what is left up to its
    count. A count of None means all that is left.

    Raises:
        InputError: a class has too few rows; says which, how many there are and are needed.
    """
    test, train = settings.test_per_class, settings.train_per_class
    if settings.test_share is not None:
        return divide_by_share(counts, settings)
    needed = (test or 0) + (train or 1)
    short = {name: count for name, count in counts.items() if count < needed}
    if short:
        raise InputError(
            f"roles: test_per_class {show_count(test)} and train_per_class {show_count(train)} "
            f"need {count_of(needed, 'row')} of each class, but there are {short}; lower them or "
            "add rows"
        )
    result: Quotas = {"test": {}, "validation": {}, "train": {}}
    for name, count in counts.items():
        result["test"][name] = count - (train or 0) if test is None else test
        left = count - result["test"][name] - (train or 1)
        wanted = settings.validation_per_class
        result["validation"][name] = left if wanted is None else min(wanted, left)
        taken = result["test"][name] + result["validation"][name]
        result["train"][name] = count - taken if train is None else train
    return result


def show_count(count: int | None) -> str:
    return "null" if count is None else str(count)


def divide_by_share(counts: Mapping[str, int], settings: Roles) -> Quotas:
    """The same shares of every class, at least one test row; then the training rows."""
    result: Quotas = {"test": {}, "validation": {}, "train": {}}
    for name, count in counts.items():
        test = max(1, round(count * (settings.test_share or 0)))
        validation = round(count * (settings.validation_share or 0))
        left = count - test - validation
        train = left if settings.train_per_class is None else settings.train_per_class
        if not 0 < train <= left:
            raise InputError(
                f"roles: class {name!r} has {count_of(count, 'row')}: with {test} for test and "
                f"{validation} for validation {left} {agree(left, 'are')} left, and training needs "
                f"{max(train, 1)}; lower the shares or train_per_class, or add rows"
            )
        result["test"][name], result["validation"][name] = test, validation
        result["train"][name] = train
    return result


def assign_by_hash(rows: pd.DataFrame, limits: Quotas) -> pd.Series:
    """Role of each row; ``rows`` has group, rank and label.

    In the order of their ranks, groups go whole to the first role that has room for them, so
    near-duplicates never straddle roles. All rows without a place in test or validation are train:
    the pool from which ``split`` draws.
    """
    room = {role: Counter(limits[role]) for role in ("test", "validation")}
    left = sum(count.total() for count in room.values())
    ranked = rows.sort_values("rank")
    labels_of: defaultdict[str, list[str]] = defaultdict(list)
    for group, label in zip(ranked["group"], ranked["label"], strict=True):
        labels_of[group].append(label)
    role_of: dict[str, str] = {}
    for group, labels in labels_of.items():
        if not left:
            break
        need = Counter(labels)
        for role, has in room.items():
            if all(has[name] >= count for name, count in need.items()):
                role_of[group] = role
                has.subtract(need)
                left -= need.total()
                break
    check_full(room["test"])
    found = [role_of.get(group, "train") for group in rows["group"]]
    return pd.Series(found, index=rows.index, dtype="str")


def check_full(room: Counter[str]) -> None:
    missing = {name: n for name, n in room.items() if n > 0}
    if missing:
        raise InputError(
            f"roles: the test set lacks rows of classes, {missing}, for the rest of these classes "
            "are in groups of near-duplicates that do not fit; lower roles.test_per_class or "
            "test_share"
        )


def assign_as_published(rows: pd.DataFrame, limits: Quotas) -> pd.Series:
    """Role of each row in the split of Financial PhraseBank's published results.

    For each class ``RandomState(42).permutation(n)``: first test, then train, then validation;
    what remains is spare. Near-duplicates may straddle it.
    """
    role = pd.Series("spare", index=rows.index)
    for name in limits["test"]:
        members = rows.index[rows["label"] == name].to_numpy()
        drawn = members[np.random.RandomState(PUBLISHED_SEED).permutation(len(members))]
        start = 0
        for part in ("test", "train", "validation"):
            role[drawn[start : start + limits[part][name]]] = part
            start += limits[part][name]
    return role


def count_leaks(rows: pd.DataFrame) -> int:
    """Test rows that have a near-duplicate in train or validation; ``rows`` has group and role."""
    taught = set(rows.loc[rows["role"].isin(["train", "validation"]), "group"])
    return int(((rows["role"] == "test") & rows["group"].isin(taught)).sum())
