"""What every file of figures is made of."""

from pydantic import BaseModel, ConfigDict

Interval = tuple[float, float]
OfClass = dict[str, float]  # class name: figure


class Figures(BaseModel):
    """A part of a metrics file; what is None is left out of the file."""

    model_config = ConfigDict(frozen=True, extra="ignore")  # other commits may know more


class Characters(Figures):
    median: float  # of a text


class Losses(Figures):
    log_loss: float  # mean, in nats
    brier: float  # 0 to 2
    ece: float  # expected calibration error


class Calibration(Figures):
    """Before and after a temperature that is fitted on the validation rows (Guo et al. 2017)."""

    temperature: float  # by which scores are divided; 1: none helps
    before: Losses  # with temperature 1
    after: Losses  # with this one


class Threshold(Figures):
    """For two classes: where to cut, chosen on the validation rows by balanced accuracy."""

    class_: str  # the one that is cut
    value: float  # its least probability
    accuracy: float  # on the test rows
    balanced_accuracy: float  # on the test rows

    model_config = ConfigDict(alias_generator=lambda name: name.rstrip("_"), populate_by_name=True)


class Forgetting(Figures):
    """Loss on general text of the untuned and the tuned model, a token."""

    before: float  # of the untuned model, nats
    after: float  # of the tuned model, nats


class Generated(Figures):
    """Answers in words."""

    rows: int  # that were asked
    accuracy: float  # share of right answers
    unreadable: float  # share; they count as wrong
