"""Texts and their labels in files of their own, a line each."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from reprotune.core.errors import InputError
from reprotune.core.printing import count_of
from reprotune.data.reading.kinds import LINES, tell_kind
from reprotune.project.wanted import Wanted
from reprotune.project.written import decode, read_kind, write_rows

LABELS = re.compile(r"(?<![^\W_])labels?(?![^\W_])", re.IGNORECASE)  # a word of a file's name


def freeze_lines(wanted: Wanted, folder: Path) -> Wanted:
    """A file of texts, and one of labels that is said.

    Raises:
        InputError: they do not have as many lines, or there is more beside them.
    """
    (source,) = wanted.files
    beside = Path(wanted.label or "")
    if wanted.test or wanted.validation or wanted.classes:
        raise InputError(f"--label {beside}: a file of labels goes with one file of texts alone")
    joined = join_lines(source, beside, folder)
    return replace(wanted, files=[joined], text="text", label="label")


def find_pairs(parts: Mapping[str, Sequence[Path]]) -> dict[str, tuple[Path, Path]]:
    """The file of texts and that of labels of each part; none if a part is anything else."""
    pairs = {}
    for part, files in parts.items():
        labels = [file for file in files if LABELS.search(file.name)]
        texts = [file for file in files if file not in labels]
        is_such = len(texts) == len(labels) == 1
        if not is_such or any(tell_kind(file.name)[0] not in LINES for file in files):
            return {}
        pairs[part] = texts[0], labels[0]
    return pairs


def join_lines(source: Path, beside: Path, folder: Path) -> Path:
    """A file in ``folder`` of both.

    Raises:
        InputError: they do not have as many lines.
    """
    raws = (read_kind(file, LINES) or file.read_bytes() for file in (source, beside))
    texts, labels = (re.split(r"\r\n|\n|\r", decode(raw).rstrip()) for raw in raws)
    if len(texts) != len(labels):
        raise InputError(
            f"{source} has {count_of(len(texts), 'line')}, and {beside} has {len(labels)}"
        )
    pairs = zip(texts, labels, strict=True)
    return write_rows(
        folder / f"{source.stem}.jsonl", ({"text": text, "label": label} for text, label in pairs)
    )
