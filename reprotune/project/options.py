"""Options of the command line that are no plain values."""

from collections.abc import Sequence

import typer

from reprotune.core.printing import say

SEVERAL = {"init": {"--classes", "--names"}, "use": {"--data"}}


def repeat_options(arguments: Sequence[str]) -> list[str]:
    """Write --classes a b as --classes a --classes b, which alone Typer understands."""
    several = SEVERAL.get(arguments[0], set()) if arguments else set()
    written: list[str] = []
    option = ""
    for argument in arguments:
        if argument.startswith("-"):
            option = argument
        elif option in several and written[-1] != option:
            written.append(option)
        written.append(argument)
    return written


def show_version(asked: bool) -> None:
    """Print the version, and end."""
    if asked:
        import reprotune

        say(f"reprotune {reprotune.__version__}")
        raise typer.Exit
