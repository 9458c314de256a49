"""`reprotune rollback`: a former version serves again, everywhere and at once, or nothing changes.

The tag is GTO's, and the push of it decides: who comes second finds its name taken.
"""

import fcntl
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from reprotune.comparison.lock import LOCK
from reprotune.comparison.revision import Revision, git
from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.io import whole_folder
from reprotune.core.printing import plain
from reprotune.core.supervision import is_written
from reprotune.production import keeping
from reprotune.production.history import (
    PRODUCTION,
    History,
    name_in_tags,
    read_history,
    require_artifact,
)

ALONE = paths.WORK / "rollback.lock"
ORIGIN = "origin"
PATIENCE = 60  # seconds for a remote of git to answer
SKEW = timedelta(minutes=10)  # by which clocks may differ
JUST_NOW = timedelta(minutes=10)  # in which a second rollback may not know of the first
TAGS = "refs/tags/"
MARK = "Rollback to "  # how the message of a tag begins


@dataclass(frozen=True)
class Outcome:
    """What was put back; ``tag`` is empty if the version served already."""

    version: str
    replaced: str | None
    tag: str
    is_pushed: bool
    folder: str

    def as_json(self) -> dict[str, object]:
        return asdict(self)

    @property
    def sentence(self) -> str:
        holds = f"{self.folder} holds its model, every byte as exported"
        if not self.tag:
            return f"{self.version} serves already; {holds}"
        place = f"in place of {self.replaced}" if self.replaced else "where nothing served"
        pushed = "pushed to origin" if self.is_pushed else "kept here, for there is no origin"
        return f"{self.version} serves again, {place}; {holds}; the tag {self.tag} is {pushed}"


def roll_back(wanted: str | None, reason: str) -> Outcome:
    """Put a version back, by default the one before: its folder here, its tag at ``origin``.

    Raises:
        InputError: it cannot be done whole, and nothing was done.
    """
    if not (reason := " ".join(plain(reason).split())):
        raise InputError("--reason is empty; say why, for whoever asks reprotune versions later")
    model, path = require_artifact()
    with alone():
        is_shared = fetch_tags(model)
        history = read_history(model)
        version = choose(history, wanted)
        commit = keeping.find_commit(history, version)
        now = history.serving
        folder = Path(path)
        check_place(folder, history)
        tag = ""
        with whole_folder(folder) as partial:
            partial.rmdir()
            keeping.fetch(version, commit, path, partial)
            if now is None or now.commit != commit:
                tag = assign(history, version, commit, reason, is_shared)
        keeping.put_signature(commit, path, folder)
        return Outcome(version, now.version if now else None, tag, is_shared and bool(tag), path)


def choose(history: History, wanted: str | None) -> str:
    """The version that is asked for, or the one before what serves.

    Raises:
        InputError: there is none, or it was withdrawn.
    """
    known = ", ".join(history.versions) or "none"
    now = history.serving
    if wanted is None:
        if now and now.message.startswith(MARK) and datetime.now(UTC) - now.start < JUST_NOW:
            raise InputError(
                f"{now.version} was put back just now, by {now.who} ({now.message}); to go back "
                f"further, name the version (registered: {known})"
            )
        if found := history.find_previous():
            return found
        raise InputError(
            f"no version of {history.model} served before; name one (registered: {known})"
        )
    if wanted not in history.versions and wanted not in {s.version for s in history.services}:
        raise InputError(f"{wanted!r} is no version of {history.model} (registered: {known})")
    if not history.is_usable(wanted):
        raise InputError(f"{wanted} was withdrawn; gto register brings it back, or name another")
    return wanted


@contextmanager
def alone() -> Iterator[None]:
    """Refuse a second rollback in this folder; the lock goes with the process."""
    ALONE.parent.mkdir(parents=True, exist_ok=True)
    with ALONE.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                "another rollback is at work in this folder; look at reprotune versions when it is "
                "done"
            ) from None
        yield


