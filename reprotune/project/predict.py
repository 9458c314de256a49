"""Label texts of the command line, or a column of a file: ``reprotune predict``."""

import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pandas as pd

from reprotune.core.errors import InputError
from reprotune.core.io import whole_file
from reprotune.core.params import Download
from reprotune.data.reading.files import READABLE
from reprotune.project.sniff import readable
from reprotune.project.terminal import show

UNREADABLE = (".xlsx", ".xls", ".ods", ".json", ".gz", ".zst", ".zip", ".docx", ".pdf", ".pkl")
ENDINGS = {*READABLE, *UNREADABLE}  # of what is a file, whether it is there or not
QUOTED: Final = csv.QUOTE_NONNUMERIC  # unquoted, a lone carriage return would end the row
LINES = {".txt", ".neg", ".pos"}  # in which every line is a text


def predict(
    inputs: Sequence[str],
    model: Path,
    column: str,
    output: Path | None,
    batch_size: int,
    abstain: float | None = None,
) -> None:
    """Label the inputs; write a CSV file, or show them on the terminal.

    Raises:
        InputError: a file cannot be read, or there is no exported model.
    """
    from_file = any(map(names_file, inputs))
    table = read_table(inputs, column) if from_file else pd.DataFrame({"text": list(inputs)})
    labelled = label(table, column if from_file else "text", model, batch_size, abstain)
    if output is not None:
        with whole_file(output) as partial:
            labelled.to_csv(partial, index=False, quoting=QUOTED)
    elif from_file:
        labelled.to_csv(sys.stdout, index=False, quoting=QUOTED)
    else:
        show(labelled)


def names_file(argument: str) -> bool:
    """Whether an argument is a file that is there, or ends as the name of one does."""
    path = Path(argument)
    try:
        return path.exists() or path.suffix.lower() in ENDINGS
    except OSError:  # too long for a path
        return False


def read_table(inputs: Sequence[str], column: str) -> pd.DataFrame:
    """The one file among the arguments, its encoding and delimiter guessed as by init.

    Raises:
        InputError: there is more beside it, or it cannot be read, or it lacks the column.
    """
    if len(inputs) > 1:
        name = next(filter(names_file, inputs))
        raise InputError(f"{name} is a file: pass one file and nothing beside it, or texts alone")
    path = Path(inputs[0])
    kind = path.suffix.lower()
    if kind not in READABLE:
        raise InputError(
            f"{path}: cannot read a {kind or 'nameless'} file; allowed: {', '.join(READABLE)}"
        )
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    is_lines = kind in LINES
    way = Download.model_construct(
        header=not is_lines, text_column=0 if is_lines else column, label_column=None
    )
    encoding = "utf-8" if kind == ".parquet" else None  # which is no text: nothing to guess
    try:
        _, (table,) = readable([path], way, encoding, None)
    except InputError as error:
        raise InputError(f"{error}; see --text-column") from None
    return table.rename(columns={0: column}) if is_lines else table


def label(
    table: pd.DataFrame, column: str, model: Path, batch_size: int, abstain: float | None
) -> pd.DataFrame:
    """The table, then ``predicted`` and a probability for each class, with six decimals."""
    if not model.is_dir():  # said at once: the import below takes seconds
        raise InputError(f"{model}: no exported model here; `dvc repro` makes one")
    from reprotune.classifier import Classifier

    classifier = Classifier.load(model)
    clash = sorted({"predicted", *classifier.classes} & set(map(str, table.columns)))
    if clash:
        raise InputError(f"the file already has the columns {clash}; rename them")
    texts = table[column].fillna("").astype("str")
    labelled = classifier.label(texts, batch_size, abstain).round(6)
    return pd.concat([table.reset_index(drop=True), labelled], axis=1)
