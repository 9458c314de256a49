"""Start with own data, and say what was found and what comes next: ``reprotune init``."""

from reprotune.core import paths
from reprotune.core.printing import say
from reprotune.project.init import Wanted, init, report
from reprotune.project.terminal import put

BUILTIN = (
    "\nThe built-in base model has met no text that a person wrote: it shows that the route works. "
    "For results, take a base model of your own: --model FOLDER"
)


def start(wanted: Wanted) -> None:
    """Write the parameters that fit the files, and show what they say of them.

    Raises:
        InputError: the files cannot be learnt from.
    """
    put(report(*init(wanted)), width=80)
    if wanted.model is None:
        say(BUILTIN)
    say(
        f"\nThe files are in {paths.SOURCE_DATA}, and {paths.PARAMS} fits them; see git diff, "
        "then: make repro"
    )
