"""``reprotune init``: look at a person's own files and write parameters that will run."""

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from rich.markup import escape
from rich.table import Table
from ruamel.yaml.scalarstring import DoubleQuotedScalarString as Quoted
from tokenizers import Tokenizer

from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.io import whole_file
from reprotune.core.params import Download, SourceFile
from reprotune.core.params_file import load_params
from reprotune.project import profiles
from reprotune.project.dry_run import group_rows, rehearse
from reprotune.project.sniff import Look, look, readable

ROWS = 6000  # training rows of a first run, about
LENGTHS = (64, 128, 256, 512, 1024)  # tokens
LARGE = 10**9  # parameters; a smaller export in 4 bytes costs little and changes no answer
PARTS = ("test", "validation", "train")
CHARACTERS = 2.5  # of a token, at least, mostly
EVEN = 0.25  # share of the rows that balanced classes must keep
TESTED = 5000  # test rows of a first run, at most about
READ = 400_000  # tokens that a first training reads, about: minutes on two cores
SHOTS = 3  # examples of the few-shot baseline, where there is room for them
SAMPLE = 1000  # texts whose tokens are counted
ENCODER_RATE = 5e-4  # 2e-3 is better on 900 rows, and learns nothing on others: docs/results.md


@dataclass(frozen=True)
class Wanted:
    """What a person says of their files; what they leave open is found out."""

    files: Sequence[Path]
    text: str | None = None  # column, or a position: 0 is the first
    label: str | None = None
    classes: Sequence[str] = ()  # of each file, if one is one class
    test: Path | None = None  # a published part
    validation: Path | None = None
    model: str | None = None  # a folder under models/source
    encoding: str | None = None
    delimiter: str | None = None


def init(
    wanted: Wanted, target: Path = paths.PARAMS, folder: Path = paths.SOURCE_DATA
) -> tuple[Look, Download, dict[str, Any]]:
    """Copy the files into ``folder`` and write the parameters that fit them.

    Returns what was seen, how it is read, and the parameters that were set.

    Raises:
        InputError: a file cannot be read so, or cannot be learnt from; nothing is written then.
    """
    paths_, entries = list_files(wanted)
    for path in paths_:
        check_free(path, folder / path.name)
    trial = describe_reading(entries, wanted.text, wanted.label)
    way, tables = readable(paths_, trial, wanted.encoding, wanted.delimiter)
    seen = look(way, paths_, tables)
    sections, parts = splits(seen, paths_[0])
    rarest = int(parts["train"]["label"].value_counts().min())
    changes = {
        "download": download_section(way, seen),
        "expectations": expectations(parts),
        **sections,
        "audit": {"folds": max(2, min(5, rarest))},
        **learner(seen, wanted.model, len(parts["train"])),
    }
    changes["baseline"]["folds"] = max(2, min(5, rarest))
    with ExitStack() as copies:  # the files are there once the parameters are, or neither is
        for path in paths_:
            shutil.copyfile(path, copies.enter_context(whole_file(folder / path.name)))
        profiles.write(changes, target)
    return seen, way, changes


def list_files(wanted: Wanted) -> tuple[list[Path], list[SourceFile]]:
    """All files, and their entries of ``download.files``."""
    files, classes, test, validation = (
        wanted.files, wanted.classes, wanted.test, wanted.validation
    )  # fmt: skip
    if classes and len(classes) != len(files):
        raise InputError(
            f"--classes names {len(classes)} classes, but there are {len(files)} files"
        )
    if classes and (test or validation):
        raise InputError("--classes means one file a class; it does not go with --test")
    if validation and not test:
        raise InputError("--validation is a part of a published split; name its --test too")
    parts = [(file, "train" if test else None) for file in files]
    parts += [(f, part) for f, part in ((validation, "validation"), (test, "test")) if f]
    for file, _ in parts:
        if not file.is_file():
            raise InputError(f"{file}: no such file")
    names = sorted(file.name for file, _ in parts)
    if len(set(names)) < len(names):
        raise InputError(f"two files have the same name: {names}; rename one")
    known: list[str | None] = [*classes] or [None] * len(parts)
    entries = [
        {"location": file.name, "sha256": None, "label": name, "split": part}
        for (file, part), name in zip(parts, known, strict=True)
    ]
    return [file for file, _ in parts], [SourceFile.model_validate(entry) for entry in entries]


