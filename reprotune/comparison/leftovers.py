"""What a run leaves beside its outputs: in git it would decide on every later run."""

from collections.abc import Iterator
from pathlib import Path

from reprotune.comparison.report import code
from reprotune.comparison.revision import Revision, git, succeeds
from reprotune.core import paths

LEFT = (f"{paths.WORK}/", ".dvc/cache/", ".dvc/tmp/", ".dvc/config.local")
COMPILED = "__pycache__"  # which Python may run in place of the source beside it


def name_leftovers(revision: Revision) -> Iterator[str]:
    """Such files that git holds, with the remedy."""
    listed = ["ls-tree", "-r", "--name-only", "-z", revision.commit] if revision.commit else []
    if not listed and not succeeds("rev-parse", "--git-dir"):  # git holds nothing yet
        return
    for path in git(*(listed or ["ls-files", "-z"])).split("\0"):
        if f"{path}/".startswith(LEFT) or COMPILED in Path(path).parts:
            told = f"{code(path)} is in git: the next run would go on from it, a rebuild, too"
            yield f"{told}; git rm --cached takes it out"
