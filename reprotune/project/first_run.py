"""The settings of a first run: a split, limits and a training that a person's data allows."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from ruamel.yaml.scalarstring import DoubleQuotedScalarString as Quoted
from tokenizers import Tokenizer

from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.libraries import raising_panics
from reprotune.core.params_file import load_params
from reprotune.project.dry_run import group_rows, rehearse
from reprotune.project.profiles import AUTO, Changes
from reprotune.project.scripts import choose_units
from reprotune.project.sniff import Look
from reprotune.tables.classes import is_uneven

ROWS = 20_000  # training rows of even classes, about: as many as the baselines learn from
LENGTHS = (64, 128, 256, 512, 1024)  # tokens
LARGE = 10**9  # parameters; a smaller export in 4 bytes costs little and changes no answer
SLOW = 10**8  # parameters; from there on a coarser number format is worth its price
COUNTS = ("test_per_class", "validation_per_class", "train_per_class")
CLIPPED = 16 * LENGTHS[-1]  # characters of a text that are counted: more are cut anyway
HELD_OUT = 0.1  # share of a published training part that becomes validation
TESTED = 5000  # test rows of a first run, at most about
READ = 400_000  # tokens that a first training reads where nothing was measured
SHOTS = 3  # examples of the few-shot baseline, where there is room for them
SAMPLE = 1000  # texts whose tokens are counted
ENCODER_RATE = 5e-4  # 2e-3 is better on 900 rows, and learns nothing on others: docs/results.md
EPOCHS = {"causal": 5.0, "classification": 8.0}  # at most


class Learner(NamedTuple):
    """What a first run must know of its base model."""

    folder: Path
    task: str  # as model.task
    context: int  # tokens
    parameters: int = 0  # of the built-in one nobody asks


BUILTIN = Learner(paths.BUILTIN_MODEL, "causal", 256)


def choose_split(
    seen: Look, where: Path, balance: bool | None, growing: bool
) -> tuple[Changes, dict[str, pd.DataFrame]]:
    """The sections ``text``, ``roles`` and ``curate`` that fit this data, and the tables they make.

    ``balance``: the same number of rows of each class, or the shares that they have; None: as the
    data is. ``growing``: no row that is added later changes the role of another.

    Raises:
        InputError: no split has all classes in training and test.
    """
    known = load_params(paths.PROFILES / "builtin.yaml")
    units = choose_units(seen.rows["text"])
    rows = group_rows(
        seen.rows.reset_index(drop=True), known.roles.near_duplicate_threshold, known.seed, units
    )
    for sections in list_splits(rows, balance, growing):
        roles = known.roles.model_copy(update=sections["roles"])
        curate = known.curate.model_copy(update=sections.get("curate", {}))
        try:
            return sections | {"text": {"units": units}}, rehearse(
                rows, roles, curate, list(seen.classes.index), known.seed
            )
        except InputError as error:
            reason = error
    raise InputError(f"{where}: too few different texts for a split; with the smallest, {reason}")


def list_splits(rows: pd.DataFrame, balance: bool | None, growing: bool) -> Iterator[Changes]:
    """Ways to split, the best first: near-duplicates can make a class smaller than it looks.

    Raises:
        InputError: this data cannot be split so.
    """
    roles: dict[str, object] = {"strategy": "hashed"}
    roles |= dict.fromkeys(("test_share", "validation_share", *COUNTS))
    if rows["split"].notna().any():
        if balance or growing:
            raise InputError(
                "published parts stay as they are: --balance and --growing are for files without "
                "a split; train.class_weights: balanced lets rare classes count more"
            )
        roles["strategy"] = "published"
        kept: dict[str, object] = {"duplicates": "keep", "conflicts": "keep"}
        for share in [None] if (rows["split"] == "validation").any() else [HELD_OUT, None]:
            yield {"roles": roles | {"validation_share": share}, "curate": kept}
        return
    if growing:
        if balance:
            raise InputError(
                "--growing keeps all rows: --balance does not go with it; train.class_weights: "
                "balanced lets rare classes count more"
            )
        roles["strategy"] = "growing"
        if shares := find_shares():
            yield {"roles": roles | shares}
            return
    counts = rows["label"].value_counts()
    rarest, classes = int(counts.min()), len(counts)
    is_even = not is_uneven(counts) if balance is None else balance
    if is_even and not growing:
        for size in (rarest * share // 100 for share in (100, 99, 95, 90, 80, 60, 40)):
            test, validation = min(300, size // 5), min(50, size // 10)
            train = min(size - test - validation, ROWS // classes)
            if test and train:
                yield {"roles": roles | dict(zip(COUNTS, (test, validation, train), strict=True))}
    if balance:
        return
    others = (0.3, 0.4) if growing else (0.1, 0.05)  # which leave no class to chance; to training
    for share in (min(0.2, TESTED / len(rows)), *others):
        both = {"test_share": round(share, 4), "validation_share": round(share / 2, 4)}
        yield {"roles": roles | both}


def find_shares() -> dict[str, object]:
    """Those of growing data that the parameters have: with others, test rows would move."""
    try:
        known = load_params().roles
    except InputError:
        return {}
    shares: dict[str, object] = {
        "test_share": known.test_share,
        "validation_share": known.validation_share,
    }
    return shares if known.strategy == "growing" else {}


def set_limits(tables: dict[str, pd.DataFrame]) -> dict[str, object]:
    """The section ``expectations``: what these tables keep with room, and others may not."""
    counts = [len(tables[name]) for name in ("raw", "curated")]
    shares = pd.DataFrame(
        {name: table["label"].value_counts(normalize=True) for name, table in tables.items()}
    )
    shares = shares.drop(columns="validation").fillna(0)  # which takes what is left
    repeated = max(table["text"].duplicated(keep=False).mean() for table in tables.values())
    return {
        "rows": {"min": min(counts) // 2, "max": max(counts) * 10},
        "class_share": {
            "min": round(float(shares.to_numpy().min()) / 2, 4),
            "max": round(min(1.0, 1.5 * float(shares.to_numpy().max())), 4),
        },
        "characters": {"min": 1, "max": 2 * int(tables["raw"]["text"].str.len().max())},
        "repeated": {"max": round(min(1.0, 2 * float(repeated) + 0.01), 4)},
    }


def choose_training(seen: Look, model: str | None, rows: int) -> tuple[Changes, float]:
    """The base model, the task that it can do, how it is asked, and for how long it learns.

    Returns also the share of the texts that are cut.
    """
    learner = describe_model(model) if model else BUILTIN
    names = sorted(seen.classes.index)
    lengths = count_tokens(seen.rows["text"], learner.folder)
    room = 16 + int(count_tokens(pd.Series(names), learner.folder).max())
    length = next((n for n in LENGTHS if n >= lengths.quantile(0.99) + room), LENGTHS[-1])
    length = min(length, learner.context)
    passes = READ / (rows * float(lengths.clip(upper=length).mean()))
    has_room = SHOTS * (lengths.max() + room) + length <= learner.context
    shots = SHOTS if learner.task == "causal" and has_room else 0  # others read no prompt
    prompt = {
        "template": "{text}\nLabel:",
        "verbalizers": {Quoted(name): f" {name}" for name in names},
        "max_tokens": length,
    }
    common: Changes = {"baseline": {"shots": shots}, "prompt": prompt}
    changes = common | set_duration(learner.task, passes) | (name_model(learner) if model else {})
    return changes, float((lengths + room > length).mean())


def choose_passes(task: str, passes: float) -> tuple[float, float]:
    """The epochs, and the fraction of the rows, with which they are read about so many times."""
    epochs = max(1.0, min(EPOCHS[task], math.floor(10 * passes) / 10))
    return int(epochs) if epochs.is_integer() else epochs, min(1.0, round(passes, 4))


def set_duration(task: str, passes: float) -> Changes:
    """The section ``train`` for a training that reads its rows about ``passes`` times."""
    epochs, fraction = choose_passes(task, passes)
    train: dict[str, object] = {"fraction": fraction, "epochs": epochs}
    return {"train": train | ({"learning_rate": ENCODER_RATE} if task != "causal" else {})}


def name_model(learner: Learner) -> Changes:
    """The sections ``model`` and ``export`` for a model of one's own."""
    folder, task = learner.folder.as_posix(), learner.task
    model: dict[str, object] = {"kind": "path", "location": folder, "task": task}
    if learner.parameters >= SLOW:
        model["compute_dtype"] = AUTO
    return {
        "model": model,
        "export": {"dtype": "float32" if learner.parameters < LARGE else "float16"},
    }


