"""What a session was started with, and what of it is another since."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.params_file import load_params
from reprotune.review.log import identify
from reprotune.tables.classes import class_names


class Sources:
    """The files of a queue, and the classes that ``params.yaml`` names."""

    def __init__(self, files: Sequence[Path], classes: Sequence[str]) -> None:
        self.known = {file: stamp(file) for file in files}
        self.classes, self.params = list(classes), stamp(paths.PARAMS)
        self.are_others = False  # the classes

    def tell(self) -> str:
        """What was changed, in words; empty if nothing was."""
        if any(stamp(file) != known for file, known in self.known.items()):
            return "The data was made anew"
        if (now := stamp(paths.PARAMS)) != self.params:
            self.params = now
            with suppress(InputError):  # somebody is about to write it
                self.are_others = class_names(load_params().download.labels) != self.classes
        return "The classes became others" if self.are_others else ""


def stamp(file: Path) -> tuple[int, int, int] | None:
    """What a file has another of once it is written; None if it is not there."""
    return identify(file.stat()) if file.exists() else None
