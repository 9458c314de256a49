"""The commands of a project of one's own: their options, and what they print."""

import sys
from pathlib import Path
from shlex import quote
from typing import Annotated

from typer import Argument

from reprotune.core.printing import say


def new(
    folder: Annotated[Path, Argument(metavar="DIR", help="A new or an empty folder.")],
) -> None:
    """Write a project of your own, with git and DVC."""
    from reprotune.scaffold.new import new

    why = new(folder)
    go = f"cd {quote(str(folder))} && make repro"
    say(f"{folder}: a project of its own, with the built-in example; {go}")
    if why:
        say(f"Nothing was committed, but all is added to the next git commit: {why}")


def upgrade() -> None:
    """Take the files of the library installed here, keep yours.

    The exit code is 1 if something conflicts, which is marked in the files with yours there, or if
    the parameters or dvc.yaml have to be mended first.
    """
    from reprotune.scaffold.upgrade import upgrade

    found = upgrade()
    say(found.text)
    if not found.is_whole:
        sys.exit(1)
