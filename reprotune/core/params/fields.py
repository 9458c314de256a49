"""What the sections of ``params.yaml`` are made of."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from reprotune.core.inside import find_end, is_inside

MANY = 1_000_000_000  # of anything: more is a slip of the finger
LONG = 10_000  # characters

Share = Annotated[float, Field(ge=0, lt=1)]
Probability = Annotated[float, Field(ge=0, le=1)]
Seed = Annotated[int, Field(ge=0, lt=1 << 32)]  # of numpy and scikit-learn
Count = Annotated[int, Field(ge=0, le=MANY)]
Positive = Annotated[int, Field(ge=1, le=MANY)]
Few = Annotated[int, Field(ge=1, le=4096)]  # threads, processes: each takes a piece of the machine
Folds = Annotated[int, Field(ge=2, le=1000)]
PositiveReal = Annotated[float, Field(gt=0, le=1e6)]
Text = Annotated[str, Field(max_length=LONG, pattern=r"^[^\x00]*$")]
UNSET = "???"  # what omegaconf, behind `dvc exp run -S`, takes for a value that is missing


def stay_literal(text: str) -> str:
    """A value that `dvc exp run -S` leaves as it is."""
    if "${" in text or text == UNSET:
        raise ValueError(f"{text!r} would be a reference to `dvc exp run -S`; write it otherwise")
    return text


Literally = Annotated[Text, AfterValidator(stay_literal)]
Name = Annotated[Literally, Field(min_length=1)]


def stay_inside(name: str) -> str:
    """The name of a file, which may not lead out of the project, by itself or by a link."""
    path = Path(name)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{name} is not in this project; copy it there, and name it from there")
    if not is_inside(path):
        raise ValueError(f"{name} is a link out of this project, to {find_end(path)}; copy it here")
    return name


FileName = Annotated[Name, AfterValidator(stay_inside)]


FIELD = re.compile(r"\{([^{}]+)\}")  # of a template of columns


def list_fields(column: str | int) -> list[str]:
    """The columns that a template such as ``{title}: {description}`` names; none of a name."""
    return FIELD.findall(str(column))


def split_template(column: str | int) -> list[str | int]:
    """The columns that a text is made of: those of a template, or the one."""
    return [*list_fields(column)] or [column]


def join_columns(columns: Sequence[str]) -> str | None:
    """The template of several columns, a line each; one stays as it is, and none is None."""
    several = "\n".join(name if list_fields(name) else f"{{{name}}}" for name in columns)
    return several if len(columns) > 1 else next(iter(columns), None)


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def refuse(*rules: tuple[bool, str]) -> None:
    """Raise ValueError with the message of every rule that is broken."""
    broken = [message for is_broken, message in rules if is_broken]
    if broken:
        raise ValueError("; ".join(broken))
