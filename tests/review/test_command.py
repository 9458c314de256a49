import getpass
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

from reprotune.core.errors import InputError
from reprotune.review.command import find_name


def test_a_reviewer_is_who_was_said_or_whom_git_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody() -> NoReturn:  # as in a container whose user has no name
        raise KeyError

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setattr(getpass, "getuser", nobody)
    assert find_name(" Ann ") == "Ann"
    for given in (None, " "):
        with pytest.raises(InputError, match="nobody knows who decides: --reviewer NAME"):
            find_name(given)
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run(["git", "config", "user.name", "Bea"], check=True)
    assert find_name(" ") == "Bea"
    subprocess.run(["git", "config", "user.name", b"J\xe9r\xf4me"], check=True)  # no UTF-8
    assert find_name(None) == "J\ufffdr\ufffdme"
