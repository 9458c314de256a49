"""Files that are named in parameters, profiles and sweeps lie in the project."""

from pathlib import Path

import pytest

from reprotune import cli
from reprotune.core.inside import is_inside
from reprotune.core.params.fields import stay_inside


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project beside a secret, with links to it and to what may be linked to."""
    secret = tmp_path / "secret.yaml"
    secret.write_text("hidden: x")
    folder = tmp_path / "project"
    (folder / "profiles").mkdir(parents=True)
    kept = tmp_path / "cache/files/md5/ab" / ("0" * 30)
    kept.parent.mkdir(parents=True)
    kept.touch()
    links = {"out": secret, "kept": kept, "loop": Path("loop"), "near": Path("there")}
    for name, end in links.items():
        (folder / name).symlink_to(end)
    (folder / "profiles/evil.yaml").symlink_to(secret)
    (folder / "up").symlink_to(tmp_path)
    (folder / "there").touch()
    monkeypatch.chdir(folder)
    return folder


def test_a_link_counts_as_what_it_leads_to(project: Path) -> None:
    for name in ("there", "near", "not/yet", "kept", "loop"):
        assert is_inside(Path(name)) and stay_inside(name) == name
    for name in ("out", "up/secret.yaml"):
        assert not is_inside(Path(name))
        with pytest.raises(ValueError, match=r"is a link out of this project, to .*secret\.yaml"):
            stay_inside(name)


@pytest.mark.parametrize(
    "arguments", [["sweep", "../secret.yaml"], ["sweep", "out"], ["use", "evil"]]
)
def test_a_command_reads_no_file_from_elsewhere(project: Path, arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="leads out of") as refused:
        cli.main(arguments)
    assert "hidden" not in str(refused.value.code)
