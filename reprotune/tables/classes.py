"""The order of the classes, which columns of scores and the head of a model follow."""

from collections.abc import Mapping


def class_names(labels: Mapping[str, str | None]) -> list[str]:
    """The class names of ``download.labels`` in class order: sorted.

    Not the order of the mapping, for DVC would not see it change.
    """
    return sorted({name for name in labels.values() if name is not None})
