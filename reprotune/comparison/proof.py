"""What git has against a run: stages that were not run, figures that do not follow."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reprotune.comparison.contradictions import find_contradiction, find_damage
from reprotune.comparison.lineage import find_breaks
from reprotune.comparison.lock import LOCK, read_pins
from reprotune.comparison.report import Section, code, join
from reprotune.comparison.revision import Revision
from reprotune.comparison.statement import tell_rebuild
from reprotune.comparison.succession import find_breach, name_missing, name_returned
from reprotune.comparison.tree import Tree, hash_content, is_under
from reprotune.core import dvc, paths
from reprotune.core.errors import InputError
from reprotune.core.rooms import PINS, find_room, hash_room

CODE = ("reprotune/evaluation", "reprotune/robustness", "reprotune/tables")  # makes the figures
NOT_SEEN = (
    "What git does not hold (data and weights in DVC's cache, the training itself) was not looked "
    "at: only a rebuild shows it, as `reprotune verify` makes one."
)


@dataclass(frozen=True)
class Proof:
    """What was found against one run: nothing, if it is proven as far as git can."""

    revision: Revision
    stale: dict[str, list[str]]  # stage: what differs from its record
    contradiction: str  # between the figures and what they follow from
    otherwise: str = ""  # so, too, but the figures are of other code than this

    @property
    def recomputed(self) -> bool:
        """Whether this code makes the same figures; else they are of other code."""
        return not self.otherwise

    @property
    def findings(self) -> list[tuple[str, str]]:
        """The stage, if it is one that differs from its record, and what was found."""
        told = [
            (f"stage {code(name)}", join([*map(code, why)])) for name, why in self.stale.items()
        ]
        return [*told, *([("", self.contradiction)] if self.contradiction else [])]

    def as_json(self) -> dict[str, object]:
        return {
            "name": self.revision.name,
            "stale": self.stale,
            "contradiction": self.contradiction,
            "recomputed": self.recomputed,
        }


def examine(revision: Revision) -> Proof:
    """Hold the lock and the figures of a run against everything that git has of it."""
    found, breaks = find_contradiction(revision), find_breaks(revision)
    if not found or is_own_code(revision):
        return Proof(revision, breaks, found)
    return Proof(revision, breaks, find_damage(revision), found)


def find_unreadable(revision: Revision) -> str:
    """Which of the files that say what a run is cannot be read; empty if all can."""
    for path in (paths.PARAMS, dvc.FILE, LOCK, PINS):
        try:
            revision.read_yaml(path)
        except InputError as error:
            return code(str(error))
    return ""


def follow(proof: Proof, base: Proof) -> Proof:
    """The proof of a run that is to follow another: what git held of that, it still holds.

    What is unproven itself need be followed in its files alone, and what is of other code not even
    in these.
    """
    if proof.contradiction:
        return proof
    found = next(name_missing(base.revision, proof.revision), "") if proof.recomputed else ""
    if not (found or base.findings):
        found = find_breach(base.revision, proof.revision)
    return replace(proof, contradiction=found)


def look_back(base: Proof, head: Revision) -> Proof:
    """The proof of an old side, with what the new one takes back: what git had before it."""
    if base.findings:
        return base
    return replace(base, contradiction=next(name_returned(base.revision, head), ""))


def is_own_code(revision: Revision) -> bool:
    """Whether the figures of a revision were made by the code that runs here.

    A project of its own says so by its pins, and has none of the code.
    """
    pinned = read_pins(revision)
    if any(map(find_room, pinned)):
        names = (room.replace("/", ".") for room in CODE)
        return all(pinned.get(name) == hash_room(name.rpartition(".")[2]) for name in names)
    hashes = Tree(revision, CODE).hashes
    theirs = {path: md5 for path, md5 in hashes.items() if is_figuring(path)}
    root = Path(__file__).parents[2]
    ours = {
        file.relative_to(root).as_posix(): hash_content(file.read_bytes())
        for room in CODE
        for file in (root / room).rglob("*.py")
    }
    return theirs == ours or not any(is_under(path, "reprotune") for path in hashes)


def tell_other_code(proofs: Sequence[Proof]) -> str:
    """What stands beside the verdict, if the figures are of other code; else empty."""
    found = [proof.otherwise for proof in proofs if proof.otherwise and not proof.contradiction]
    told = "The recorded figures are of other code than that which judges here"
    return f"{told}: {found[0]}." if found else ""


def is_figuring(path: str) -> bool:
    return path.endswith(".py") and any(is_under(path, room) for room in CODE)


def tell_evidence(bases: Sequence[Proof], heads: Sequence[Proof]) -> Section:
    """The section that stands first in a report."""
    rows = [
        [side, code(proof.revision.label), *finding]
        for side, proofs in (("after", heads), ("before", bases))
        for proof in proofs
        for finding in proof.findings
    ]
    notes = []
    if not any(proof.findings for proof in heads):
        notes.append(
            "Nothing contradicts the new side: `dvc.lock` is of its files, and its figures follow "
            "from its predictions."
        )
    if any(proof.stale for proof in heads):
        notes.append("`dvc repro` runs what was not run; commit what it changes.")
    elif any(proof.contradiction for proof in heads):
        notes.append(
            "What contradicts is restored from its own commit, or made anew: `dvc repro --force`."
        )
    if other := [code(proof.revision.label) for proof in bases if not proof.recomputed]:
        notes.append(f"Made by other code than this, and so not recomputed: {', '.join(other)}.")
    rebuilt = list(filter(None, (tell_rebuild(proof.revision) for proof in heads)))
    notes += rebuilt or [NOT_SEEN]
    return Section("Evidence", notes, ("side", "run", "", "found"), rows)
