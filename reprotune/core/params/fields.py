"""What the sections of ``params.yaml`` are made of."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, lt=1)]
Probability = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
PositiveReal = Annotated[float, Field(gt=0)]
Name = Annotated[str, Field(min_length=1)]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def refuse(*rules: tuple[bool, str]) -> None:
    """Raise ValueError with the message of every rule that is broken."""
    broken = [message for is_broken, message in rules if is_broken]
    if broken:
        raise ValueError("; ".join(broken))
