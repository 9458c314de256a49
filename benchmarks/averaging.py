"""Whether several seeds are more together than one: the mean of their probabilities.

python -m benchmarks.averaging FILE FILE ... (``reports/predictions/evaluate.csv`` of each run)
"""

import sys
from pathlib import Path

import numpy as np

from reprotune.core import paths
from reprotune.tables import predictions


def main(*files: str) -> None:
    tables = [predictions.read(Path(file)) for file in files or [paths.PREDICTIONS]]
    first = tables[0]
    assert all(table[["id", "label"]].equals(first[["id", "label"]]) for table in tables)
    alone = [float((table["predicted"] == table["label"]).mean()) for table in tables]
    classes = list(first.columns.difference(["id", "text", "label", "predicted"], sort=False))
    mean = np.mean([table[classes].to_numpy() for table in tables], axis=0)
    together = float((np.array(classes)[mean.argmax(axis=1)] == first["label"]).mean())
    print(f"alone {', '.join(f'{value:.4f}' for value in alone)}: {np.mean(alone):.4f} in the mean")
    print(f"the mean of their probabilities: {together:.4f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
