"""The packages that the code imports, against those that it asks for."""

import re
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
IMPORT = re.compile(r"^ *(?:from (\w+)[\w.]* import|import (\w+)[\w.]*(?: as \w+)?$)", re.MULTILINE)
NAMES = {"markdown_it": "markdown-it-py", "ruamel": "ruamel-yaml", "sklearn": "scikit-learn"}
OURS = {"reprotune", "stages", "pipelines"}
TYPES = {"_typeshed"}  # no package: for mypy alone


def test_every_package_that_is_imported_is_asked_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    wanted = [Requirement(one) for part in (project["dependencies"], *extras) for one in part]
    code = (file.read_text() for room in OURS for file in (ROOT / room).rglob("*.py"))
    used = {NAMES.get(name, name) for text in code for name in map("".join, IMPORT.findall(text))}
    used -= OURS | TYPES | sys.stdlib_module_names
    asked = {canonicalize_name(one.name) for one in wanted}
    assert {name for name in used if canonicalize_name(name) not in asked} == set()
