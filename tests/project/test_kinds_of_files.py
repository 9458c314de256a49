"""Of files of every kind and fault, ``init`` and ``download`` make what was written down."""

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
from reprotune.project.init import init
from reprotune.project.telling import report
from reprotune.project.wanted import Wanted
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


def describe(name: str, known: dict[str, Any]) -> Wanted:
    """What is typed; files that it names lie in the folder of this name."""
    folder = FILES / name

    def find(file: str | None) -> str | None:
        return str(folder / file) if file and folder.is_dir() and (folder / file).exists() else file

    parts = {
        part: [Path(str(find(known[part])))] for part in ("test", "validation") if part in known
    }
    return Wanted(
        [folder / file for file in known["files"]] if "files" in known else [folder],
        text=known.get("text", "text"),
        label=find(known.get("label", "label")),
        classes=known.get("class_of", ()),
        names=[str(find(one)) for one in known.get("names", ())],
        query=known.get("query"),
        **parts,
    )


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("name", EXPECTED)
def test_what_comes_out_of_a_file_is_what_was_written_down(name: str) -> None:
    known = EXPECTED[name]
    wanted = describe(name, known)
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
    assert {key: getattr(way, key) for key in known.get("read", {})} == known.get("read", {})
    assert seen.rows["split"].dropna().value_counts().to_dict() == known.get("split", {})
    assert seen.rows["text"].iloc[0].startswith(known.get("first", ""))
    told = " ".join(str(cell) for cell in report(seen, way, params, parts).columns[1].cells)
    assert re.search(known.get("said", ""), told)
    download.run(load_params())
    found = metrics.read(paths.DOWNLOAD_METRICS, metrics.Download)
    assert (found.classes, found.bad_rows) == (known["classes"], known.get("bad", {}))
    assert len(paths.BAD_ROWS.read_text("utf-8").splitlines()) == 1 + len(seen.bad)
