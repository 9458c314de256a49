"""Ready-made parameter files: what differs from ``profiles/builtin.yaml``."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import RoundTripRepresenter

from reprotune import paths
from reprotune.params import InputError, load_params
from reprotune.stage import whole_file

WHOLE = {"labels", "verbalizers"}  # mappings that a profile replaces, not extends


def available(folder: Path = paths.PROFILES) -> list[str]:
    return sorted(file.stem for file in folder.glob("*.yaml"))


def use(name: str, folder: Path = paths.PROFILES, target: Path = paths.PARAMS) -> None:
    """Write a profile, checked, to the parameter file; comments are kept."""
    if name not in available(folder):
        raise InputError(f"no profile {name!r}; there are {', '.join(available(folder))}")
    yaml = YAML()
    yaml.width = 100
    yaml.preserve_quotes = True
    yaml.representer.add_representer(type(None), spell_null)
    values = yaml.load((folder / "builtin.yaml").read_text(encoding="utf-8"))
    if name != "builtin":
        overlay(values, yaml.load((folder / f"{name}.yaml").read_text(encoding="utf-8")), name)
    with whole_file(target) as partial:
        with partial.open("w", encoding="utf-8") as file:
            yaml.dump(values, file)
        load_params(partial)


def spell_null(representer: RoundTripRepresenter, _: None) -> ScalarNode:
    return representer.represent_scalar("tag:yaml.org,2002:null", "null")


def overlay(values: CommentedMap, changes: dict[str, Any], name: str) -> None:
    """Replace values in place, key by key; a key that is no parameter is refused."""
    for key, value in changes.items():
        if key not in values:
            raise InputError(f"profile {name}: {key} is no parameter")
        if isinstance(value, dict) and key not in WHOLE:
            overlay(values[key], value, name)
        else:
            values[key] = value
