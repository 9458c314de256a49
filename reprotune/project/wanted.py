"""What a person says of their files to `reprotune init`: its arguments and options."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from reprotune.core.errors import InputError


@dataclass(frozen=True)
class Wanted:
    """What is left open is found out."""

    files: Annotated[
        list[Path], Argument(metavar="FILE", help="Examples to learn from, or their folder.")
    ]
    text: Annotated[
        str | None,
        Option(metavar="COLUMN...", help="Of the texts: names, 0, 1, ... or '{a}: {b}'."),
    ] = None
    label: Annotated[
        str | None, Option(metavar="COLUMN", help="Column of the labels, or a file of them.")
    ] = None
    query: Annotated[str | None, Option(metavar="SQL", help="Rows of an SQLite file.")] = None
    classes: Annotated[
        list[str], Option(metavar="NAME...", help="The class of each FILE, if one holds one class.")
    ] = field(default_factory=list)
    names: Annotated[
        list[str], Option(metavar="RAW=NAME...", help="Names of numbers, or a file of them.")
    ] = field(default_factory=list)
    test: Annotated[list[Path], Option(metavar="FILE...", help="A published test part.")] = field(
        default_factory=list
    )
    validation: Annotated[list[Path], Option(metavar="FILE...", help="Its validation part.")] = (
        field(default_factory=list)
    )
    model: Annotated[
        str | None, Option(metavar="FOLDER", help="A folder of models/source.  [built-in]")
    ] = None
    encoding: Annotated[str | None, Option(help="Encoding of the files.  [guessed]")] = None
    delimiter: Annotated[str | None, Option(help="Delimiter of the columns.  [guessed]")] = None
    minutes: Annotated[float, Option(min=0, help="Minutes of training; 0: not measured.")] = 5.0
    bad_rows: Annotated[
        float | None, Option(min=0, max=0.99, help="Share of rows that may be bad.  [0.01]")
    ] = None
    balance: Annotated[
        bool | None, Option(help="As many rows of each class, or as in the files.  [if even]")
    ] = None
    growing: Annotated[
        bool, Option("--growing", help="Rows will be added: test rows stay test rows.")
    ] = False


def check_said(wanted: Wanted) -> None:
    """Raise InputError if an option has nothing in it, as ``--text "$unset"`` has."""
    for one in fields(wanted):
        said = getattr(wanted, one.name)
        if "" in (said if isinstance(said, list) else [said]):
            option = one.name.replace("_", "-")
            raise InputError(f"--{option} '': it is empty; say something, or leave --{option} out")


def exchange(wanted: Wanted, take: Callable[[Path], Path]) -> Wanted:
    """The same with another file in the place of each."""
    files, test, validation = (
        [take(file) for file in part] for part in (wanted.files, wanted.test, wanted.validation)
    )
    return replace(wanted, files=files, test=test, validation=validation)
