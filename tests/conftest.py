"""The repository's parameters, and changed copies of them that pass the same checks."""

import os

from reprotune.core.libraries import SPINS, quiet_libraries

# Tiny models: more threads only wait for one another. Before numpy; what tests start inherits it.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("GOMP_SPINCOUNT", SPINS)  # as a stage does: workers share the processors

import itertools
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from ruamel.yaml import YAML

from reprotune.builtin import headlines
from reprotune.core.params import Params
from reprotune.core.params_file import load_params
from reprotune.core.yaml_file import read_yaml
from tests.shared import start_once

if TYPE_CHECKING:  # torch takes seconds, and many tests need none
    from reprotune.models.loading import Precision
    from reprotune.models.prompts import PromptEncoder

quiet_libraries()
PARAMS = Path(__file__).resolve().parents[1] / "profiles/builtin.yaml"


# The files that take longest, the longest first: begun last, they would leave a processor idle.
DEAREST = [
    "pipelines/test_pool.py",
    "pipelines/test_retrain.py",
    "test_rerun.py",
    "test_tutorials.py",
    "stages/test_train.py",
    "export/test_classifier.py",
    "test_secrets.py",
    "pipelines/test_reproduce.py",
    "test_bad_inputs.py",
    "test_any_names.py",
    "comparison/test_verdict.py",
    "models/test_adapters.py",
    "training/test_tune.py",
    "training/test_checkpoints.py",
    "project/test_init.py",
    "models/test_heads.py",
    "stages/test_data_route.py",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    folder = Path(__file__).parent
    place = {folder / file: number for number, file in enumerate(DEAREST)}
    items.sort(key=lambda item: place.get(item.path, len(place)))


@pytest.fixture(scope="session", autouse=True)
def author() -> Iterator[None]:
    """Somebody who commits, for the machine's git may know nobody."""
    with pytest.MonkeyPatch.context() as patch:
        for role, what in itertools.product(("AUTHOR", "COMMITTER"), ("NAME", "EMAIL")):
            patch.setenv(f"GIT_{role}_{what}", "tester@example.org")
        yield


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """A stage before may have set more, which wait for one another in all tests from then on."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)


@pytest.fixture(scope="session")
def params() -> Params:
    return load_params(PARAMS).model_copy(update={"threads": 1})


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """``shared("tests.forked")``: where that is at work, for all workers."""
    folder, user = tmp_path_factory.getbasetemp(), os.getpid()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder, user = folder.parent, os.getppid()
    return lambda module: start_once(module, folder / module.rpartition(".")[2], user)


@pytest.fixture(scope="session")
def prefect_server(shared: Callable[[str], Path]) -> str:
    return shared("tests.prefect_server").read_text()


@pytest.fixture(scope="session")
def forking(shared: Callable[[str], Path]) -> str:
    """A PATH on which stages, `reprotune` and `dvc` import nothing anew."""
    folder = shared("tests.forked")
    return os.pathsep.join([str(folder), str(Path(sys.executable).parent), os.environ["PATH"]])


@pytest.fixture
def forking_python(forking: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What this process starts by ``sys.executable``, and flows by theirs, is forked."""
    monkeypatch.setattr(sys, "executable", shutil.which("python", path=forking))


@pytest.fixture(scope="session")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[dict[str, Any]], Params]:
    """``changed({"train.seed": 2})``: the repository's parameters with these values, checked."""

    def change(values: dict[str, Any]) -> Params:
        tree = read_yaml(PARAMS) | {"threads": 1}
        for key, value in values.items():
            *sections, name = key.split(".")
            section = tree
            for part in sections:
                section = section[part]
            section[name] = value
        path = tmp_path_factory.mktemp("params") / "changed.yaml"
        YAML(typ="safe").dump(tree, path)
        return load_params(path)

    return change


@pytest.fixture(scope="session")
def rows() -> pd.DataFrame:
    return headlines.examples(rows=100, wrong=0.06, repeated=0.02, seed=1)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny Llama."""
    from tests import tiny

    return tiny.save(tmp_path_factory.mktemp("base"))


@pytest.fixture
def encoder() -> "PromptEncoder":
    from reprotune.models.prompts import PromptEncoder
    from tests import tiny

    verbalizers = {name: f" {name}" for name in headlines.CLASSES}
    return PromptEncoder(tiny.tokenizer(), "{text}\nSentiment:", verbalizers, 128)


@pytest.fixture
def nf4() -> "Precision":
    from reprotune.models.loading import Precision

    return Precision("nf4", double_quantization=False, compute_dtype="float32")
