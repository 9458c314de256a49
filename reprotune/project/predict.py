"""Label texts of the command line, of standard input or of a file: ``reprotune predict``."""

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pandas as pd

import reprotune
from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.params.fields import list_fields, split_template
from reprotune.core.params_file import load_params
from reprotune.core.printing import say
from reprotune.core.progress import show_progress
from reprotune.data.reading.kinds import PACKED, READABLE, WORDS
from reprotune.project import incoming, labelling, outgoing
from reprotune.project.asking import Wanted
from reprotune.project.doubts import Doubts, check_place
from reprotune.project.incoming import Incoming
from reprotune.project.labelling import Labeller, Text
from reprotune.project.sheets import describe_unread
from reprotune.project.terminal import show

if TYPE_CHECKING:  # whose import takes seconds
    from reprotune.classifier import Classifier

UNREADABLE = (".zip", ".sqlite", ".db", ".docx", ".pdf", ".pkl")
ENDINGS = {*READABLE, *PACKED, *UNREADABLE}.difference(
    WORDS
)  # of what is a file, whether it is there or not
STANDARD = "-"  # standard input
USUAL = "text"  # column of the texts


def predict(wanted: Wanted) -> None:
    """Label the inputs; write a file, or to standard output.

    Raises:
        InputError: a file cannot be read, or there is no exported model that can answer so.
    """
    form = outgoing.choose_format(wanted.output, wanted.format)
    if wanted.doubts:
        check_place(wanted.doubts, wanted.output)
    if not any(map(names_file, wanted.inputs)):
        if wanted.output or wanted.format or wanted.doubts:
            label(incoming.take(wanted.inputs), "text", form, wanted)
        else:
            show_answers(wanted.inputs, wanted)
        return
    with open_input(wanted) as path:
        given, column = look_for_texts(path, wanted.text_column)
        label(given, column, form, wanted)


def look_for_texts(path: Path, column: str | None) -> tuple[Incoming, str]:
    """A file and where its texts are: as asked for, else as the parameters say, else in ``text``.

    Raises:
        InputError: they are in none of these, or the file cannot be read.
    """
    if column:
        return look_into(path, column), column
    problem = None
    for name in list_columns(path):
        try:
            given = look_into(path, name)
        except InputError as error:
            problem = problem or error
            continue
        if name != USUAL:
            say(f"the texts are read from {name!r}, as {paths.PARAMS} says", sys.stderr)
        return given, name
    assert problem
    raise problem


def list_columns(path: Path) -> list[str]:
    """Where the texts may be, the likeliest first: ``text`` may be but one of several columns.

    Positions are in any file, and lines of text have no columns: there, ``text`` is the first.
    """
    try:
        known = str(load_params().download.text_column)
    except InputError:
        return [USUAL]
    if path.suffix.lower() == ".txt" or any(str(one).isdecimal() for one in split_template(known)):
        return [USUAL, known]
    return [known, USUAL]


def look_into(path: Path, column: str, label: str | None = None) -> Incoming:
    """A file with the columns of a template or, though its name has braces, with the one column."""
    fields = list_fields(column)
    try:
        return incoming.look_through(path, fields or [column], label)
    except InputError as error:
        if not fields:
            raise
        try:
            return incoming.look_through(path, [column], label)
        except InputError:
            raise error from None


def names_file(argument: str) -> bool:
    """Whether an argument is a file that is there, or ends as the name of one does."""
    path = Path(argument)
    try:
        is_file = path.exists() or path.suffix.lower() in ENDINGS
        return argument == STANDARD or (is_file and argument != "")
    except OSError:  # too long for a path
        return False


@contextmanager
def open_input(wanted: Wanted) -> Iterator[Path]:
    """The one file among the inputs; standard input as a file, for it is read more than once.

    Raises:
        InputError: there is more beside it, or nobody says what standard input is.
    """
    if len(wanted.inputs) > 1:
        name = next(filter(names_file, wanted.inputs))
        raise InputError(f"{name} is a file: pass one file and nothing beside it, or texts alone")
    if wanted.inputs[0] != STANDARD:
        yield Path(wanted.inputs[0])
        return
    if wanted.text_column and not wanted.input_format:
        raise InputError("--text-column of what? say it with --input-format, such as csv")
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"standard input.{wanted.input_format or 'txt'}"
        with path.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        yield path


def label(given: Incoming, column: str, form: str, wanted: Wanted) -> None:
    """Write the rows with the model's answers, and say which have none."""
    if given.unread:
        say(f"not read: {describe_unread(given.unread)}", sys.stderr)
    classifier = load(wanted.model, wanted.verify)
    threshold = classifier.find_threshold(wanted.abstain)
    schema = labelling.extend(given.schema, classifier.classes)
    report, doubts = labelling.Report(), None
    if wanted.doubts:
        doubts = Doubts(load_params(), classifier.classes, abstains=wanted.abstain is not None)
    parts = labelling.divide(given, column, report)
    with show_progress("predict", given.count, "row") as bar:
        writer = outgoing.WRITERS[form](schema, wanted.guard_cells)
        labeller = labelling.Labeller(classifier, wanted.batch_size, writer, bar, threshold, doubts)
        if wanted.output:
            labeller.save(parts, wanted.output, describe(given, column, form, wanted))
        else:
            write_out(labeller, parts)
    if doubts and wanted.doubts:
        doubts.save(wanted.doubts)
    if report.sentence:
        say(report.sentence, sys.stderr)


def show_answers(texts: Sequence[str], wanted: Wanted) -> None:
    """Label the texts of a command line as a table for people."""
    classifier = load(wanted.model, wanted.verify)
    part = [labelling.find_text(row, "text") for row in incoming.take(texts).read()]
    threshold = classifier.find_threshold(wanted.abstain)
    table = pd.DataFrame(labelling.answer(part, classifier, wanted.batch_size, None, threshold))
    show(table if table[labelling.PROBLEM].any() else table.drop(columns=labelling.PROBLEM))


def load(model: Path, key: Path | None = None) -> "Classifier":
    """An exported model; with a public key, if its owner has signed it.

    Raises:
        InputError: it is not there, or not what was signed.
    """
    if not model.is_dir():  # said at once: the import below takes seconds
        raise InputError(f"{model}: no exported model here; `dvc repro` makes one")
    from reprotune.classifier import Classifier

    return Classifier.load(model, key)


def write_out(labeller: Labeller, parts: Iterator[list[Text]]) -> None:
    """Print the parts; who reads them may stop, as ``head`` does."""
    try:
        labeller.print(parts)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at the end
        sys.exit(1)


def describe(given: Incoming, column: str, form: str, wanted: Wanted) -> dict[str, object]:
    """What the parts of an output depend on: another run with the same goes on from them."""
    files = sorted(file for file in wanted.model.iterdir() if file.is_file())
    return {
        "reprotune": reprotune.__version__,
        "input": given.digest,
        "text_column": column,
        "model": [[f.name, f.stat().st_size, f.stat().st_mtime_ns] for f in files],
        "format": [form, wanted.guard_cells],
        "abstain": wanted.abstain,
        "doubts": wanted.doubts is not None,
        "rows": [labelling.PART, wanted.batch_size],
    }
