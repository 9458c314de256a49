"""What a person and the library have both added under one name since the last upgrade."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from reprotune.core.yaml_file import load_yaml

NAMED = ("stages", "artifacts")  # sections of dvc.yaml whose entries have names


def find_collisions(base: bytes, here: bytes, new: bytes, where: str) -> Iterator[tuple[str, bool]]:
    """Names that both have added to ``dvc.yaml``, and whether what they stand for is the same."""
    was, mine, now = (load_yaml(side or b"{}", where) for side in (base, here, new))
    for section in NAMED:
        added = list_entries(mine, section).keys() & list_entries(now, section).keys()
        for name in sorted(added - list_entries(was, section).keys()):
            yield name, mine[section][name] == now[section][name]


def list_entries(tree: Any, section: str) -> Mapping[str, Any]:
    found = tree.get(section) if isinstance(tree, dict) else None
    return found if isinstance(found, dict) else {}


def take_out(text: bytes, name: str, leave_comment: bool) -> bytes:
    """The library's ``dvc.yaml`` without an entry, or with the entry as a comment."""
    found = re.search(rf"^  {re.escape(name)}:.*\n(?:(?:    .*)?\n)*", text.decode(), re.MULTILINE)
    assert found, name
    lines = [f"  # {line[2:]}".rstrip() + "\n" for line in found[0].splitlines() if line]
    comment = "".join([*lines, "\n"] if leave_comment else [])
    return text.replace(found[0].encode(), comment.encode(), 1)