def count_tokens(texts: pd.Series, folder: Path) -> pd.Series:
    """How many tokens a sample of the texts has for the model of a folder."""
    sample = texts.sample(min(len(texts), SAMPLE), random_state=1)
    file = folder / "tokenizer.json"
    if not file.is_file():  # of a kind that transformers reads alone, which takes seconds
        from reprotune.models.tokenizer import load_tokenizer

        ask = load_tokenizer(folder)
        return sample.map(lambda text: len(ask(text[:CLIPPED], verbose=False)["input_ids"]))
    try:
        with raising_panics():
            tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:
        raise InputError(f"{file}: cannot be read: {error}; fetch it or save it again") from None
    tokenizer.no_padding()  # the file may ask for both, and all texts are of one length then
    tokenizer.no_truncation()
    return sample.map(lambda text: len(tokenizer.encode(text[:CLIPPED]).ids))


def describe_model(model: str) -> Learner:
    """What a folder of ``models/source`` holds.

    Raises:
        InputError: there is none, or a model that cannot classify.
    """
    from reprotune.models import pinning  # takes seconds
    from reprotune.models.encoders import context
    from reprotune.models.tokenizer import load_config

    folder = pinning.resolve(pinning.Place("path", model), paths.SOURCE_MODELS)
    able = pinning.tasks(pinning.read_config(folder))
    if not able:
        raise InputError(f"{folder}: transformers has no text classifier for this model")
    limit = context(load_config(folder))
    weights = (folder / name for name in pinning.weight_files(folder))
    size = sum(pinning.parameter_count(file) for file in weights)
    return Learner(folder, able[0], limit or LENGTHS[-1], size)
