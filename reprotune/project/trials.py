"""A file of ``sweeps/``, and the trials that it asks for."""

import hashlib
import itertools
import json
import random
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from reprotune.core.dvc import contents
from reprotune.core.errors import InputError
from reprotune.core.params.fields import Positive, Section, Seed, refuse
from reprotune.core.printing import count_of
from reprotune.core.seals import hash_file

ODD = re.compile(r"[^\w-]+")  # what the name of an experiment may not hold, and dots
Setting = float | int | str | bool | None


class Sweep(Section):
    """A file of ``sweeps/``."""

    search: Literal["grid", "random"]
    trials: Positive | None
    seed: Seed
    parameters: dict[str, list[Setting]]
    seeds: list[Seed] = Field(min_length=1)
    stage: Literal["evaluate", "export"]
    select: str
    report: list[str]

    @model_validator(mode="after")
    def complete(self) -> Self:
        figures = [self.select, *self.report]
        refuse(
            (not self.parameters, "parameters has no entry"),
            ("train.seed" in self.parameters, "train.seed goes into seeds"),
            (any(not v for v in self.parameters.values()), "a parameter has no values"),
            (
                (self.search == "random") != (self.trials is not None),
                "trials counts the settings of search random; a grid has them all: null",
            ),
            (not self.select.startswith("fit."), "select on test rows is no selection: use fit."),
            (len({*figures}) < len(figures), f"a figure is named twice: {', '.join(figures)}"),
        )
        return self


@dataclass(frozen=True)
class Trial:
    """One experiment: what it is called and what it changes."""

    name: str
    values: dict[str, Setting]
    seed: int

    @property
    def changes(self) -> list[str]:
        values: dict[str, Setting] = self.values | {"train.seed": self.seed}
        return [f"{key}={spell(value)}" for key, value in values.items()]


def spell(value: Setting) -> str:
    r"""A value as `dvc exp run -S` reads it: JSON, but of a text each character as it is.

    There, nothing but a quotation mark is escaped, and the backslashes before one: ``\n`` and
    ``\u00e9`` of JSON stay these letters.
    """
    if not isinstance(value, str):
        return json.dumps(value)
    return '"{}"'.format(re.sub(r'(\\*)("|\Z)', double, value))


def double(found: re.Match[str]) -> str:
    backslashes, mark = found.groups()
    return f"{2 * backslashes}{mark and chr(92)}{mark}"


def hash_files(names: Iterable[str]) -> str:
    """A hash of files and of what is in folders; empty if there are none."""
    digest = hashlib.sha256()
    found = [file for name in names for file in contents(Path(name))]
    for path in found:
        told = f"{path.as_posix()}\n{hash_file(path)}\n"
        digest.update(told.encode(errors="surrogateescape"))
    return digest.hexdigest() if found else ""


def list_trials(name: str, sweep: Sweep, given: str = "") -> list[Trial]:
    """Every setting with every seed; the name of a trial is a hash of what it changes.

    And of what is ``given`` beside its commit, for with other data it would be another.
    """
    settings = [
        dict(zip(sweep.parameters, values, strict=True))
        for values in itertools.product(*sweep.parameters.values())
    ]
    if sweep.trials is not None:
        if sweep.trials > len(settings):
            raise InputError(f"trials {sweep.trials}: {count_of(len(settings), 'setting')} in all")
        settings = random.Random(sweep.seed).sample(settings, sweep.trials)
    found, start = [], ODD.sub("-", name).strip("-")
    for values, seed in itertools.product(settings, sweep.seeds):
        text = json.dumps([values, seed, sweep.stage, *filter(None, [given])], sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        found.append(Trial(f"{start}-{digest}".lstrip("-"), values, seed))
    return found
