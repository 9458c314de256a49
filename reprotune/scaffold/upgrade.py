"""``reprotune upgrade``: the files of a newer library, merged with what was changed in a project.

Nothing is lost: it works on what is committed, and ``UNDO`` takes it back. One that was killed is
gone on from by the next: what it wrote is known, and the base comes last.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reprotune import __version__
from reprotune.comparison.lock import LOCK
from reprotune.comparison.revision import git, run
from reprotune.core.errors import InputError
from reprotune.core.params_file import load_params
from reprotune.core.rooms import LIBRARY, PINS, find_other_rooms
from reprotune.core.yaml_file import load_yaml
from reprotune.project import pins
from reprotune.project.doctor import require_valid
from reprotune.project.staleness import find_stale
from reprotune.scaffold import files
from reprotune.scaffold.merging import Merged, Outcome, Sides, is_binary, merge

UNDO = "git checkout HEAD . && git clean -fd ."  # all was committed: what is new is the library's


@dataclass(frozen=True)
class Upgraded:
    """What an upgrade did."""

    text: str
    is_whole: bool = True  # nothing conflicts, and nothing is to be mended


def upgrade() -> Upgraded:
    """Merge what the library that is installed here writes into the project of this folder.

    Raises:
        InputError: this is no project of one's own, or it has changes that are not committed.
    """
    was, base = files.unpack()
    new = files.render()
    same = base == {place: files.shorten(content) for place, content in new.items()}
    if same and not find_other_rooms():
        return Upgraded(f"this project is of {LIBRARY} {was}, the one that is installed")
    changed = list_changed()
    here = {
        place: read_committed(place) if place in changed else read(place) for place in {*base, *new}
    }
    sides = [
        Sides(place, base.get(place), here[place], new.get(place))
        for place in sorted(here.keys() - {PINS.as_posix()})
    ]
    merged = {side.place: merge(side) for side in sides}
    place = PINS.as_posix()
    merged[place] = renewed = renew_pins(merged, base, here, new)
    kinds = (Outcome.TAKEN, Outcome.MERGED, Outcome.CONFLICT)
    wanted = {place: found.content for place, found in merged.items() if found.outcome in kinds}
    wanted |= {place: renewed.content} | find_wheels(changed)
    require_known(changed, wanted)  # nothing is written yet
    for place, content in wanted.items():
        put_file(place, content)
    conflicts = [place for place, found in merged.items() if found.outcome == Outcome.CONFLICT]
    mark([side for side in sides if side.place in conflicts])
    files.write(Path(), {files.BASE.as_posix(): files.pack(new)})
    told = "\n".join(tell(was, merged, conflicts))
    if conflicts:
        return Upgraded(told, is_whole=False)
    try:
        return Upgraded(f"{told}\n{tell_stale()}")
    except InputError as error:
        return Upgraded(f"{told}\nto be mended: {error}", is_whole=False)


def list_changed() -> list[str]:
    """The files of this folder that are not as they are committed."""
    asked = ("--porcelain", "-z", "--untracked-files=all", "--no-renames")
    prefix = git("rev-parse", "--show-prefix").strip("\n")
    lines = git("status", *asked, "--", ".").split("\0")
    return [line[3:].removeprefix(prefix) for line in lines if line]


def require_known(changed: Sequence[str], wanted: Mapping[str, bytes | None]) -> None:
    """Raise InputError unless all of this folder is committed, or of an upgrade that was killed."""
    others = [p for p in changed if p not in wanted or read(p) != wanted[p]]
    if others:
        raise InputError(
            f"{others[0]} is not committed; commit what you changed first, so that `{UNDO}` "
            "can take an upgrade back"
        )


def find_wheels(changed: Sequence[str]) -> dict[str, bytes | None]:
    """The library's wheel, if the project has to keep it, and none of those before it."""
    start = f"{files.WHEELS}/{LIBRARY}-"
    kept = (file.as_posix() for file in files.WHEELS.glob(f"{LIBRARY}-*.whl"))
    old = [*kept, *(place for place in changed if place.startswith(start))]
    wheels = files.find_wheels()
    return {**dict.fromkeys(old), **wheels} if wheels else {}


def read(place: str) -> bytes | None:
    return Path(place).read_bytes() if Path(place).is_file() else None


