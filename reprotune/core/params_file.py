"""Read ``params.yaml``, and say what is wrong with it."""

from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.params import Params
from reprotune.core.printing import count_of
from reprotune.core.yaml_file import read_yaml

Kind = TypeVar("Kind", bound=BaseModel)

LISTED = 50  # wrong parameters
SHOWN = 200  # characters of a wrong value
NUMBERS = ("constrained-float", "constrained-int")  # pydantic's names of what may also be a word
RENAMED = {  # what a parameter was called before: what it is called now
    "baseline.batch": "baseline.batch_size",
    "evaluate.batch": "predictions.batch_size",
    "evaluate.forgetting_text": "predictions.forgetting_text",
    "evaluate.generate": "predictions.generate",
    "expectations.characters.least": "expectations.characters.min",
    "expectations.characters.most": "expectations.characters.max",
    "expectations.class_share.least": "expectations.class_share.min",
    "expectations.class_share.most": "expectations.class_share.max",
    "expectations.repeated.most": "expectations.repeated.max",
    "expectations.rows.least": "expectations.rows.min",
    "expectations.rows.most": "expectations.rows.max",
    "prompt.max_length": "prompt.max_tokens",
    "roles.near_duplicate": "roles.near_duplicate_threshold",
    "train.batch": "train.batch_size",
    "train.micro_batch": "train.micro_batch_size",
    "train.schedule": "train.lr_scheduler",
    "train.warmup": "train.warmup_ratio",
}


def load_params(path: Path = paths.PARAMS) -> Params:
    """Read and check a parameter file.

    Raises:
        InputError: names every key that is wrong, its value and what is allowed.
    """
    try:
        values = read_yaml(path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run this in the folder that holds it") from None
    try:
        return Params.model_validate(values)
    except ValidationError as error:
        raise InputError(f"{path}: {explain(error)}") from None


def read_as(kind: type[Kind], path: Path) -> Kind:
    """Read and check a file of other settings.

    Raises:
        InputError: it cannot be read; every key that is wrong.
    """
    try:
        return kind.model_validate(read_yaml(path))
    except ValidationError as error:
        raise InputError(f"{path}: {explain(error)}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None


def explain(error: ValidationError) -> str:
    """One line for each violation: key, value and what is allowed."""
    lines = []
    problems = join_words(error.errors(include_url=False))
    for problem in problems[:LISTED]:
        key = ".".join(str(part)[:SHOWN] for part in problem["loc"]) or "(the whole file)"
        kind = problem["type"]
        if kind == "missing":
            lines.append(f"{key} is missing; no parameter has a default")
        elif kind == "extra_forbidden":
            lines.append(f"{key} is no parameter; {alternatives(problem['loc'])}")
        elif kind == "value_error":
            lines.append(f"{key}: {problem['msg'].removeprefix('Value error, ')}")
        else:
            lines.append(f"{key} is {shorten(problem['input'])}; {problem['msg']}")
    return "\n  ".join([f"{count_of(len(problems), 'parameter', 'are')} wrong:", *lines])


def join_words(problems: list[Any]) -> list[dict[str, Any]]:
    """The violations, of which a value that may be a number or a word has two, as one for each."""
    joined: list[dict[str, Any]] = []
    for problem in problems:
        *place, last = problem["loc"] or ("",)
        if last in NUMBERS:
            joined.append(problem | {"loc": tuple(place)})
        elif str(last).startswith("literal[") and joined and joined[-1]["loc"] == tuple(place):
            joined[-1]["msg"] += f", or {problem['msg'].removeprefix('Input should be ')}"
        else:
            joined.append(problem)
    return joined


def shorten(value: object) -> str:
    """A value as it is written, or its beginning."""
    try:
        text = repr(value)
    except ValueError:  # a number of too many digits to be written
        return "a number of more than 4,000 digits"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def alternatives(location: tuple[int | str, ...]) -> str:
    """What a misspelt key may have been meant to be, or all keys that are allowed there."""
    if new := RENAMED.get(".".join(map(str, location))):
        return f"it is called {new} now"
    section: Any = Params
    for part in location[:-1]:
        field = getattr(section, "model_fields", {}).get(part)
        section = field.annotation if field else None
    own = "; your own stand in a file of their own" if len(location) == 1 else ""
    allowed = list(getattr(section, "model_fields", ()))
    if close := get_close_matches(str(location[-1]), allowed, n=1):
        return f"did you mean {close[0]}?"
    return f"allowed are {', '.join(allowed)}{own}" if allowed else "check its spelling"
