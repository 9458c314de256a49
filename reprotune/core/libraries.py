"""What other libraries read from the environment before they are imported, and how they fail."""

import getpass
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

NOBODY = "nobody"
SPINS = "3000"  # rounds in which a thread waits awake; by default 300,000


def prepare_libraries() -> None:
    """Let them share the processors and the terminal; what somebody has set stays.

    Threads of GNU's OpenMP (torch's, scikit-learn's) wait for each other awake, by default so long
    that beside other work everyone waits for threads that do nothing.
    """
    try:
        getpass.getuser()
    except (KeyError, OSError):  # in a container whose user has no name, and DVC asks for one
        os.environ["LOGNAME"] = NOBODY
    os.environ.setdefault("TORCHDYNAMO_DISABLE", "1")  # or bitsandbytes imports a compiler: 1.3 s
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
    if not sys.stderr.isatty():
        os.environ.setdefault("TQDM_DISABLE", "1")  # no bars in a log, which keeps each state


@contextmanager
def raising_panics() -> Iterator[None]:
    """Have a panic of Rust, which is no Exception and prints itself, raised as a ValueError."""
    if sys.__stderr__ is None:  # 2>&-
        yield
        return
    with tempfile.TemporaryFile() as said, os.fdopen(os.dup(2), "wb") as stderr:
        sys.stderr.flush()
        os.dup2(said.fileno(), 2)
        try:
            yield
        except BaseException as error:
            if type(error).__name__ == "PanicException":
                said.truncate(0)
                raise ValueError(str(error)) from None
            raise
        finally:
            sys.stderr.flush()
            os.dup2(stderr.fileno(), 2)
            said.seek(0)
            stderr.write(said.read())
