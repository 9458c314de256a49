"""Write `pins.yaml`: the versions of the packages that compute numbers, as DVC parameters.

A stage lists in `dvc.yaml` the groups of those that it imports, so that a new version re-runs the
stages whose numbers it could change.
"""

import importlib.metadata
import re
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements.lock"
PINS = ROOT / "pins.yaml"

# By import name. Tools that compute no number (dvc, prefect, ruff, …) stay out on purpose.
GROUPS = {
    "tables": ("numpy", "pandas", "pyarrow", "scipy"),
    "sheets": ("python_calamine",),
    "curation": ("cleanlab", "rensa"),
    "learners": ("sklearn",),
    "models": (
        "accelerate",
        "bitsandbytes",
        "peft",
        "safetensors",
        "tokenizers",
        "torch",
        "transformers",
    ),
    "training": ("datasets", "trl"),
}
NUMERIC = tuple(name for group in GROUPS.values() for name in group)
# Import name -> name in the lock, where they differ.
DISTRIBUTIONS = {"python_calamine": "python-calamine", "sklearn": "scikit-learn"}


def list_locked(lock: str) -> dict[str, str]:
    """Return name -> version for every `name==version` line of a lock file's text."""
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", lock, flags=re.MULTILINE))


def render(lock: str) -> str:
    """Return the text of `pins.yaml`; raises KeyError for a numeric package not in the lock."""
    versions = list_locked(lock)
    lines = ["# Generated from requirements.lock by `python -m reprotune.project.pins`."]
    for group, names in GROUPS.items():
        lines.append(f"{group}:")
        lines += [f'  {name}: "{versions[DISTRIBUTIONS.get(name, name)]}"' for name in names]
    return "\n".join(lines) + "\n"


def find_installed(name: str) -> str:
    """The version without its build (``2.13.0+cpu`` is ``2.13.0``), or that there is none."""
    try:
        return importlib.metadata.version(DISTRIBUTIONS.get(name, name)).split("+")[0]
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def differences(folder: Path = Path()) -> list[str]:
    """The packages of ``pins.yaml`` whose installed version is another one."""
    text = (folder / "pins.yaml").read_text("utf-8")
    return find_differences(re.findall(r'^  (\w+): "(.+)"$', text, re.MULTILINE))


def find_differences(pinned: Iterable[tuple[str, str]]) -> list[str]:
    """The packages whose installed version is not the pinned one."""
    return [
        f"{name} {installed} (pinned {version})"
        for name, version in pinned
        if (installed := find_installed(name)) != version
    ]


if __name__ == "__main__":
    PINS.write_text(render(LOCK.read_text("utf-8")), "utf-8")
