"""Options of the command line that are no plain values."""

from collections.abc import Sequence
from pathlib import Path

import typer

from reprotune.core.params.fields import join_columns
from reprotune.core.printing import say

SEVERAL = {
    "init": {"--classes", "--names", "--test", "--validation"},
    "use": {"--data"},
}
COLUMNS = {"--text", "--text-column"}  # their values are one template


def repeat_options(arguments: Sequence[str]) -> list[str]:
    """Write what Typer alone understands.

    --classes a b becomes --classes a --classes b, and the columns after --text one template.
    """
    several = SEVERAL.get(arguments[0], set()) if arguments else set()
    written: list[str] = []
    columns: list[str] = []
    option, place = "", 0
    for argument in arguments:
        if argument.startswith("-"):
            option = argument
            if option in COLUMNS and columns:
                continue
        elif option in COLUMNS and not (columns and is_file(argument)):
            columns.append(argument)
            place = place or len(written)
            continue
        elif option in COLUMNS:
            option = ""
        elif option in several and written[-1] != option:
            written.append(option)
        written.append(argument)
    if template := join_columns(columns):
        written.insert(place, template)
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
