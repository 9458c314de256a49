"""Options of the command line that are no plain values."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from reprotune.core.printing import say

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and no text.")]
SEVERAL = {
    "init": {"--classes", "--names", "--text"},
    "use": {"--data"},
    "predict": {"--text-column"},
    "score": {"--text-column"},
    "shadow": {"--text-column"},
    "drift": {"--text-column"},
}
COLUMNS = {"--text", "--text-column"}  # what follows them may be a file, too


def repeat_options(arguments: Sequence[str]) -> list[str]:
    """Write --classes a b as --classes a --classes b, which alone Typer understands."""
    several = SEVERAL.get(arguments[0], set()) if arguments else set()
    written: list[str] = []
    option = ""
    for argument in arguments:
        if argument.startswith("-"):
            option = argument
        elif option in several and written[-1] != option:
            if option in COLUMNS and is_file(argument):
                option = ""
            else:
                written.append(option)
        written.append(argument)
    return written


def is_file(argument: str) -> bool:
    """Whether an argument is a file, or ends as the name of one that is not there."""
    from reprotune.project.predict import ENDINGS  # takes a second

    path = Path(argument)
    return path.suffix.lower() in ENDINGS or path.is_file()


def show_version(asked: bool) -> None:
    """Print the version, and end."""
    if asked:
        import reprotune

        say(f"reprotune {reprotune.__version__}")
        raise typer.Exit
