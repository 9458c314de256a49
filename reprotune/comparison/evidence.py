"""The files of a revision that bear on its figures."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd
from pydantic import ValidationError

from reprotune.comparison.forms import COLUMNS, read_record
from reprotune.comparison.revision import Revision
from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.params import Params
from reprotune.core.params_file import explain
from reprotune.tables import metrics
from reprotune.tables.classes import class_names

PREDICTED = (paths.PREDICTIONS, paths.FIT, paths.BASELINE_PREDICTIONS)


@dataclass(frozen=True)
class Evidence:
    """What git holds of a run; what is damaged raises InputError, what is not there is None."""

    revision: Revision

    @cached_property
    def params(self) -> Params:
        try:
            return Params.model_validate(self.revision.read_yaml(paths.PARAMS))
        except ValidationError as error:
            raise InputError(f"{paths.PARAMS}: {explain(error)}") from None

    @cached_property
    def classes(self) -> list[str]:
        return class_names(self.params.download.labels)

    @cached_property
    def tables(self) -> dict[Path, pd.DataFrame]:
        """The tables that are there."""
        found = {path: self.revision.read_table(path) for path in COLUMNS}
        return {path: table for path, table in found.items() if table is not None}

    @property
    def predicted(self) -> dict[Path, pd.DataFrame]:
        """The predictions that are there."""
        return {path: self.tables[path] for path in PREDICTED if path in self.tables}

    @property
    def rows(self) -> pd.DataFrame | None:
        """Every row with its label and role."""
        return self.tables.get(paths.ROWS)

    def need(self, path: Path, by: Path) -> pd.DataFrame:
        """A table on which a file of figures rests."""
        if path not in self.tables:
            raise InputError(f"{by} rests on {path}, which is not there")
        return self.tables[path]

    def read(self, path: Path, kind: type[metrics.Record]) -> metrics.Record | None:
        """A file of figures."""
        found = self.revision.read_bytes(path)
        return None if found is None else read_record(found, kind, path)
