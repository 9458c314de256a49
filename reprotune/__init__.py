"""Fine-tune a language model into a text classifier whose every number can be rebuilt."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reprotune.classifier import Classifier
    from reprotune.comparison.verdict import compare_revisions as compare
    from reprotune.core.errors import InputError

    __version__: str

__all__ = ["Classifier", "InputError", "__version__", "compare"]

PLACES = {  # public name: module and name
    "Classifier": ("reprotune.classifier", "Classifier"),
    "InputError": ("reprotune.core.errors", "InputError"),
    "compare": ("reprotune.comparison.verdict", "compare_revisions"),
}

if not TYPE_CHECKING:  # which would take any name for one of ours

    def __getattr__(name: str) -> object:
        """Import a public name when it is asked for (PEP 562), for torch takes seconds."""
        if name == "__version__":
            return import_module("importlib.metadata").version("reprotune")
        if name in PLACES:
            module, attribute = PLACES[name]
            return getattr(import_module(module), attribute)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