def read_committed(place: str) -> bytes | None:
    try:
        return run("show", f"HEAD:./{place}")
    except InputError:
        return None


def put_file(place: str, content: bytes | None) -> None:
    """Write a file as it is to be; its mode stays."""
    path = Path(place)
    if content is None:
        path.unlink(missing_ok=True)
        return
    mode = path.stat().st_mode if path.exists() else None
    files.write(Path(), {place: content})
    if mode is not None:
        path.chmod(mode)


def renew_pins(
    merged: Mapping[str, Merged],
    base: files.Files,
    mine: Mapping[str, bytes | None],
    new: files.Files,
) -> Merged:
    """The pins by the merged lock, with the rooms of the library here and packages of your own."""
    lock = merged[pins.LOCK.as_posix()]
    text = new[pins.LOCK.as_posix()] if lock.outcome == Outcome.CONFLICT else lock.content
    sides = (side.get(PINS.as_posix()) for side in (base, mine, new))
    was, here, fresh = (load_yaml(side or b"{}", PINS) or {} for side in sides)
    rooms = dict.fromkeys([*here.get(LIBRARY, {}), *fresh[LIBRARY]])
    own = {group: leave_out(here[group], was.get(group)) for group in here}
    kept = {group: values for group, values in own.items() if values or not was.get(group)}
    notes = [
        f"{PINS}: you have a group {group}, and now the library, too; it has the packages of both"
        for group in here.keys() & fresh.keys() - was.keys()
    ]
    try:
        renewed = pins.renew((text or b"").decode(), kept | {LIBRARY: rooms}).encode()
    except KeyError as error:
        raise InputError(f"{pins.LOCK} lacks {error.args[0]}, which the library needs") from None
    return Merged(Outcome.SAME, renewed, tuple(sorted(notes)))


def leave_out(here: Any, was: Any) -> Any:
    """A group of pins without the packages that the library had written."""
    if not (isinstance(here, Mapping) and isinstance(was, Mapping)):
        return here
    return {name: version for name, version in here.items() if name not in was}


def mark(conflicts: Iterable[Sides]) -> None:
    """Tell git of conflicts: it shows them as those of a merge, and commits none unsolved."""
    prefix = git("rev-parse", "--show-prefix").strip()
    for side in conflicts:
        if any(is_binary(one) for one in (side.base, side.here, side.new)):
            continue
        place, lines = f"{prefix}{side.place}", []
        for number, content in enumerate((side.base, side.here, side.new), start=1):
            if content is not None:
                name = git("hash-object", "-w", "--stdin", given=content).strip()
                lines.append(f"100644 {name} {number}\t{place}\n")
        nothing = "0" * len(lines[0].split()[1])
        git("update-index", "--index-info",
            given="".join([f"0 {nothing}\t{place}\n", *lines]).encode())  # fmt: skip


def tell(was: str, merged: Mapping[str, Merged], conflicts: list[str]) -> Iterable[str]:
    """What was done, line by line, and what is to do."""
    by = {kind: [p for p, m in merged.items() if m.outcome == kind] for kind in Outcome}
    yield f"{LIBRARY} {was} → {__version__}"
    if taken := by[Outcome.TAKEN]:
        yield f"taken from the library: {', '.join(taken)}"
    if by[Outcome.MERGED]:
        yield f"merged with your changes: {', '.join(by[Outcome.MERGED])}"
    if by[Outcome.KEPT]:
        yield f"yours, and kept: {', '.join(by[Outcome.KEPT])}"
    yield from (f"  {note}" for found in merged.values() for note in found.notes)
    if conflicts:
        yield f"conflicts: {', '.join(conflicts)}; solve each, git add it, and then: make repro"
        if pins.LOCK.as_posix() in conflicts:
            yield f"after {pins.LOCK}: python -m reprotune.project.pins"
        yield f"or take all of it back: {UNDO}"


def tell_stale() -> str:
    """Which stages will run.

    Raises:
        InputError: the parameters or the pipeline are not in order.
    """
    load_params()
    require_valid()
    if not LOCK.is_file():
        return "nothing was run here yet: make repro"
    stale = find_stale()
    return f"will run: {', '.join(stale)} (make repro)" if stale else "no stage will run again"
