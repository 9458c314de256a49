"""``reprotune init``: look at a person's own files and write parameters that will run."""

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table
from ruamel.yaml.scalarstring import DoubleQuotedScalarString as Quoted

from reprotune import paths, profiles
from reprotune.data.look import Look, look, readable
from reprotune.model.base import SPEECHLESS, read_config, resolve
from reprotune.params import Download, InputError, SourceFile, load_params
from reprotune.stage import whole_file

ROWS = 6000  # training rows of a first run, about
LENGTHS = (64, 128, 256, 512, 1024)  # tokens
PARTS = ("test", "validation", "train")
CHARACTERS = 2.5  # a token has more, mostly
SEEN = 10_000  # training rows that a first run sees, repeated ones counted again, about
ENCODER_RATE = 5e-4  # 2e-3 is better on 900 rows, and learns nothing on others: docs/results.md


def init(
    files: Sequence[Path],
    text: str | None,
    label: str | None,
    classes: Sequence[str],
    test: Path | None,
    validation: Path | None,
    model: str | None,
    encoding: str | None,
    delimiter: str | None,
    target: Path = paths.PARAMS,
    folder: Path = paths.SOURCE_DATA,
) -> tuple[Look, Download, dict[str, Any]]:
    """Copy the files into ``folder`` and write the parameters that fit them.

    Returns what was seen, how it is read, and the parameters that were set.

    Raises:
        InputError: a file cannot be read so, or cannot be learnt from; nothing is written then.
    """
    paths_, entries = listed(files, classes, test, validation)
    for path in paths_:
        check_free(path, folder / path.name)
    trial = described(entries, text, label)
    way, tables = readable(paths_, trial, encoding, delimiter)
    seen = look(way, paths_, tables)
    roles, rarest = splits(seen)
    changes = {
        "download": download_section(way, seen),
        "expectations": expectations(seen),
        "roles": roles,
        "audit": {"folds": max(2, min(5, rarest))},
        "baseline": {"folds": max(2, min(5, rarest))},
        **learner(seen, model, training_rows(seen, roles)),
    }
    profiles.write(changes, target)
    for path in paths_:
        with whole_file(folder / path.name) as partial:
            shutil.copyfile(path, partial)
    return seen, way, changes


def listed(
    files: Sequence[Path], classes: Sequence[str], test: Path | None, validation: Path | None
) -> tuple[list[Path], list[SourceFile]]:
    """All files, and their entries of ``download.files``."""
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
            raise InputError(f"{target} is another file of that name; rename {file} or remove it")


def described(entries: list[SourceFile], text: str | None, label: str | None) -> Download:
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


def expectations(seen: Look) -> dict[str, Any]:
    """Limits that this data keeps with room to spare, and that other data may not."""
    (least, most), total = seen.shares, len(seen.rows)
    return {
        "rows": {"least": total // 2, "most": total * 10},
        "class_share": {"least": round(least / 2, 4), "most": round(min(1, 1.5 * most), 4)},
        "characters": {"least": 1, "most": 2 * int(seen.rows["text"].str.len().max())},
        "repeated": {"most": round(min(0.99, 2 * seen.repeated + 0.01), 4)},
    }


def splits(seen: Look) -> tuple[dict[str, Any], int]:
    """The section ``roles`` that the rarest class allows, and that class's training rows."""
    keys = ("test_share", "validation_share", *(f"{part}_per_class" for part in PARTS))
    roles: dict[str, Any] = {"strategy": "hashed"} | dict.fromkeys(keys)
    if seen.rows["split"].notna().any():
        train = seen.rows.loc[seen.rows["split"] == "train", "label"]
        return roles | {"strategy": "published"}, int(train.value_counts().min())
    rarest = int(seen.usable.min())
    test, validation = min(300, rarest // 5), min(50, rarest // 10)
    left = rarest - test - validation
    if left < 100 and left * len(seen.usable) < len(seen.rows) / 2:  # balance would cost too much
        return roles | {"test_share": 0.2, "validation_share": 0.1}, left
    train_rows = min(left, ROWS // len(seen.usable))
    return roles | dict(zip(keys[2:], (test, validation, train_rows), strict=True)), left


def training_rows(seen: Look, roles: dict[str, Any]) -> int:
    if roles["strategy"] == "published":
        return int((seen.rows["split"] == "train").sum())
    if roles["test_share"]:
        return int(len(seen.rows) * (1 - roles["test_share"] - roles["validation_share"]))
    return int(roles["train_per_class"]) * len(seen.usable)


def learner(seen: Look, model: str | None, rows: int) -> dict[str, Any]:
    """The base model, the task that it can do, how it is asked, and for how long it learns."""
    context, task, epochs = 256, "causal", 5
    changes: dict[str, Any] = {"train": {}}
    if model:
        folder = resolve(model, paths.SOURCE_MODELS)
        config = read_config(folder)
        architecture = config.get("architectures", ["unknown"])[0]
        if architecture.endswith(SPEECHLESS) and not architecture.endswith("LMHeadModel"):
            task, epochs = "classification", 8
            changes["train"]["learning_rate"] = ENCODER_RATE
        context = config.get("max_position_embeddings", 1024)
        changes["model"] = {"kind": "path", "location": folder.as_posix(), "task": task}
    changes["train"]["epochs"] = max(1, min(epochs, round(SEEN / rows)))
    long = float(seen.rows["text"].str.len().quantile(0.99)) / CHARACTERS + 16
    length = next((n for n in LENGTHS if n >= long), LENGTHS[-1])
    changes["prompt"] = {
        "template": "{text}\nLabel:",
        "verbalizers": {Quoted(name): f" {name}" for name in sorted(seen.usable.index)},
        "max_length": min(length, context),
    }
    return changes


def report(seen: Look, way: Download, changes: dict[str, Any]) -> Table:
    """What was seen, for a person to check."""
    lengths, roles = seen.rows["text"].str.len(), changes["roles"]
    header = "a header row" if way.header else "no header row"
    lines = {
        "read as": f"{way.encoding}, delimiter {way.delimiter!r}, {header}",
        "is it right?": seen.sample,
        "rows": f"{len(seen.rows)}, of which {seen.repeated:.1%} share their text",
        "characters": f"median {lengths.median():.0f}, at most {lengths.max()}",
        f"{len(seen.usable)} classes": ", ".join(f"{c} {n}" for c, n in seen.classes.items()),
        "one class": "; ".join(" = ".join(map(repr, same)) for same in seen.spellings),
        "left out": ", ".join(f"{raw!r} {n} rows" for raw, n in seen.left_out.items()),
    }
    if roles["test_share"]:
        lines["split"] = "of each class: test 20 %, validation 10 %, train all that is left"
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
