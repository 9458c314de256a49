"""The texts of a file, as `predict` reads them."""

from pathlib import Path

from reprotune.core.errors import InputError
from reprotune.project import labelling, predict


def read_texts(path: Path, column: str | None) -> tuple[list[str], labelling.Report]:
    """Every text that a model can be asked about, and which rows have none.

    Raises:
        InputError: no row has one, or the file cannot be read.
    """
    given, found = predict.look_for_texts(path, column)
    report = labelling.Report()
    parts = labelling.divide(given, found, report)
    texts = [one.text for part in parts for one in part if not one.problem]
    if not texts:
        raise InputError(f"{path}: {report.sentence or 'no row has a text'}")
    return texts, report
