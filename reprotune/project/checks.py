"""What ``reprotune check`` finds: for people a sentence, for programs a dictionary."""

import json
import sys
from dataclasses import dataclass

from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.params_file import load_params
from reprotune.core.printing import say
from reprotune.core.rooms import explain_rooms, find_other_rooms
from reprotune.core.supervision import require_readable

IN_ORDER = (
    "dvc.lock belongs to these parameters, this code and these sources; the figures follow from "
    "the predictions (only a rebuild shows more)"
)


@dataclass(frozen=True)
class Check:
    """Whether all is in order: what is wrong, under its names for programs, and in a sentence."""

    wrong: dict[str, dict[str, list[str]] | list[str] | str]
    sentence: str

    @property
    def ok(self) -> bool:
        return not any(self.wrong.values())

    def as_json(self) -> dict[str, object]:
        return {"ok": self.ok, **self.wrong}


def check_packages() -> Check:
    """The parameters, and the installed packages against the pinned ones.

    Raises:
        InputError: a parameter is wrong, or a killed DVC left something in the way of the next.
    """
    from reprotune.project import pins

    load_params()
    require_readable()
    wrong = pins.differences()
    if other := find_other_rooms():
        told = explain_rooms(other)
    elif wrong:
        told = f"installed packages differ from pins.yaml: {', '.join(wrong)}; run make"
    else:
        told = f"{paths.PARAMS} is in order, and the packages are the pinned ones"
    return Check({"packages": wrong}, told)


def check_lock() -> Check:
    """The parameters, ``dvc.lock`` against parameters, code and sources, and the figures.

    Raises:
        InputError: a parameter is wrong, or DVC cannot read the pipeline.
    """
    from reprotune.comparison.contradictions import find_contradiction
    from reprotune.comparison.revision import WORKSPACE, Revision
    from reprotune.project.staleness import find_stale

    load_params()
    stale, contradiction = find_stale(), find_contradiction(Revision(WORKSPACE, None))
    told = []
    if stale:
        lines = [f"  {stage}: {', '.join(reasons)}" for stage, reasons in stale.items()]
        told = ["dvc.lock is not of these files: run dvc repro and commit what it changes", *lines]
    if contradiction:
        told += ["the figures are not those of these files:", f"  {contradiction}"]
    sentence = "\n".join(told) or IN_ORDER
    return Check({"stale": stale, "contradiction": contradiction}, sentence)


def tell(found: Check, as_json: bool) -> None:
    """Print what was found, and end with 1 if something is wrong."""
    if not (found.ok or as_json):
        raise InputError(found.sentence)
    say(json.dumps(found.as_json()) if as_json else found.sentence)
    if not found.ok:
        sys.exit(1)
