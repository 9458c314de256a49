"""The file in an exported folder that notes the hash of every other one."""

import hashlib
import json
from pathlib import Path

from reprotune.core.errors import InputError
from reprotune.core.io import parse_json

CLASSIFIER = "reprotune.json"  # how the model is asked
SEAL = "sha256.json"
UNREAD = {".md", ".sig", ""}  # suffixes


def hash_file(file: Path, kind: str = "sha256") -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, kind).hexdigest()


def seal(folder: Path) -> None:
    """Note the hash of every file, once all are written."""
    files = (file for file in sorted(folder.iterdir()) if file.name != SEAL)
    found = {file.name: hash_file(file) for file in files}
    (folder / SEAL).write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def check_seal(folder: Path, name: str = "") -> None:
    """Read every file that was exported, about two seconds a GiB.

    A file that was added is refused, for loaders take what lies there (an adapter, a tokenizer's
    parts, a template, weights in another form); but for those that none reads. ``name`` is what
    the folder is called in messages, if not by its path.

    Raises:
        InputError: there is no seal, or a file is missing, another one, or was added.
    """
    shown = name or folder
    try:
        noted = parse_json((folder / SEAL).read_bytes())
        if not isinstance(noted, dict) or CLASSIFIER not in noted:
            raise ValueError("it names other files")
    except (OSError, ValueError):
        raise InputError(
            f"{shown}: no exported model here whose files were noted in {SEAL}; `dvc repro` makes "
            "one"
        ) from None
    for part, known in noted.items():
        if Path(part).name != part:
            raise InputError(
                f"{shown}/{SEAL}: names {part!r}, which is no file of this folder; copy the folder "
                "again"
            )
        file = folder / part
        if not file.is_file() or hash_file(file) != known:
            raise InputError(
                f"{shown}/{file.name}: not the file that was exported; remove it, then dvc "
                f"checkout {shown}, or copy the folder again"
            )
    for file in sorted(folder.iterdir()):
        if file.name not in {*noted, SEAL} and not is_harmless(file):
            raise InputError(
                f"{shown}/{file.name}: was not exported, and might be read with the model; move it "
                "elsewhere"
            )


def is_harmless(file: Path) -> bool:
    """No loader of models reads it: hidden, a note, a signature or a license."""
    return file.name.startswith(".") or (file.suffix in UNREAD and not file.is_dir())