def fetch_tags(model: str) -> bool:
    """Have the model's tags of ``origin`` here; whether there is one.

    Raises:
        InputError: it does not answer, or the tags there and here are not the same.
    """
    if ORIGIN not in git("remote").split():
        return False
    pattern = f"{TAGS}{name_in_tags(model)}*"
    listed = [
        line.split() for line in ask_origin("ls-remote", "--refs", ORIGIN, pattern).splitlines()
    ]
    there = {tag.removeprefix(TAGS): known for known, tag in listed}
    own = git("for-each-ref", "--format=%(objectname) %(refname)", pattern).splitlines()
    here = {tag.removeprefix(TAGS): known for known, tag in map(str.split, own)}
    for tag in there.keys() & here.keys():
        if there[tag] != here[tag]:
            raise InputError(
                f"{tag}: origin has another tag of this name, so one of them was moved by hand; "
                f"git fetch --force origin tag '{tag}' takes that of origin; nothing was changed"
            )
    ask_origin("fetch", "--quiet", ORIGIN, f"{pattern}:{pattern}")
    for tag in read_history(model).tags:
        if tag in here and tag not in there:
            raise InputError(
                f"{tag}: a tag that origin has not; git push origin '{TAGS}{tag}', or "
                f"git tag --delete '{tag}', then run this again"
            )
    return True


def ask_origin(*command: str) -> str:
    """What git says, if the other side answers.

    Raises:
        InputError: it does not, or refuses.
    """
    try:
        done = subprocess.run(
            ["git", *command], capture_output=True, encoding="utf-8", errors="replace",
            check=False, timeout=PATIENCE, env=os.environ | {"GIT_TERMINAL_PROMPT": "0"},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise InputError(
            f"git {command[0]}: origin did not answer in {PATIENCE} s; nothing was changed"
        ) from None
    if done.returncode:
        told = " ".join(done.stderr.split())
        raise InputError(f"git {command[0]}: {told}; nothing was changed")
    return done.stdout


def check_place(folder: Path, history: History) -> None:
    """Raise InputError if the folder holds what is nowhere else, or is being written."""
    if is_written(folder):
        raise InputError(
            f"{folder}: a stage is writing it; wait for dvc repro, then run this again"
        )
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    found = keeping.hash_folder(folder).encode()
    commits = dict.fromkeys(
        [
            *(one.commit for one in history.services),
            *(one.commit for one in history.versions.values()),
        ]
    )
    if any(found in (Revision("", commit).read_bytes(LOCK) or b"") for commit in [None, *commits]):
        return
    raise InputError(
        f"{folder}: holds changes that no version and no dvc.lock knows; move it away, or "
        f"dvc checkout --force {folder}, then run this again"
    )


def assign(history: History, version: str, commit: str, reason: str, is_shared: bool) -> str:
    """The tag that puts a version into production: first at ``origin``, then here.

    Raises:
        InputError: another was put there meanwhile, or it cannot be pushed.
    """
    tag = f"{name_in_tags(history.model)}#{PRODUCTION}#{history.last_number + 1}"
    written = write_tag(tag, commit, f"{MARK}{version}: {reason}", choose_date(history))
    if is_shared:
        try:
            ask_origin("push", "--quiet", ORIGIN, f"{written}:{TAGS}{tag}")
        except InputError:
            if not ask_origin("ls-remote", "--refs", "--tags", ORIGIN, f"{TAGS}{tag}"):
                raise
            fetch_tags(history.model)
            raise InputError(
                f"{tag} was pushed meanwhile: another has changed what serves; nothing was changed "
                "here; look at reprotune versions, then decide again"
            ) from None
    git("update-ref", f"{TAGS}{tag}", written, "0" * 40)
    return tag


def choose_date(history: History) -> datetime:
    """Now, but later than every tag before, since GTO goes by the dates.

    Raises:
        InputError: a tag is of a time that is still far.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    last = max(history.tags.items(), key=lambda one: one[1], default=("", now))
    if last[1] > now + SKEW:
        raise InputError(
            f"{last[0]} is dated {last[1]:%Y-%m-%d %H:%M} UTC, which is still to come, so it would "
            "stay the last; mend this machine's clock, or delete the tag"
        )
    return max(now, last[1] + timedelta(seconds=1))


def write_tag(tag: str, commit: str, message: str, date: datetime) -> str:
    """An annotated tag that no name leads to yet; its hash."""
    when = {"GIT_COMMITTER_DATE": f"@{int(date.timestamp())} +0000"}
    who = run_git(["var", "GIT_COMMITTER_IDENT"], "", when)
    text = f"object {commit}\ntype commit\ntag {tag}\ntagger {who}\n\n{message}\n"
    return run_git(["mktag"], text, {})


def run_git(command: list[str], text: str, more: dict[str, str]) -> str:
    done = subprocess.run(
        ["git", *command], input=text, capture_output=True, encoding="utf-8", errors="replace",
        check=False, env=os.environ | more,
    )  # fmt: skip
    if done.returncode:
        raise InputError(f"git {command[0]}: {' '.join(done.stderr.split())}")
    return done.stdout.strip()
