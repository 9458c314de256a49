"""Start the flows of ``pipelines``, which need Prefect; the library itself does not."""

import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import NoReturn

from reprotune.core.errors import InputError

FLOWS = {  # of which each is a command
    "reproduce": "Rebuild what changed, one Prefect task a stage.",
    "retrain": "Retrain on what is new, and propose what is not worse.",
    "deploy": "Set a Prefect server up for this project.",
}


def start(name: str, arguments: Sequence[str]) -> NoReturn:
    """Become ``python -m pipelines.NAME``, so that its exit code and its signals are ours.

    Raises:
        InputError: Prefect is not installed.
    """
    if find_spec("prefect") is None:
        raise InputError(f"{name} is a flow, and flows need: pip install 'reprotune[flows]'")
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", f"pipelines.{name}", *arguments])
