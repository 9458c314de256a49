"""What ``reprotune check`` finds: for people a sentence, for programs a dictionary."""

from dataclasses import dataclass
from typing import Any

from reprotune.core import paths
from reprotune.core.params_file import load_params


@dataclass(frozen=True)
class Check:
    """Whether all is in order, with what is wrong under ``key``."""

    key: str
    wrong: dict[str, list[str]] | list[str]
    sentence: str

    @property
    def ok(self) -> bool:
        return not self.wrong

    def as_json(self) -> dict[str, Any]:
        return {"ok": self.ok, self.key: self.wrong}


def check_packages() -> Check:
    """The parameters, and the installed packages against the pinned ones.

    Raises:
        InputError: a parameter is wrong.
    """
    from reprotune.project import pins

    load_params()
    wrong = pins.differences()
    if wrong:
        told = f"installed packages differ from pins.yaml: {', '.join(wrong)}; run make"
    else:
        told = f"{paths.PARAMS} is in order, and the packages are the pinned ones"
    return Check("packages", wrong, told)


def check_lock() -> Check:
    """The parameters, and ``dvc.lock`` against parameters, code and sources.

    Raises:
        InputError: a parameter is wrong, or DVC cannot read the pipeline.
    """
    from reprotune.project.staleness import find_stale

    load_params()
    stale = find_stale()
    if not stale:
        told = "dvc.lock belongs to these parameters, this code and these sources"
        return Check("stale", stale, told)
    lines = [f"  {stage}: {', '.join(reasons)}" for stage, reasons in stale.items()]
    told = "dvc.lock is not of these files: run dvc repro and commit what it changes\n"
    return Check("stale", stale, told + "\n".join(lines))
