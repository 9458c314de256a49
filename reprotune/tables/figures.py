"""What every file of figures is made of."""

from pydantic import BaseModel, ConfigDict

Interval = tuple[float, float]
OfClass = dict[str, float]  # class name: figure


class Figures(BaseModel):
    """A part of a metrics file; what is None is left out of the file."""

    model_config = ConfigDict(frozen=True, extra="ignore")  # other commits may know more
