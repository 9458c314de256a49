"""Clones in which flows work, so that nobody's working copy is touched."""

import filecmp
import json
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dvc.config import Config
from dvc.config_schema import RelPath
from dvc.exceptions import DvcException
from dvc.repo import Repo
from prefect import get_run_logger

from pipelines import commands
from reprotune.core import paths
from reprotune.core.dvc import COMMAND as DVC
from reprotune.core.dvc import find_pointer

ORIGIN = "origin"
TRIES, PAUSE = 5, 1.0  # of a copy of a file that is being written; seconds between them
SPECIAL = re.compile(r"[*?\[\\ ]")  # characters of a pattern of what git ignores
LOGIN = re.compile(r"(?<=://)[^/@\s]+@")  # a name and a password in an address


def git(folder: Path, *command: str) -> str:
    """What git answers in a folder.

    Raises:
        FlowError: it fails.
    """
    return commands.ask(["git", *command], folder)


def dvc(folder: Path, *command: str) -> list[str]:
    """Run DVC in a folder; what it says goes into the log of the flow.

    Raises:
        FlowError: it fails.
    """
    return commands.run([*DVC, *command], folder, get_run_logger().info)


def home(project: Path) -> str:
    """Where a project was cloned from: there its branches go. Its own repository, if nowhere."""
    repository = find_repository(project)
    if "origin" not in git(project, "remote").split():
        return str(repository)
    address = git(project, "config", "remote.origin.url")
    place = repository / address  # which may be a path, and is meant from there
    return str(place.resolve()) if place.is_dir() else address


def find_repository(project: Path) -> Path:
    """The folder of git that a project is, or lies in."""
    return Path(git(project, "rev-parse", "--show-toplevel"))


def find_prefix(project: Path) -> str:
    """Where in its repository a project lies; empty if it is all of it."""
    return git(project, "rev-parse", "--show-prefix")


def limit(folder: Path) -> list[str]:
    """What leaves commits of other parts of the repository out of a log."""
    return ["--", "."] if find_prefix(folder) else []


def is_committed(folder: Path, place: Path) -> bool:
    """Whether a file is the one that the last commit of its repository has, in git or in DVC."""
    pointer = str(find_pointer(folder, place))
    try:
        known = git(folder, "ls-files", "--", str(place), pointer)
    except commands.FlowError:  # no repository
        return False
    if not known or git(folder, "status", "--porcelain", "--", str(place), pointer):
        return False
    command = [*DVC, "status", "--json", pointer]
    return not (folder / pointer).is_file() or json.loads(commands.ask(command, folder)) == {}


def require_commit(folder: Path, message: str) -> None:
    """Raise FlowError if git would not commit so: before hours of work, not after.

    It may know nobody who commits, have no key to sign with, or a hook may refuse the message.
    """
    git(folder, "commit", "--quiet", "--allow-empty", "-m", message)
    git(folder, "reset", "--quiet", "--soft", "HEAD~1")


def clone(source: str, revision: str, folder: Path, place: str = "") -> Path:
    """A clean clone at a revision (a commit or ``origin/BRANCH``); an old one is taken up again.

    Returned is the folder of the project, at ``place`` in its repository.

    Raises:
        FlowError: there is no such branch, no project in it, or git fails.
    """
    folder = folder.resolve()
    git(Path(), "init", "--quiet", str(folder))
    git(folder, "config", "remote.origin.url", source)
    git(folder, "config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*")
    for left in (*folder.glob(".git/**/*.lock"), *(folder / place).glob(".dvc/tmp/**/rwlock")):
        left.unlink()  # of a git or a DVC that was killed
    fetch(folder)
    if revision.startswith(f"{ORIGIN}/"):
        require_branch(folder, revision.removeprefix(f"{ORIGIN}/"), source)
    git(folder, "checkout", "--quiet", "--force", "--detach", revision)
    git(folder, "clean", "--quiet", "-fd")
    if not (folder / place).is_dir():
        raise commands.FlowError(f"{LOGIN.sub('', source)}: {revision} has no folder {place}")
    return folder / place


def fetch(folder: Path) -> None:
    """Have the branches and tags of a clone's origin, and no others."""
    git(folder, "fetch", "--quiet", "--prune", "--prune-tags", "--tags", "--force", ORIGIN)


def require_branch(folder: Path, branch: str, source: str) -> None:
    """Raise FlowError if a clone got no such branch from its source."""
    there = git(folder, "for-each-ref", "--format=%(refname:lstrip=3)", f"refs/remotes/{ORIGIN}")
    if branch not in there.split():
        known = ", ".join(there.split())
        told = f"it has {known}; name one of them (branch)" if known else "commit and push first"
        raise commands.FlowError(f"{LOGIN.sub('', source)}: no branch {branch}; {told}")


def has_remote(folder: Path) -> bool:
    """Whether data and models of a project are kept elsewhere, too.

    Raises:
        FlowError: DVC cannot read its configuration, or would not know which remote is meant.
    """
    with explain_dvc():
        config = Config(str(folder / ".dvc"))
    if config["remote"] and not config["core"].get("remote"):
        named = ", ".join(config["remote"])
        raise commands.FlowError(
            f"dvc: no remote is the default ({named}), so data and models could not be pushed; "
            "dvc remote default NAME"
        )
    return bool(config["remote"])


