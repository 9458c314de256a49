"""What messages call a file that was made of a person's own, and is gone when they are read."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from reprotune.core.errors import InputError
from reprotune.project.folders import find_place
from reprotune.project.wanted import Wanted


@dataclass(frozen=True)
class Names:
    """Of the files that are made of a source in a folder, and of those that it had packed."""

    source: Path
    folder: Path
    known: dict[str, str] = field(default_factory=dict)

    def learn(self, found: Wanted) -> Wanted:
        """The same, once it is known which of its files are made, and which part each is."""
        parts = {"train": found.files, "validation": found.validation, "test": found.test}
        for part, files in parts.items():
            called = f"{self.source} ({part})" if found.test else str(self.source)
            made = (file for file in files if file.parent == self.folder)
            self.known.update(dict.fromkeys(map(str, made), called))
        return found

    def tell(self, text: str) -> str:
        """The text with these names."""
        unpacked = {str(find_place(self.source, self.folder)): str(self.source)}
        for file, called in (self.known | unpacked).items():
            text = text.replace(file, called)
        return text

    @contextmanager
    def naming(self) -> Iterator[None]:
        """Have messages of errors name what files were made of."""
        try:
            yield
        except InputError as error:
            raise InputError(self.tell(str(error))) from None
