"""Options of the command line that are no plain values."""

from collections.abc import Callable, Sequence
from dataclasses import MISSING, fields
from inspect import Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar, get_type_hints

import typer

from reprotune.core.params.fields import join_columns
from reprotune.core.printing import say

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Asked = TypeVar("Asked", bound="DataclassInstance")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and no text.")]
SEVERAL = {"init": {"--classes", "--names"}, "use": {"--data"}}
COLUMNS = {"--text", "--text-column"}  # their values are one template


def taking(made: type[Asked]) -> Callable[[Callable[[Asked], None]], Callable[..., None]]:
    """A command whose arguments and options are the fields of a dataclass."""

    def decorate(command: Callable[[Asked], None]) -> Callable[..., None]:
        def run(**given: object) -> None:
            command(made(**given))

        run.__name__, run.__doc__ = command.__name__, command.__doc__
        run.__annotations__ = get_type_hints(made, include_extras=True)
        own = {one.name: one.default_factory for one in fields(made)}
        parameters = [
            one if (make := own[name]) is MISSING else one.replace(default=make())
            for name, one in signature(made).parameters.items()
        ]
        setattr(run, "__signature__", Signature(parameters))  # noqa: B010 (no function declares it)
        return run

    return decorate


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
