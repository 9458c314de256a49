"""What git holds of a run: a revision, an experiment, or the files as they lie here."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import pandas as pd

from reprotune.comparison.forms import read_record, read_table
from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.git import settle
from reprotune.core.yaml_file import load_yaml
from reprotune.tables import metrics

WORKSPACE = "workspace"
KINDS = ("heads", "tags")  # of names that git may have twice


def git(*command: str, given: bytes | None = None) -> str:
    """What git says.

    Raises:
        InputError: git fails; its own message.
    """
    return run(*command, given=given).decode(errors="replace")


def run(*command: str, folder: Path | None = None, given: bytes | None = None) -> bytes:
    done = subprocess.run(
        ["git", *command], cwd=folder, input=given, capture_output=True, check=False,
        env=os.environ | settle(),
    )  # fmt: skip
    if done.returncode:
        raise InputError(f"git {command[0]}: {explain(done.stderr.decode(errors='replace'))}")
    return done.stdout


def explain(said: str) -> str:
    """What git says, without its usage; in a repository without a commit, that there is none."""
    if "'HEAD'" in said and "ambiguous argument" in said:
        return "there is no commit here yet; git add --all && git commit"
    return said.strip()


@lru_cache(maxsize=16)  # many ask for the lock, which takes a tenth of a second
def parse(raw: bytes, where: str) -> dict[str, object]:
    """The mapping that a YAML text holds; nobody may change it."""
    found = load_yaml(raw, where)
    return found if isinstance(found, dict) else {}


@lru_cache(maxsize=64)  # a process for each takes longer than to read it
def read_blob(name: str, folder: Path) -> bytes | None:
    """A file of a commit by its name from a folder, or None."""
    try:
        return run("show", name, folder=folder)
    except InputError:
        if succeeds("cat-file", "-e", name):
            raise
        return None


def succeeds(*command: str) -> bool:
    return subprocess.run(["git", *command], capture_output=True, check=False).returncode == 0


@dataclass(frozen=True)
class Revision:
    """The tracked files of a run; ``commit`` is None for the workspace."""

    name: str
    commit: str | None

    @property
    def label(self) -> str:
        """The name, of a hash its beginning."""
        return self.name[:7] if (self.commit or "").startswith(self.name) else self.name

    def read_bytes(self, path: Path) -> bytes | None:
        """A file of this project's folder, or None."""
        if self.commit is None:
            return path.read_bytes() if path.is_file() else None
        return read_blob(f"{self.commit}:./{path.as_posix()}", Path.cwd())

    def read_table(self, path: Path) -> pd.DataFrame | None:
        """A table, or None.

        Raises:
            InputError: the file is no such table.
        """
        found = self.read_bytes(path)
        return None if found is None else read_table(found, path, self.name)

    def read_figures(self, path: Path, kind: type[metrics.Record]) -> metrics.Record | None:
        """A metrics file; None if there is none, or one that another version wrote."""
        found = self.read_bytes(path) or b""
        try:
            return read_record(found, kind, path)
        except InputError:
            return None

    def read_yaml(self, path: Path) -> dict[str, object]:
        """A mapping; empty if there is none.

        Raises:
            InputError: the file is no YAML.
        """
        return parse(self.read_bytes(path) or b"{}", f"{self.name}:{path}")

    @cached_property
    def params(self) -> dict[str, object]:
        """The parameters by their dotted names."""
        return flat(self.read_yaml(paths.PARAMS))

    @cached_property
    def predictions(self) -> pd.DataFrame | None:
        return self.read_table(paths.PREDICTIONS)

    def is_table(self, path: Path) -> bool:
        try:
            return self.read_table(path) is not None
        except InputError:
            return False

    def save_plotted(self, folder: Path) -> None:
        """Write the data of the plots under ``folder``, for the pictures; not what is damaged."""
        for path in (*paths.PLOTTED, paths.TRAIN_CURVE, paths.VALIDATION_CURVE):
            found = self.read_bytes(path)
            if found is not None and self.is_table(path):
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(found)


def flat(tree: Mapping[str, object], start: str = "") -> dict[str, object]:
    """Dotted names of the leaves."""
    leaves: dict[str, object] = {}
    for key, value in tree.items():
        name = f"{start}{key}"
        leaves |= flat(value, f"{name}.") if isinstance(value, dict) and value else {name: value}
    return leaves


def read_revision(name: str) -> Revision:
    """A revision, the name of an experiment, or ``workspace``.

    Raises:
        InputError: git knows no such name.
    """
    if name == WORKSPACE:
        return Revision(name, None)
    experiments = git("for-each-ref", "--format=%(refname)", "refs/exps").splitlines()
    named = [reference for reference in experiments if reference.split("/")[-1] == name]
    if all(succeeds("show-ref", "--verify", "-q", f"refs/{kind}/{name}") for kind in KINDS):
        raise InputError(
            f"{name!r} is a branch and a tag; name refs/heads/{name}, or refs/tags/..."
        )
    for candidate in (name, f"origin/{name}", *named):
        if succeeds("rev-parse", "--verify", "--quiet", f"{candidate}^{{commit}}"):
            commit = git("rev-parse", f"{candidate}^{{commit}}").strip()
            return Revision(name, commit)
    hint = "; this clone is shallow: git fetch --unshallow" if is_shallow() else ""
    raise InputError(f"{name!r} is no revision and no experiment of this repository{hint}")


def is_shallow() -> bool:
    return git("rev-parse", "--is-shallow-repository").strip() == "true"


def find_base() -> str:
    """The commit at which this branch left main.

    Raises:
        InputError: there is none; what to fetch.
    """
    git("rev-parse", "--git-dir")  # says why, if git takes this for no repository
    for main in ("main", "master"):  # here or at the origin, whichever is further: not tags
        places = (f"refs/heads/{main}", f"refs/remotes/origin/{main}")
        if known := [one for one in places if succeeds("rev-parse", "--verify", "--quiet", one)]:
            if succeeds("merge-base", "HEAD", *known):
                return git("merge-base", "HEAD", *known).strip()
            fetch = "git fetch --unshallow origin" if is_shallow() else "git fetch origin"
            raise InputError(f"HEAD and {main} have no common commit here; {fetch}")
    raise InputError(
        "there is no branch main or master here to compare with; git fetch origin main, or name "
        "the revision: reprotune compare BASE"
    )
