"""What the model is unsure of or contradicts among the rows that it was asked: for people."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from reprotune.core.errors import InputError
from reprotune.core.params import Params
from reprotune.data.reading.columns import find_cell
from reprotune.data.reading.labels import match_spellings, spell
from reprotune.project.labelling import PREDICTED, PROBLEM, Text
from reprotune.tables import cells


class Doubt(NamedTuple):
    """A text; the less of it the model gives to its label, or else to its own answer, the sooner.

    ``label`` is that of the file, empty if it has none.
    """

    score: float
    text: str
    label: str
    predicted: str


class Doubts:
    """The most doubtful rows of each part; a row that keeps its answer to a promise is none."""

    def __init__(self, params: Params, classes: Sequence[str], *, abstains: bool) -> None:
        self.classes, self.abstains = list(classes), abstains
        self.most, self.guarded = params.audit.review_rows, params.guard_cells
        self.label_column = str(params.download.label_column or "label")
        self.known: dict[str, str | None] = {name: name for name in self.classes}
        self.known |= params.download.labels
        self.found: list[Doubt] = []

    def add(self, part: Sequence[Text], rows: Sequence[Mapping[str, object]]) -> str:
        """Take up what a part has; returns it as ``take`` reads it."""
        found = rank(self.look(part, rows), self.most)
        self.keep(found)
        return json.dumps(found)

    def take(self, found: str) -> None:
        """Take up what was found before the process was stopped."""
        self.keep(map(Doubt._make, json.loads(found)))

    def keep(self, more: Iterable[Doubt]) -> None:
        """The most doubtful of all until now."""
        self.found = rank([*self.found, *more], self.most)

    def look(self, part: Sequence[Text], rows: Sequence[Mapping[str, object]]) -> Iterator[Doubt]:
        for one, row in zip(part, rows, strict=True):
            if row[PROBLEM]:
                continue
            shares = {name: float(str(row[name])) for name in self.classes}
            said = max(self.classes, key=shares.__getitem__)
            label = self.name(find_cell(self.label_column, one.row.values))
            if label in ("", said) and self.abstains and row[PREDICTED]:
                continue
            yield Doubt(shares[label or said], one.text, label, said)

    def name(self, value: object) -> str:
        """The class of a raw label; empty if there is none, or it is none of the model's."""
        raw = spell(value)
        name = self.known.get(raw)
        if raw and raw not in self.known:
            found = match_spellings([raw], self.known)
            self.known |= found
            name = found.get(raw)
        return name if name in self.classes else ""

    def save(self, file: Path) -> None:
        """Write them, each text once, the most doubtful first."""
        table = pd.DataFrame(self.found, columns=Doubt._fields)
        cells.write(table[["text", "label", "predicted", "score"]], file, self.guarded)


def rank(doubts: Iterable[Doubt], most: int) -> list[Doubt]:
    """The most doubtful ones, each text once."""
    best: dict[str, Doubt] = {}
    for one in sorted(doubts):
        best.setdefault(one.text, one)
    return list(islice(best.values(), most))


def check_place(file: Path, output: Path | None) -> None:
    """Raise InputError if doubts cannot be written there: said before hours of work."""
    if file.suffix.lower() != ".csv" or file.is_dir() or file == output:
        raise InputError(f"--doubts {file}: name a .csv file that is not the output")
