"""Options of the command line that take several values at once."""

from collections.abc import Sequence

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