@contextmanager
def explain_dvc() -> Iterator[None]:
    """Tell in one message what DVC refuses."""
    try:
        yield
    except DvcException as error:
        raise commands.FlowError(f"dvc: {error}; see dvc doctor") from None


def push(folder: Path) -> None:
    """Push data and models to the remote of DVC.

    Raises:
        FlowError: says to which remote it failed, why, and what to do.
    """
    try:
        dvc(folder, "push")
    except commands.FlowError as error:
        remotes = commands.ask([*DVC, "remote", "list"], folder)
        named = ", ".join(" ".join(line.split()) for line in remotes.splitlines())
        told = (
            f"dvc push failed: {error}\nremote: {named}\nSee that it can be reached, that this "
            "machine may write there and that it has space; then run again: what was computed is "
            "in the cache and is not computed again"
        )
        raise commands.FlowError(LOGIN.sub("", told)) from None


def publish(folder: Path, name: str) -> bool:
    """Push data and model, then the branch together with the tags of its commit.

    False if another retraining, elsewhere, has pushed the branch meanwhile; that one stays.

    Raises:
        FlowError: it cannot be pushed, or another has registered a version meanwhile.
    """
    if has_remote(folder):
        push(folder)
    head, *tags = (
        git(folder, "rev-parse", "HEAD"),
        *git(folder, "tag", "--points-at", "HEAD").split(),
    )
    try:
        git(folder, "push", "--quiet", "--atomic", "origin", f"HEAD:refs/heads/{name}", *tags)
    except commands.FlowError:
        there = git(folder, "ls-remote", "origin", f"refs/heads/{name}")
        if there:
            return there.startswith(head)
        if tags and git(folder, "ls-remote", "origin", *(f"refs/tags/{tag}" for tag in tags)):
            raise commands.FlowError(
                f"another retraining has registered a version meanwhile: origin has {tags[0]}; run "
                "this again, and the model is compared with that one"
            ) from None
        raise
    return True


def copy_whole(source: Path, target: Path) -> None:
    """Copy a file that nobody changes meanwhile.

    Raises:
        FlowError: somebody is writing it, each time.
    """
    for _ in range(TRIES):
        before = source.stat()
        shutil.copy(source, target)
        after = source.stat()
        if (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns):
            return
        time.sleep(PAUSE)
    raise commands.FlowError(
        f"{source}: somebody is writing it; run again when it is whole (a file that is written "
        "elsewhere and then moved there is never half-read)"
    )


def take(source: Path, folder: Path, place: Path) -> bool:
    """Have a file of a project in its clone, in git or in DVC as there; whether that is news.

    Raises:
        FlowError: somebody is writing it, or DVC cannot bring what it keeps with it.
    """
    pointer = find_pointer(folder, place)
    if pointer.with_suffix("") != place:  # a folder, which would lose its other files
        dvc(folder, "pull" if has_remote(folder) else "checkout", str(pointer))
    if not (folder / place).is_file() or not filecmp.cmp(
        source / place, folder / place, shallow=False
    ):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        copy_whole(source / place, folder / place)
    if (folder / pointer).is_file():
        dvc(folder, "add", str(pointer.with_suffix("")))
    return bool(git(folder, "status", "--porcelain", "--", str(place), str(pointer)))


def share(source: Path, folder: Path) -> None:
    """Give a clone what a project has on this machine.

    The remotes, of which a path is meant from the project, the cache, the base models, and who
    commits there.

    Raises:
        FlowError: it is no project of DVC, or git fails.
    """
    for key in ("user.name", "user.email"):
        if known := git(source, "config", "--default", "", "--get", key):
            git(folder, "config", key, known)
    if (source / ".dvc/config.local").is_file():
        shutil.copy(source / ".dvc/config.local", folder / ".dvc/config.local")
    with (
        explain_dvc(),
        Repo(str(source)) as repo,
        Config(str(folder / ".dvc")).edit("local") as local,
    ):
        local["cache"]["dir"] = RelPath(repo.cache.local_cache_dir)  # DVC writes ASCII alone
        for name, remote in repo.config["remote"].items():
            if isinstance(remote["url"], RelPath):
                local["remote"][name] = {**local["remote"].get(name, {}), "url": remote["url"]}
    listed = git(folder, "ls-files", "-z", "--", paths.SOURCE_MODELS.as_posix())
    tracked = set(listed.split("\0"))
    models = [file for file in (source / paths.SOURCE_MODELS).rglob("*") if file.is_file()]
    places = sorted(file.relative_to(source).as_posix() for file in models)
    for place in (place for place in places if place not in tracked):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source / place, folder / place)
    within = find_prefix(folder)
    kept = [f"/{within}{place}" for place in places if place not in tracked]
    file = folder / git(folder, "rev-parse", "--git-path", "info/exclude")
    file.parent.mkdir(exist_ok=True)
    told = "".join(SPECIAL.sub(r"\\\g<0>", name) + "\n" for name in kept)
    file.write_text(told, encoding="utf-8")  # base models that are in no commit
