"""Where Python looks for modules first. Nothing but what is loaded anyway is imported here."""

import sys

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