def check_free(file: Path, target: Path) -> None:
    """Raise InputError if another file lies where the file would be copied to."""
    if target.is_file() and not target.samefile(file):
        here, there = (hashlib.sha256(path.read_bytes()).digest() for path in (file, target))
        if here != there:
            raise InputError(
                f"{target} is another file of that name; remove it if {file} replaces it, or "
                "rename one"
            )


def describe_reading(entries: list[SourceFile], text: str | None, label: str | None) -> Download:
    """How the person says that the files are read; encoding and delimiter are still open."""
    by_class = entries[0].label is not None
    if text is None and not by_class:
        raise InputError("--text is missing: the column of the texts, by name, or 0 for the first")
    if label is None and not by_class:
        raise InputError(
            "--label is missing: the column of the labels; with one file a class, name the classes "
            "in the order of the files: --classes negative positive"
        )
    columns = [int(c) if c is not None and c.isdecimal() else c for c in (text or "0", label)]
    return load_params(paths.PROFILES / "builtin.yaml").download.model_copy(
        update={
            "kind": "file",
            "files": entries,
            "text_column": columns[0],
            "label_column": columns[1],
            "header": not any(isinstance(c, int) for c in columns),
        }
    )


def download_section(way: Download, seen: Look) -> dict[str, Any]:
    keys = ("kind", "encoding", "delimiter", "header", "text_column", "label_column")
    return {key: getattr(way, key) for key in keys} | {
        "files": [file.model_dump() for file in way.files],
        "labels": {Quoted(raw): name and Quoted(name) for raw, name in seen.labels.items()},
    }


