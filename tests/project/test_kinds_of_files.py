"""Files with one fault each: ``init`` and ``download`` make of them what was written down."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.params_file import load_params
from reprotune.core.yaml_file import read_yaml
from reprotune.data.reading.bad_rows import count_kinds
from reprotune.project.init import Wanted, init, report
from reprotune.tables import metrics
from stages import download
from tests.projects import ROOT

FILES = ROOT / "tests/files"
EXPECTED: dict[str, dict[str, Any]] = read_yaml(FILES / "expected.yaml")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "profiles", tmp_path / "profiles")
    shutil.copytree(ROOT / "models/source/builtin", tmp_path / "models/source/builtin")
    (tmp_path / paths.SOURCE_DATA).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)


def test_every_file_has_its_line() -> None:
    assert {file.name for file in FILES.iterdir()} == {*EXPECTED, "expected.yaml"}


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("name", EXPECTED)
def test_what_comes_out_of_a_file_is_what_was_written_down(name: str) -> None:
    known = EXPECTED[name]
    wanted = Wanted(
        [FILES / name], text=known.get("text", "text"), label=known.get("label", "label")
    )
    if "refused" in known:
        with pytest.raises(InputError, match=re.compile(known["refused"], re.DOTALL)):
            init(wanted)
        assert not any(paths.SOURCE_DATA.iterdir())
        return
    seen, way, params, parts = init(wanted)
    assert (seen.classes.to_dict(), count_kinds(seen.bad)) == (
        known["classes"],
        known.get("bad", {}),
    )
    told = " ".join(str(cell) for cell in report(seen, way, params, parts).columns[1].cells)
    assert re.search(known.get("said", ""), told)
    download.run(load_params())
    found = metrics.read(paths.DOWNLOAD_METRICS, metrics.Download)
    assert (found.classes, found.bad_rows) == (known["classes"], known.get("bad", {}))
    assert len(paths.BAD_ROWS.read_text("utf-8").splitlines()) == 1 + len(seen.bad)
