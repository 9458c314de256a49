"""Which version of the model served when, replayed from the tags that GTO writes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from gto.constants import (
    ACTION,
    COUNTER,
    NAME,
    SEPARATOR_IN_NAME,
    SEPARATOR_IN_TAG,
    STAGE,
    VERSION,
    Action,
    fullname_re,
)
from gto.tag import parse_name

from reprotune.comparison.revision import git, run
from reprotune.core import dvc
from reprotune.core.errors import InputError
from reprotune.core.yaml_file import read_yaml

PRODUCTION = "production"
NAMED = 10  # of the tags that are missing
KINDS = {Action.REGISTER, Action.DEREGISTER, Action.ASSIGN, Action.UNASSIGN}
FIELDS = (
    "refname:strip=2", "objecttype", "*objecttype", "*objectname", "taggername", "taggerdate:unix",
    "contents",
)  # fmt: skip


class Event(NamedTuple):
    """A tag of GTO: a version that was registered or withdrawn, or put into production or out."""

    tag: str
    action: Action
    version: str  # of a registration
    number: int  # of an assignment: it counts up, and no two have the same
    commit: str
    date: datetime
    who: str
    message: str


@dataclass
class Version:
    """What was registered; ``is_active`` until it is withdrawn."""

    name: str
    commit: str
    date: datetime
    who: str
    is_active: bool = True


class Service(NamedTuple):
    """A time in which one version served; ``end`` is None as long as it does."""

    version: str
    commit: str
    start: datetime
    end: datetime | None
    who: str
    message: str


@dataclass
class History:
    """All that the tags tell of one model."""

    model: str
    versions: dict[str, Version] = field(default_factory=dict)
    services: list[Service] = field(default_factory=list)
    tags: dict[str, datetime] = field(default_factory=dict)
    last_number: int = 0
    passed_over: list[str] = field(default_factory=list)
    numbers: set[int] = field(default_factory=set)  # of all tags that GTO counts, any stage's

    @property
    def serving(self) -> Service | None:
        """What serves now."""
        last = self.services[-1] if self.services else None
        return last if last and last.end is None else None

    def find_served(self, start: datetime, end: datetime) -> list[Service]:
        """What served at any moment from ``start`` to ``end``."""
        return [
            one for one in self.services if one.start <= end and (not one.end or one.end > start)
        ]

    @property
    def missing(self) -> list[int]:
        """The first numbers that no tag has, though GTO leaves none out.

        Those tags were not fetched, or somebody deleted them.
        """
        known = range(1, max(self.numbers, default=0))
        return list(islice((number for number in known if number not in self.numbers), NAMED))

    def find_previous(self) -> str | None:
        """The version to go back to: the one before, and never one that was gone back from."""
        line: list[str] = []
        for one in self.services:
            if one.version in line:  # it was gone back to
                del line[line.index(one.version) :]
            line.append(one.version)
        former = line[:-1] if self.serving else line
        usable = [name for name in former if self.is_usable(name)]
        return usable[-1] if usable else None

    def is_usable(self, name: str) -> bool:
        """Whether a version was not withdrawn."""
        return name not in self.versions or self.versions[name].is_active


def find_artifact(folder: Path = Path()) -> tuple[str, str] | None:
    """Name and path of the first model of ``artifacts`` in ``dvc.yaml``.

    Where the project is a part of its repository, GTO has the folder before the name.
    """
    entries = read_yaml(folder / dvc.FILE)
    models = [
        (k, v["path"]) for k, v in entries.get("artifacts", {}).items() if v["type"] == "model"
    ]
    if not models:
        return None
    name, path = models[0]
    place = run("rev-parse", "--show-prefix", folder=folder).decode().strip().rstrip("/")
    whole = f"{place}{SEPARATOR_IN_NAME}{name}"
    return (whole if fullname_re.match(whole) else name), path


def name_in_tags(model: str) -> str:
    """A model's name as it is in GTO's tags."""
    return model.replace(SEPARATOR_IN_NAME, SEPARATOR_IN_TAG)


def require_artifact() -> tuple[str, str]:
    """The model of the project in this folder.

    Raises:
        InputError: there is none.
    """
    try:
        found = find_artifact()
    except FileNotFoundError:
        raise InputError(f"{dvc.FILE}: not here; run this in the folder of the project") from None
    if found is None:
        raise InputError(f"{dvc.FILE} names no model under artifacts, so none has versions")
    return found


def read_history(model: str) -> History:
    """Replay the tags of a model.

    Tags of other things are not ours; one of this model's that says nothing sound is passed over.
    """
    found = History(model)
    events = sorted(read_events(found), key=lambda event: (event.date, event.number))
    for event in events:
        found.tags[event.tag] = event.date
        found.last_number = max(found.last_number, event.number)
        if event.action is Action.REGISTER:
            found.versions[event.version] = Version(
                event.version, event.commit, event.date, event.who
            )
        elif event.action is Action.DEREGISTER and event.version in found.versions:
            found.versions[event.version].is_active = False
    found.services = list(replay(events, {v.commit: v.name for v in found.versions.values()}))
    return found


def read_events(found: History) -> Iterator[Event]:
    """The annotated tags of the model that lead to commits."""
    form = "%00".join(f"%({name})" for name in FIELDS)
    listed = git("for-each-ref", "refs/tags", f"--format={form}%00").split("\0")
    for start in range(0, len(listed) - 1, len(FIELDS)):
        tag, kind, end, commit, who, moment, message = listed[start : start + len(FIELDS)]
        tag = tag.removeprefix("\n")
        parsed = parse_name(tag, raise_on_fail=False)
        if parsed.get(NAME) == found.model and COUNTER in parsed:
            found.numbers.add(parsed[COUNTER])
        stage = parsed.get(STAGE, PRODUCTION)
        if parsed.get(NAME) != found.model or stage != PRODUCTION or parsed[ACTION] not in KINDS:
            continue
        if (kind, end) != ("tag", "commit"):
            found.passed_over.append(f"{tag}: no annotated tag of a commit")
            continue
        try:
            date = datetime.fromtimestamp(int(moment), UTC)
        except (ValueError, OverflowError, OSError):
            found.passed_over.append(f"{tag}: its date is none")
            continue
        yield Event(
            tag, parsed[ACTION], parsed.get(VERSION, ""), parsed.get(COUNTER, 0), commit, date, who,
            message.strip(),
        )  # fmt: skip


def replay(events: Sequence[Event], names: dict[str, str]) -> Iterator[Service]:
    """The times of service: what was assigned last serves, until it is unassigned or replaced."""
    assigned: dict[str, Event] = {}  # by commit, the last one last
    current: Service | None = None
    for event in events:
        if event.action is Action.ASSIGN:
            assigned.pop(event.commit, None)
            assigned[event.commit] = event
        elif event.action is Action.UNASSIGN:
            assigned.pop(event.commit, None)
        else:
            continue
        last = next(reversed(assigned.values()), None)
        if current and last and last.commit == current.commit:
            continue
        if current:
            yield current._replace(end=event.date)
        current = None
        if last:
            name = names.get(last.commit, last.commit[:10])
            current = Service(name, last.commit, event.date, None, event.who, event.message)
    if current:
        yield current
