"""The best of the versions that the tags of git name: small losses add up against it alone."""

from collections.abc import Sequence
from dataclasses import dataclass

from reprotune.comparison.pairing import find_obstacle, pair_rows
from reprotune.comparison.report import Section, code
from reprotune.comparison.revision import Revision, git
from reprotune.comparison.sections import describe
from reprotune.comparison.statistics import Change, measure_primary
from reprotune.core.params import Gate
from reprotune.core.printing import count_of


@dataclass(frozen=True)
class Best:
    """The version that is furthest ahead of the new side, and by how much."""

    version: Revision
    change: Change  # from the version to the new side, on the test rows that both have
    rows: int


def find_best(
    bases: Sequence[Revision], heads: Sequence[Revision], gate: Gate, seed: int
) -> Best | None:
    """The version beside which the new side looks worst; None if no other can be compared."""
    known = {run.commit for run in (*bases, *heads)}
    found = []
    for version in list_versions():
        if version.commit not in known and not find_obstacle([version], heads):
            pairs = pair_rows([version], heads)
            change = measure_primary(pairs.bases, pairs.heads, pairs.classes, gate, seed)
            found.append(Best(version, change, len(pairs.head)))
    return min(found, key=lambda best: best.change.difference, default=None)


def list_versions() -> list[Revision]:
    """The commits with a tag, each once, the oldest first; GTO's versions are such tags, too."""
    listed = git(
        "for-each-ref", "refs/tags", "--sort=creatordate",
        "--format=%(refname:short)%00%(if)%(*objectname)%(then)%(*objectname)%(else)%(objectname)%(end)",
    ).splitlines()  # fmt: skip
    versions: dict[str, Revision] = {}
    for name, commit in (line.split("\0") for line in listed):
        versions.setdefault(commit, Revision(name, commit))
    return list(versions.values())


def tell_best(best: Best | None, gate: Gate) -> list[Section]:
    """How the new side stands beside the best version so far."""
    if best is None:
        return []
    note = (
        f"Of the versions that git's tags name, {code(best.version.name)} is furthest ahead: "
        f"{best.change.name} {describe(best.change, gate)}, on {count_of(best.rows, 'test row')}."
    )
    return [Section("Best version so far", [note])]
