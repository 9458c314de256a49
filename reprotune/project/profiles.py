"""Ready-made parameter files: what differs from ``profiles/builtin.yaml``."""

import re
import sys
from collections.abc import Mapping, Sequence
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import RoundTripRepresenter

from reprotune.comparison.revision import git
from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.inside import require_inside
from reprotune.core.io import whole_file
from reprotune.core.params import Params
from reprotune.core.params_file import load_params
from reprotune.core.printing import count_of, say
from reprotune.core.yaml_file import load_yaml
from reprotune.data.reading.files import locate
from reprotune.project.machine import choose_dtype

Changes = dict[str, dict[str, object]]  # section: parameter: value

AUTO = "auto"
BUILTIN = "builtin"  # the one that is complete
WHOLE = {"labels", "verbalizers"}  # mappings that a profile replaces, not extends


class Spelled(RoundTripRepresenter):
    """Writes null as a word. Of its own, for DVC writes its lock with the class above."""

    def represent_null(self, _: None) -> ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:null", "null")


Spelled.add_representer(type(None), Spelled.represent_null)
EDITOR = YAML()
EDITOR.Representer = Spelled
EDITOR.width = 1_000  # lines stay as they are
EDITOR.preserve_quotes = True


def edit(file: Path) -> Any:
    """The values of a parameter file, with their comments."""
    return load_yaml(file.read_bytes(), file, EDITOR)


def read_changes(file: Path) -> Changes:
    """What a profile changes.

    Raises:
        InputError: it is no mapping of sections and parameters.
    """
    found = load_yaml(file.read_bytes(), file, YAML())
    if not isinstance(found, dict) or not all(isinstance(s, dict) for s in found.values()):
        raise InputError(f"{file}: not a profile, which has sections and in them parameters")
    return found


def list_profiles(folder: Path = paths.PROFILES) -> list[str]:
    return sorted(file.stem for file in folder.glob("*.yaml"))


def use(
    name: str,
    folder: Path = paths.PROFILES,
    target: Path = paths.PARAMS,
    model: str | None = None,
    data: Sequence[str] = (),
) -> None:
    """Write a profile, checked, to the parameter file; comments are kept.

    Where it names a branch or tag of the Hub, the parameter file gets its commit. ``model`` is a
    local folder in place of its base model, ``data`` are local files in place of its own.
    """
    if name not in list_profiles(folder):
        raise InputError(f"no profile {name!r}; there are {', '.join(list_profiles(folder))}")
    file = folder / f"{name}.yaml"
    require_inside(file, folder)
    changes: Changes = {} if name == BUILTIN else read_changes(file)
    if model:
        changes.setdefault("model", {}).update(kind="path", location=model, revision=None)
    if data:
        replace_files(changes.setdefault("download", {}), data, name)
    if any(section.get("kind") == "hub" for section in changes.values()):
        from reprotune.project.upstream import resolve

        resolve(changes)
    write(changes, target, f"profile {name}", folder)


def replace_files(download: dict[str, object], data: Sequence[str], name: str) -> None:
    """Put local files in place of those of a profile's section ``download``."""
    entries = download.get("files", [])
    assert isinstance(entries, list)
    if len(entries) != len(data):
        raise InputError(
            f"profile {name} reads {count_of(len(entries), 'file')}, --data names {len(data)}: "
            f"one for each of {[entry['location'] for entry in entries]}"
        )
    for entry, location in zip(entries, data, strict=True):
        locate(location, paths.SOURCE_DATA)
        entry |= {"location": location, "sha256": None}
    download |= {"kind": "file", "repository": None, "revision": None}


def write(
    changes: Changes,
    target: Path = paths.PARAMS,
    origin: str = "init",
    folder: Path = paths.PROFILES,
) -> Params:
    """Write the built-in parameters with these changes, checked, to the parameter file.

    The number format ``auto`` becomes the one that this machine is fast in: from there on it is a
    parameter as any other, the same wherever the run is rebuilt.
    """
    model = changes.get("model", {})
    if model.get("compute_dtype") == AUTO:
        model["compute_dtype"] = choose_dtype()
    values = edit(folder / f"{BUILTIN}.yaml")
    overlay(values, changes, origin)
    kept = keep_former(target)
    params = save(values, target, tidy=True)
    if kept and kept.read_bytes() != target.read_bytes():
        say(f"{target} as it was is {kept} now, for no commit has it", sys.stderr)
    return params


def keep_former(target: Path) -> Path | None:
    """A copy of parameters that are in no commit, under a name of its own; None if they are."""
    try:
        is_committed = not git("status", "--porcelain", "--ignored", "--", str(target))
    except InputError:  # no repository
        is_committed = False
    if is_committed or not target.is_file():
        return None
    raw = target.read_bytes()
    kept = target.parent / paths.WORK / f"{target.stem}.{sha256(raw).hexdigest()[:8]}.yaml"
    with whole_file(kept) as partial:
        partial.write_bytes(raw)
    return kept


def pin(values: Mapping[str, object], target: Path = paths.PARAMS) -> None:
    """Set parameters of the parameter file by dotted names, whose parts may be places in a list.

    Raises:
        InputError: there is no such parameter, or it may not have this value.
    """
    tree = edit(target)
    for name, value in values.items():
        *sections, last = name.split(".")
        section: Any = tree
        try:
            for part in sections:
                section = section[find_place(section, part)]
            section[find_place(section, last)]  # must be there
            section[find_place(section, last)] = value
        except (KeyError, IndexError, TypeError, ValueError):
            raise InputError(f"{name} is no parameter of {paths.PARAMS}") from None
    save(tree, target)


def find_place(section: Any, part: str) -> str | int:
    """A part of a dotted name, as its section has it."""
    return int(part) if isinstance(section, list) else part


def save(values: CommentedMap, target: Path, tidy: bool = False) -> Params:
    """Write parameters if they pass the checks.

    ``tidy``: a mapping that was replaced took the blank line after it along, which is put back.
    """
    buffer = StringIO()
    EDITOR.dump(values, buffer)
    text = buffer.getvalue()
    if tidy:
        text = re.sub(r"(?<!\n)\n(?=\w+:[^\n]*\n  )", "\n\n", text)
    with whole_file(target) as partial:
        partial.write_text(text, encoding="utf-8")
        try:
            return load_params(partial)
        except InputError as error:
            raise InputError(str(error).replace(str(partial), str(target))) from None


def overlay(values: CommentedMap, changes: Mapping[str, object], origin: str) -> None:
    """Replace values in place, key by key; a key that is no parameter is refused."""
    for key, value in changes.items():
        if key not in values:
            raise InputError(f"{origin}: {key} is no parameter")
        if isinstance(value, dict) and key not in WHOLE:
            if not isinstance(values[key], dict):
                raise InputError(f"{origin}: {key} is no section of parameters")
            overlay(values[key], value, origin)
        else:
            values[key] = value
