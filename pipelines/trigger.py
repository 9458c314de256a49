"""When what is new is worth a retraining: enough rows or decisions, or rows of another kind."""

import csv
import hashlib
import io
import re
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Annotated

import pandas as pd
from pydantic import BaseModel, Field, ValidationError

from pipelines import commands
from pipelines.workspace import git, limit
from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.params import Params
from reprotune.core.printing import count_of
from reprotune.data.reading.files import read_files
from reprotune.tables import schemas

NEW = paths.WORK / "new.parquet"  # texts, for `reprotune drift`
BEGUN = ("dvc.lock", "dvc.yaml", "params.yaml", "pins.yaml", "stages")  # what is retrained
SKEW = timedelta(minutes=10)  # by which clocks may differ
WHY = re.compile(r"^Why: (.*)$", re.MULTILINE)  # in the message of a retraining's commit


class Trigger(BaseModel):
    """What makes a retraining due; a newer revision or a commit that was not run always does."""

    rows: Annotated[
        int, Field(ge=1, description="so many new rows in the source files are enough")
    ] = 1
    decisions: Annotated[
        int, Field(ge=1, description="so many new decisions of reviewers are enough")
    ] = 1
    drift: Annotated[
        bool, Field(description="new rows of another kind are enough, however few")
    ] = False
    cool_down: Annotated[
        float, Field(ge=0, le=3650, description="days after the last retraining without another")
    ] = 0

    @property
    def takes_all(self) -> bool:
        """Whether anything new is enough."""
        return self.rows == 1 and self.decisions == 1


def find_reason(
    folder: Path, news: Sequence[str], trigger: Trigger, params: Params
) -> tuple[bool, str]:
    """Whether what was found is enough, and why or why not."""
    counted = (f"{paths.SOURCE_DATA.as_posix()}/", f"{params.curate.decisions} ")
    other = [told for told in news if not told.startswith(counted)]
    if trigger.takes_all or other:
        return True, "; ".join(other or news)
    try:
        texts = find_new_texts(folder, params)
    except InputError as error:  # the run says it, with rule and rows
        return True, f"the sources cannot be counted: {error}"
    decisions = count_new_rows(folder, params.curate.decisions)
    told = [
        f"{count_of(len(texts), 'new row')} (enough: {trigger.rows})",
        f"{count_of(decisions, 'new decision')} (enough: {trigger.decisions})",
    ]
    if len(texts) >= trigger.rows:
        return True, told[0]
    if decisions >= trigger.decisions:
        return True, told[1]
    if trigger.drift and texts:
        has_drifted, sentence = ask_drift(folder, texts)
        if has_drifted:
            return True, f"{told[0]}; {sentence}"
        told.append(sentence)
    return False, "; ".join(told)


def hash_reason(folder: Path, news: Sequence[str]) -> str:
    """What a retraining is called by: what is new, and what it is new to.

    The same data under other parameters, or beside another run, were never tried.
    """
    begun = git(folder, "ls-tree", "HEAD", "--", *BEGUN)
    return hashlib.sha256("\n".join([*news, begun]).encode()).hexdigest()[:10]


def find_new_texts(folder: Path, params: Params) -> list[str]:
    """The texts of the source files that the last run did not have, repeated ones as often.

    Raises:
        InputError: the files cannot be read.
    """
    reading = read_files(params.download, folder / paths.SOURCE_DATA, folder / paths.WORK)
    new: Counter[str] = Counter(reading.rows.dropna(subset="label")["text"])  # as the stage does
    if (folder / paths.RAW).is_file():
        new -= Counter(schemas.read(folder / paths.RAW, schemas.Raw)["text"])
    return list(new.elements())


def count_new_rows(folder: Path, file: str) -> int:
    """Rows of a table in a file, below its header, that the last commit has not."""
    place = folder / file
    if not place.is_file():
        return 0
    is_known = git(folder, "ls-tree", "HEAD", "--", file)
    known = git(folder, "show", f"HEAD:./{file}") if is_known else ""
    sides = (place.read_text("utf-8", "replace"), known)
    here, there = (csv.reader(io.StringIO(side, newline="")) for side in sides)
    rows, old = (Counter(map(tuple, islice(side, 1, None))) for side in (here, there))
    return (rows - old).total()


def ask_drift(folder: Path, texts: Sequence[str]) -> tuple[bool, str]:
    """Whether new texts are of another kind, and what is said of it."""
    (folder / NEW).parent.mkdir(exist_ok=True)
    pd.DataFrame({"text": texts}).to_parquet(folder / NEW)
    command = ["drift", str(NEW), "--text-column", "text"]
    try:
        found = commands.ask_reprotune(command, folder)
    except commands.FlowError as error:  # too few
        return False, str(error)
    return bool(found["drift"]), str(found["sentence"])


def find_rest(folder: Path, message: str, trigger: Trigger) -> datetime | None:
    """The end of the cool-down after the last retraining; None if it is over.

    ``message`` is how the messages of retrainings begin. One dated in days to come, by a clock that
    was wrong, starts no rest: it would last until that day.
    """
    listed = git(
        folder, "log", "--format=%cI", f"--grep=^{message}", "--remotes=origin/retrain", "HEAD",
        *limit(folder),
    )  # fmt: skip
    now = datetime.now(UTC)
    dates = [datetime.fromisoformat(date) for date in listed.split()]
    past = [min(date, now) for date in dates if date <= now + SKEW]
    end = max(past) + timedelta(days=trigger.cool_down) if past else now
    return end if end > now else None


def add_options(parser: ArgumentParser) -> None:
    """The parts of a trigger as options of the command line."""
    for name, field in Trigger.model_fields.items():
        option, told = f"--{name.replace('_', '-')}", f"{field.description} (%(default)s)"
        if field.annotation is bool:
            parser.add_argument(option, action="store_true", help=told)
        else:
            kind = float if field.annotation is float else int
            parser.add_argument(option, type=kind, default=field.default, help=told)


def read_options(parser: ArgumentParser, given: Namespace) -> dict[str, float]:
    """The values of a trigger; ends with a message about usage if one cannot be."""
    try:
        return Trigger(**{name: getattr(given, name) for name in Trigger.model_fields}).model_dump()
    except ValidationError as error:
        first = error.errors()[0]
        parser.error(f"--{str(first['loc'][0]).replace('_', '-')}: {first['msg']}")
