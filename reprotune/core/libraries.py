"""What other libraries read from the environment before they are imported, and how they fail."""

import getpass
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from io import TextIOWrapper
from threading import Event
from typing import IO

NOBODY = "nobody"
OURS = Event()  # set in our own programs; elsewhere environment, logs and terminal are the host's
QUIET = (
    "bitsandbytes",  # that a package be installed, which fetches code from the hub
    "transformers.distributed.tensor_parallel",  # that a model for one device is not divided
    "transformers.modeling_utils",  # what a new head lacks: loading.py checks what may be missing
)
SPINS = "3000"  # rounds in which a thread waits awake; by default 300,000


def prepare_libraries() -> None:
    """Let them share the processors and the terminal; what somebody has set stays.

    Threads of GNU's OpenMP (torch's, scikit-learn's) wait for each other awake, by default so long
    that beside other work everyone waits for threads that do nothing.

    It is for programs of ours: what a library is imported into keeps its environment and its logs.
    """
    for stream in (sys.stdout, sys.stderr):  # of a terminal that has not every letter
        if isinstance(stream, TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")
    try:
        getpass.getuser()
    except (KeyError, OSError):  # in a container whose user has no name, and DVC asks for one
        os.environ["LOGNAME"] = NOBODY
    OURS.set()
    quiet_libraries()
    os.environ.setdefault("TORCHDYNAMO_DISABLE", "1")  # or bitsandbytes imports a compiler: 1.3 s
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
    if not sys.stderr.isatty():
        os.environ.setdefault("TQDM_DISABLE", "1")  # no bars in a log, which keeps each state


def quiet_libraries() -> None:
    """Have them tell nobody of this machine, and us nothing that we know."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")


@contextmanager
def raising_panics() -> Iterator[None]:
    """Have a panic of Rust, which is no Exception, raised as a ValueError.

    In programs of ours it prints nothing. Elsewhere others write to standard error meanwhile.
    """
    is_kept = OURS.is_set() and sys.__stderr__ is not None  # 2>&-
    with keeping_stderr() if is_kept else nullcontext() as said:
        try:
            yield
        except BaseException as error:
            if type(error).__name__ != "PanicException":
                raise
            if said:
                said.truncate(0)
            raise ValueError(str(error)) from None


@contextmanager
def keeping_stderr() -> Iterator[IO[bytes]]:
    """A file with what is written to standard error, which goes there in the end."""
    with tempfile.TemporaryFile() as said, os.fdopen(os.dup(2), "wb") as stderr:
        sys.stderr.flush()
        os.dup2(said.fileno(), 2)
        try:
            yield said
        finally:
            sys.stderr.flush()
            os.dup2(stderr.fileno(), 2)
            said.seek(0)
            stderr.write(said.read())
