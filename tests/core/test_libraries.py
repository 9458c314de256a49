"""What a machine lacks, a terminal's letters or a user's name, ends no command."""

import getpass
import os
import sys
from io import BytesIO, TextIOWrapper

import pytest

from reprotune.core.libraries import NOBODY, prepare_libraries
from reprotune.core.printing import say


def test_letters_that_a_terminal_has_not_are_spelled_out(monkeypatch: pytest.MonkeyPatch) -> None:
    written = BytesIO()
    monkeypatch.setattr(sys, "stdout", TextIOWrapper(written, "latin-1"))
    prepare_libraries()
    say("0.8 → 0.9, é")
    assert written.getvalue() == b"0.8 \\u2192 0.9, \xe9\n"


def test_a_user_without_a_name_has_one_for_dvc(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "ada")  # so that it is as before in the end
        monkeypatch.delenv(name)
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)
    prepare_libraries()
    assert getpass.getuser() == NOBODY == os.environ["LOGNAME"]
