"""What commands have in common."""

from collections.abc import Callable
from dataclasses import MISSING, fields
from inspect import Signature, signature
from typing import TYPE_CHECKING, Annotated, TypeVar, get_type_hints

from typer import Option

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Asked = TypeVar("Asked", bound="DataclassInstance")

AsJson = Annotated[bool, Option("--json", help="Print one JSON object and no text.")]


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
