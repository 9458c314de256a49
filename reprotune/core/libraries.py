"""What other libraries read from the environment, each set before anything imports them."""

import os
import sys

SPINS = "3000"  # rounds in which a thread waits awake; by default 300,000


def prepare_libraries() -> None:
    """Let them share the processors and the terminal; what somebody has set stays.

    Threads of GNU's OpenMP (torch's, scikit-learn's) wait for each other awake, by default so long
    that beside other work everyone waits for threads that do nothing.
    """
    os.environ.setdefault("TORCHDYNAMO_DISABLE", "1")  # or bitsandbytes imports a compiler: 1.3 s
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
    if not sys.stderr.isatty():
        os.environ.setdefault("TQDM_DISABLE", "1")  # no bars in a log, which keeps each state
