"""Label any number of rows, part by part: what is done stays done when the process is killed."""

import fcntl
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from reprotune.core.errors import InputError
from reprotune.core.io import whole_file
from reprotune.core.printing import count_of, pour
from reprotune.data.reading.bad_rows import find_fault
from reprotune.data.reading.cleaning import clean
from reprotune.data.reading.columns import lacks_part, take_text
from reprotune.project.incoming import Incoming, Row
from reprotune.project.outgoing import Writer

if TYPE_CHECKING:  # the first takes seconds
    from reprotune.classifier import Classifier
    from reprotune.project.doubts import Doubts

PART = 2048  # rows: texts that are sorted by length, and what a kill can lose
SHOWN = 5  # rows without an answer that are named
DECIMALS = 6  # of a probability
PREDICTED, PROBLEM = "predicted", "problem"  # columns beside those of the classes

Tell = Callable[[float], None]


class Text(NamedTuple):
    """A row, and its text unless there is a problem."""

    row: Row
    text: str
    problem: str
    is_partial: bool = False  # some of several columns are empty


@dataclass
class Report:
    """Rows without an answer, and why; the first is row 1."""

    rows: int = 0
    count: int = 0
    partial: int = 0  # of which some of several text columns are empty
    first: list[str] = field(default_factory=list)

    def add(self, problem: str, is_partial: bool = False) -> None:
        self.rows += 1
        self.partial += is_partial
        if problem:
            self.count += 1
            self.first += [f"row {self.rows}: {problem}"] if self.count <= SHOWN else []

    @property
    def sentence(self) -> str:
        """What a person must know; empty if there is nothing."""
        more = f" and {self.count - SHOWN} more" if self.count > SHOWN else ""
        told = [
            f"{self.count} of {count_of(self.rows, 'row')} without an answer: "
            f"{'; '.join(self.first)}{more}"
            if self.count
            else "",
            f"{count_of(self.partial, 'row')} with some of the text columns empty"
            if self.partial
            else "",
        ]
        return "\n".join(filter(None, told))


def find_text(row: Row, column: str) -> Text:
    """The text as training would see it, or why there is none."""
    if row.problem:
        return Text(row, "", row.problem)
    value = take_text(column, row.values)
    if fault := find_fault(value, "text"):
        return Text(row, "", fault)
    return Text(row, clean(value), "", lacks_part(column, row.values))


def divide(incoming: Incoming, column: str, report: Report) -> Iterator[list[Text]]:
    """The rows in parts, each with its text; the report hears of all."""
    rows = incoming.read()
    while part := [find_text(row, column) for row in islice(rows, PART)]:
        for one in part:
            report.add(one.problem, one.is_partial)
        yield part


def extend(schema: Any, classes: Sequence[str]) -> Any:
    """The columns of the input, then those of the answers, of which its own schema knows nothing.

    Raises:
        InputError: the input has one of these already.
    """
    answers = {PREDICTED: pa.string(), **dict.fromkeys(classes, pa.float64()), PROBLEM: pa.string()}
    if clash := sorted(set(answers) & set(schema.names)):
        raise InputError(f"the file already has the columns {clash}; rename them")
    for name, kind in answers.items():
        schema = schema.append(pa.field(name, kind))
    kept = schema.metadata or {}
    return schema.with_metadata({key: kept[key] for key in kept if key != b"huggingface"})


def answer(
    part: Sequence[Text],
    classifier: "Classifier",
    batch_size: int,
    tell: Tell | None = None,
    threshold: float = 0.0,
) -> list[dict[str, object]]:
    """The rows with what the model says; where there is no text, with the reason.

    Up to the threshold, a probability, it says nothing.
    """
    asked = [one.text for one in part if not one.problem]
    shares = classifier.predict_proba(asked, batch_size, tell)
    names, rounded = iter(classifier.name(shares, threshold)), iter(shares.round(DECIMALS).tolist())
    nothing: dict[str, object] = dict.fromkeys([PREDICTED, *classifier.classes])
    rows = []
    for one in part:
        said = nothing
        if not one.problem:
            pairs = zip(classifier.classes, next(rounded), strict=True)
            said = {PREDICTED: str(next(names)), **dict(pairs)}
        rows.append({**one.row.values, **said, PROBLEM: one.problem or None})
    return rows


@dataclass(frozen=True)
class Labeller:
    """A model, how it is asked, and how its answers are written."""

    classifier: "Classifier"
    batch_size: int
    writer: Writer
    bar: Any  # of rows
    threshold: float = 0.0  # of the probability, up to which there is no answer
    doubts: "Doubts | None" = None

    def label(self, part: Sequence[Text], first: bool, kept: Path | None = None) -> bytes:
        """A part of the output; the bar moves as its tokens are read, not as its texts are."""
        start = self.bar.n
        done = 0.0

        def tell(share: float) -> None:
            nonlocal done
            done += share * len(part)
            self.bar.update(start + int(done) - self.bar.n)

        rows = answer(part, self.classifier, self.batch_size, tell, self.threshold)
        self.bar.update(start + len(part) - self.bar.n)
        if self.doubts:
            found = self.doubts.add(part, rows)
            if kept:
                kept.write_text(found, "utf-8")
        return self.writer.encode(rows, first)

    def print(self, parts: Iterator[list[Text]]) -> None:
        """Write each part to standard output once it is done."""
        for number, part in enumerate(parts):
            pour(self.label(part, first=number == 0).decode())

    def save(self, parts: Iterator[list[Text]], output: Path, made_from: dict[str, object]) -> None:
        """Write a file once all parts are there; those of a killed run of the same are kept."""
        with open_parts(output, made_from) as folder:
            files = []
            for number, part in enumerate(parts):
                files.append(folder / f"{number:08}")
                kept = files[-1].with_suffix(".doubts")
                if files[-1].exists():
                    if self.doubts:
                        self.doubts.take(kept.read_text("utf-8"))
                    self.bar.initial += len(part)
                    self.bar.update(len(part))
                    continue
                with whole_file(files[-1]) as partial:
                    partial.write_bytes(self.label(part, number == 0, kept))
            with whole_file(output) as partial:
                self.writer.join(files, partial)


@contextmanager
def open_parts(output: Path, made_from: dict[str, object]) -> Iterator[Path]:
    """A folder beside the output, for its parts; it goes once the output is complete.

    Raises:
        InputError: another process writes the same output, or nobody may.
    """
    folder = output.with_name(f".{output.name}.parts")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            keep_parts(folder, json.dumps(made_from, indent=1))
            yield folder
            shutil.rmtree(folder)
    except BlockingIOError:
        raise InputError(f"{output}: another process is writing it; wait for it") from None
    except OSError as error:
        raise InputError(f"{output}: cannot be written: {error}") from None


def keep_parts(folder: Path, made_from: str) -> None:
    """Remove the parts that were made from something else."""
    mark = folder / "made_from.json"
    if mark.exists() and mark.read_text(encoding="utf-8") == made_from:
        return
    for file in folder.glob("[0-9]*"):
        file.unlink()
    with whole_file(mark) as partial:
        partial.write_text(made_from, encoding="utf-8")
