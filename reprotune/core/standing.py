"""How a program of ours starts. Nothing but what is loaded anyway is imported here."""

import os
import sys

HABITS = {"PYTHONOPTIMIZE", "PYTHONWARNINGS"}  # of people who test code of their own
STREAMS = {"stdin": "r", "stdout": "w", "stderr": "w"}
LIBRARIES = ("site-packages", "dist-packages")  # folders in which packages are installed


def look_here_last() -> None:
    """Have packages before the files of this folder, which may be called as they are.

    ``python -m`` looks here first: ``random.py`` or ``datasets.py`` of a project would be taken for
    what libraries import.
    """
    if not sys.flags.safe_path:  # else it does not look here
        here = sys.path.pop(0)
        ends = [at for at, place in enumerate(sys.path, start=1) if place.endswith(LIBRARIES)]
        sys.path.insert(max(ends, default=len(sys.path)), here)


def stand() -> None:
    """Start as libraries need it, whatever the environment says to code of other people.

    With docstrings (PYTHONOPTIMIZE=2 takes them away) and without warnings that are raised, for
    which the program starts anew; and with streams. Where a caller has closed one (``>&-``), the
    next file that is opened would get its number.
    """
    raised = any(option.startswith("error") for option in sys.warnoptions)
    told = HABITS & os.environ.keys()
    if told and (sys.flags.optimize > 1 or raised):
        for name in told:
            del os.environ[name]
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
    for number in range(len(STREAMS)):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest free number
    for name, mode in STREAMS.items():
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115
