"""The folder that is published: the exported files, with card and bill of materials."""

import os
import shutil
from pathlib import Path

from reprotune.core import paths
from reprotune.core.io import whole_folder
from reprotune.core.seals import SEAL, seal
from reprotune.core.signing import INSIDE, sign
from reprotune.publishing.bom import write_bom
from reprotune.publishing.card import make_card
from reprotune.publishing.facts import Facts
from reprotune.publishing.provenance import write_provenance

CARD = "README.md"
OWN = (CARD, SEAL)  # which are made anew


def make_folder(facts: Facts, key: Path | None = None) -> Path:
    """Write ``models/published``, the same bytes for the same commit; signed, if with a key."""
    card = make_card(facts, (paths.MERGED / CARD).read_text("utf-8"))
    with whole_folder(paths.PUBLISHED) as partial:
        for file in sorted(paths.MERGED.iterdir()):
            if file.name not in OWN:
                take(file, partial / file.name)
        (partial / CARD).write_text(str(card), encoding="utf-8")
        write_bom(facts, partial)
        write_provenance(facts, partial)
        seal(partial)
        if key:
            sign(partial, key, partial / INSIDE)
    return paths.PUBLISHED


def take(file: Path, target: Path) -> None:
    """The same file in a second place, without its bytes a second time where the disk can do so."""
    try:
        os.link(file.resolve(), target)
    except OSError:
        shutil.copyfile(file, target)


def list_sizes(folder: Path) -> dict[str, int]:
    return {file.name: file.stat().st_size for file in sorted(folder.iterdir())}
