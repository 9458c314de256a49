"""What every file of figures is made of."""

from typing import Any

from pydantic import BaseModel, ConfigDict

Interval = tuple[float, float]
OfClass = dict[str, float]  # class name: figure


class Figures(BaseModel):
    """A part of a metrics file; what is None is left out of the file."""

    model_config = ConfigDict(frozen=True, extra="ignore")  # other commits may know more


class Losses(Figures):
    log_loss: float  # mean, in nats
    brier: float  # 0 to 2
    ece: float  # expected calibration error


class Calibration(Figures):
    """Before and after a temperature that is fitted on the validation rows (Guo et al. 2017)."""

    temperature: float  # by which scores are divided; 1: none helps
    before: Losses  # with temperature 1
    after: Losses  # with this one


def round_figures(value: Any) -> Any:
    """The same with at most six decimals: what is noise is not shown as change."""
    if isinstance(value, dict):
        return {str(key): round_figures(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [round_figures(item) for item in value]
    return round(float(value), 6) if isinstance(value, float) else value
