"""What a cell becomes before a model sees it: the same for training, predict, score and Python."""

import re


def clean(value: object) -> str:
    """The text of a cell: with one kind of line break, and whole numbers without a point.

    Whether a column of numbers has floats depends on whether one is missing.
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return re.sub(r"\r\n?", "\n", str(value))