def expectations(tables: dict[str, pd.DataFrame]) -> dict[str, Any]:
    """Limits that these tables keep with room to spare, and that other data may not."""
    counts = [len(tables[name]) for name in ("raw", "curated")]
    shares = pd.DataFrame(
        {name: table["label"].value_counts(normalize=True) for name, table in tables.items()}
    )
    shares = shares.drop(columns="validation").fillna(0)  # which takes what is left
    repeated = max(table["text"].duplicated(keep=False).mean() for table in tables.values())
    return {
        "rows": {"least": min(counts) // 2, "most": max(counts) * 10},
        "class_share": {
            "least": round(float(shares.to_numpy().min()) / 2, 4),
            "most": round(min(1.0, 1.5 * float(shares.to_numpy().max())), 4),
        },
        "characters": {"least": 1, "most": 2 * int(tables["raw"]["text"].str.len().max())},
        "repeated": {"most": round(min(0.99, 2 * float(repeated) + 0.01), 4)},
    }


def splits(seen: Look, where: Path) -> tuple[dict[str, Any], dict[str, pd.DataFrame]]:
    """The sections ``roles`` and ``curate`` that this data allows, and the tables they make.

    Raises:
        InputError: no split has all classes in training and test.
    """
    known = load_params(paths.PROFILES / "builtin.yaml")
    rows = group_rows(
        seen.rows.reset_index(drop=True), known.roles.near_duplicate_threshold, known.seed
    )
    for sections in candidates(rows):
        roles = known.roles.model_copy(update=sections["roles"])
        curate = known.curate.model_copy(update=sections.get("curate", {}))
        try:
            return sections, rehearse(rows, roles, curate, list(seen.classes.index))
        except InputError as error:
            reason = error
    raise InputError(f"{where}: no split fits this data; with the smallest, {reason}")


def candidates(rows: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Ways to split, the best first: near-duplicates can make a class smaller than it looks."""
    keys = ("test_share", "validation_share", *(f"{part}_per_class" for part in PARTS))
    roles: dict[str, Any] = {"strategy": "hashed"} | dict.fromkeys(keys)
    if rows["split"].notna().any():
        kept = dict.fromkeys(("duplicates", "conflicts"), "keep")
        yield {"roles": roles | {"strategy": "published"}, "curate": kept}
        return
    counts = rows["label"].value_counts()
    rarest, classes = int(counts.min()), len(counts)
    if rarest * classes >= EVEN * len(rows):
        for size in (rarest * share // 10 for share in (10, 9, 8, 6, 4)):
            test, validation = min(300, size // 5), min(50, size // 10)
            train = min(size - test - validation, ROWS // classes)
            if test and train:
                yield {"roles": roles | dict(zip(keys[2:], (test, validation, train), strict=True))}
    for share in (min(0.2, TESTED / len(rows)), 0.1, 0.05):
        both = {"test_share": round(share, 4), "validation_share": round(share / 2, 4)}
        yield {"roles": roles | both}


def learner(seen: Look, model: str | None, rows: int) -> dict[str, Any]:
    """The base model, the task that it can do, how it is asked, and for how long it learns."""
    folder, task, limit, epochs = paths.BUILTIN_MODEL, "causal", 256, 5
    changes: dict[str, Any] = {}
    if model:
        folder, task, limit, size = base(model)
        changes["model"] = {"kind": "path", "location": folder.as_posix(), "task": task}
        changes["export"] = {"dtype": "float32" if size < LARGE else "float16"}
    names = sorted(seen.classes.index)
    lengths = tokens(seen.rows["text"], folder)
    room = 16 + int(tokens(pd.Series(names), folder).max())
    length = next((n for n in LENGTHS if n >= lengths.quantile(0.99) + room), LENGTHS[-1])
    length = min(length, limit)
    passes = READ / (rows * float(lengths.clip(upper=length).mean()))
    changes["train"] = {"fraction": min(1.0, round(2 * passes, 4))}
    if task == "classification":
        epochs = 8
        changes["train"]["learning_rate"] = ENCODER_RATE
    changes["train"]["epochs"] = max(1, min(epochs, round(passes)))
    shots = SHOTS if SHOTS * (lengths.max() + room) + length <= limit else 0
    changes["baseline"] = {"shots": shots}
    changes["prompt"] = {
        "template": "{text}\nLabel:",
        "verbalizers": {Quoted(name): f" {name}" for name in names},
        "max_tokens": length,
    }
    return changes


def tokens(texts: pd.Series, folder: Path) -> pd.Series:
    """About how many tokens a sample of the texts has for the model of a folder."""
    sample = texts.sample(min(len(texts), SAMPLE), random_state=1)
    file = folder / "tokenizer.json"
    if not file.is_file():
        return sample.str.len() / CHARACTERS
    tokenizer = Tokenizer.from_file(str(file))
    return sample.map(lambda text: len(tokenizer.encode(text).ids))


def base(model: str) -> tuple[Path, str, int, int]:
    """The folder of a base model, the task it can do, its context in tokens, its parameters."""
    from transformers import AutoConfig  # takes seconds

    from reprotune.models.encoders import context
    from reprotune.models.pinning import (
        Place,
        parameter_count,
        read_config,
        resolve,
        tasks,
        weight_files,
    )

    folder = resolve(Place("path", model), paths.SOURCE_MODELS)
    able = tasks(read_config(folder))
    if not able:
        raise InputError(f"{folder}: transformers has no text classifier for this model")
    limit = context(AutoConfig.from_pretrained(str(folder), trust_remote_code=False))
    size = sum(parameter_count(folder / name) for name in weight_files(folder))
    return folder, able[0], limit or LENGTHS[-1], size


def report(seen: Look, way: Download, changes: dict[str, Any]) -> Table:
    """What was seen, for a person to check."""
    lengths, roles = seen.rows["text"].str.len(), changes["roles"]
    header = "a header row" if way.header else "no header row"
    lines = {
        "read as": f"{way.encoding}, delimiter {way.delimiter!r}, {header}",
        "is it right?": seen.sample,
        "rows": f"{len(seen.rows)}, of which {seen.repeated:.1%} share their text",
        "characters": f"median {lengths.median():.0f}, at most {lengths.max()}",
        f"{len(seen.classes)} classes": ", ".join(f"{c} {n}" for c, n in seen.classes.items()),
        "one class": "; ".join(" = ".join(map(repr, same)) for same in seen.spellings),
        "left out": ", ".join(f"{raw!r} {n} rows" for raw, n in seen.left_out.items()),
    }
    if roles["test_share"]:
        test, validation = roles["test_share"], roles["validation_share"]
        lines["split"] = (
            f"of each class: test {test:.0%}, validation {validation:.0%}, train the rest"
        )
    elif roles["strategy"] == "published":
        lines["split"] = f"as published: {', '.join(seen.rows['split'].unique())}"
    else:
        counts = ", ".join(f"{part} {roles[f'{part}_per_class']}" for part in PARTS)
        lines["split"] = f"rows a class: {counts}"
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for name, line in lines.items():
        if line:
            table.add_row(name, escape(line))
    return table
