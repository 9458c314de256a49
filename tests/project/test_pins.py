"""`requirements.lock`, `pins.yaml` and the installed packages agree."""

import re
from importlib.metadata import version
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from reprotune.project import pins

ROOT = Path(__file__).resolve().parents[2]
LOCK = (ROOT / "requirements.lock").read_text("utf-8")
PINS = (ROOT / "pins.yaml").read_text("utf-8")
REQUIREMENTS = [line for line in LOCK.splitlines() if line and not line.startswith("#")]


def test_pins_equal_what_the_lock_generates() -> None:
    assert pins.render(LOCK) == PINS, "run: python -m reprotune.project.pins"


def test_pins_hold_one_text_for_each_numeric_package() -> None:
    parsed = YAML(typ="safe").load(PINS)
    assert {group: tuple(names) for group, names in parsed.items()} == pins.GROUPS
    assert all(isinstance(value, str) for names in parsed.values() for value in names.values())


@pytest.mark.parametrize("name", pins.NUMERIC)
def test_the_installed_version_is_the_pinned_one(name: str) -> None:
    installed = version(pins.DISTRIBUTIONS.get(name, name))
    group = next(group for group, names in pins.GROUPS.items() if name in names)
    # PyTorch adds its build to the version: 2.13.0+cpu, 2.13.0+cu130.
    assert installed.split("+")[0] == YAML(typ="safe").load(PINS)[group][name]


def test_the_lock_pins_every_package_exactly_and_names_no_host_or_path() -> None:
    exact = re.compile(r'[a-z0-9.-]+==[0-9][0-9a-z.]*( ; python_version >= "[0-9.]+")?')
    assert [line for line in REQUIREMENTS if not exact.fullmatch(line)] == []


def test_the_lock_lists_each_package_once_and_in_order() -> None:
    names = [line.split("==")[0] for line in REQUIREMENTS]
    assert names == sorted(set(names))


def test_the_lock_leaves_cuda_packages_to_torch() -> None:
    assert [line for line in REQUIREMENTS if line.startswith(("nvidia-", "triton"))] == []


def test_packages_and_groups_of_ones_own_stay_with_the_version_of_the_lock() -> None:
    own = '  polars: "1.2"\n'
    text = PINS.replace("  pyarrow", f"{own}  pyarrow") + 'mine:\n  any_how: "1"\n  pip: 24.0\n'
    lock = f"{LOCK}any-how==2\n"
    renewed = pins.renew(lock, YAML(typ="safe").load(text))
    assert renewed == text.replace('any_how: "1"', 'any_how: "2"')


def test_a_build_of_torch_for_one_machine_is_the_version_that_all_have() -> None:
    text = re.sub(r"^torch==\S+", r"\g<0>+cu126", LOCK, flags=re.MULTILINE)
    assert text != LOCK and pins.render(text) == PINS


def test_a_numeric_package_missing_from_the_lock_is_an_error() -> None:
    with pytest.raises(KeyError, match="scikit-learn"):
        pins.render(LOCK.replace("scikit-learn==", "scikit-image=="))
