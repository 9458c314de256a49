"""Start with own data, and say what was found and what comes next: ``reprotune init``."""

import math
import shlex
from collections.abc import Mapping

import pandas as pd

from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.params import Download, Params
from reprotune.core.printing import count_of, say
from reprotune.project import profiles
from reprotune.project.capacity import takes_days
from reprotune.project.columns import list_others
from reprotune.project.first_run import EPOCHS, choose_passes
from reprotune.project.init import init
from reprotune.project.telling import list_some, report
from reprotune.project.terminal import put
from reprotune.project.trial import Pace, measure_pace
from reprotune.project.wanted import Wanted

FEW = 100  # texts a class: a judgement, with fewer frozen features are likely the better start
BUSY = 0.2  # share of its time that a trial waited for a processor, from which it misleads
LEAST = 0.01  # passes over the rows, however few minutes there are
BUILTIN = (
    "\nThe built-in base model has met no text that a person wrote: it shows that the route works. "
    "For results, take a base model of your own: --model FOLDER"
)


def start(wanted: Wanted) -> None:
    """Write the parameters that fit the files, and show what they say of them.

    With ``minutes``, this machine is measured, and training is given as many epochs as they allow.

    Raises:
        InputError: the files cannot be learnt from, or the model is not here or cannot be trained.
    """
    if wanted.minutes and wanted.model is None and not paths.BUILTIN_MODEL.is_dir():
        raise InputError(
            f"{paths.BUILTIN_MODEL}: the built-in base model is not here any more; name one of "
            f"{paths.SOURCE_MODELS} by --model, or git checkout it; nothing was written"
        )
    seen, way, params, parts = init(wanted)
    put(report(seen, way, params, parts), width=80)
    if made := list_made_files(way, wanted):
        say(
            f"\n{list_some(made)}: written by init, with the rows of what was given; when that "
            "changes, run init again"
        )
    if others := list_unread_files(way):
        say(
            f"\n{paths.SOURCE_DATA} also holds {list_some(others)}: nothing reads that any more; "
            "remove what is not needed, or name all files to read them together"
        )
    if way.label_column is not None and None in (wanted.text, wanted.label):
        say(
            f"\nTexts are those of column {way.text_column!r}, labels those of "
            f"{way.label_column!r}, by names and contents; if not: --text COLUMN --label COLUMN"
        )
        texts, labels = list_others(paths.SOURCE_DATA / way.files[0].location, way)
        told = " ".join(shlex.quote(str(name)) for name in (way.text_column, *texts))
        if texts and wanted.text is None:
            say(f"There are more columns of texts; all of them: --text {told}")
        if labels and wanted.label is None:
            say(f"More columns that may be the labels: {list_some(labels)}")
    if wanted.minutes and not takes_days(params):
        say("\nTrying a few steps of training on this machine:")
        say(fit_training(params, parts, wanted.minutes))
    elif (share := params.train.fraction) < 1:
        rows = len(parts["train"])
        say(f"\nTraining reads {round(share * rows)} of {count_of(rows, 'row')} (train.fraction)")
    if wanted.model is None:
        say(BUILTIN)
    if params.roles.strategy == "hashed":
        say(
            "\nIf rows will be added (reprotune retrain): with --growing, test rows stay test rows."
        )
    say(
        f"\nThe files are in {paths.SOURCE_DATA}, and {paths.PARAMS} fits them; see git diff, "
        "then: make repro"
    )


def list_made_files(way: Download, wanted: Wanted) -> list[str]:
    """The files that hold rows of others: of a folder, a database, or of several columns."""
    given = {file.name for file in (*wanted.files, *wanted.test, *wanted.validation)}
    names = {file.location for file in way.files}
    return sorted(name for name in names - given if name.endswith(".jsonl"))


def list_unread_files(way: Download) -> list[str]:
    """What lies beside the files that are read, such as those of a former `init`."""
    read = {file.location for file in way.files}
    return sorted(file.name for file in paths.SOURCE_DATA.glob("[!.]*") if file.name not in read)


def fit_training(params: Params, parts: Mapping[str, pd.DataFrame], minutes: float) -> str:
    """Set epochs and fraction so that training takes the minutes, and say how they were found.

    All validation rows are asked after each epoch.
    """
    train, validated = parts["train"], len(parts["validation"])
    pace = measure_pace(params, train)
    left, each, checked = 60 * minutes - pace.ready, len(train) * pace.train, validated * pace.score
    passes = max(
        LEAST, left / (each + checked) if left > each + checked else (left - checked) / each
    )
    epochs, fraction = choose_passes(params.model.task, passes)
    profiles.pin({"train.epochs": epochs, "train.fraction": fraction})
    read = len(train) * fraction * epochs
    said = describe_training(pace, len(train), epochs, fraction, pace.ready + checked * epochs)
    most = len(train) * EPOCHS[params.model.task]
    said += f"; the baselines take about {count_asked(params, parts) * pace.score / 60:.1f} minutes"
    if pace.held_up > BUSY:
        said += (
            f"\nOther programs held it up for {pace.held_up:.0%} of that trial: without them init "
            "foretells less, and lets training read more in its minutes"
        )
    return said + warn_of_few(pace, read, most, len(params.download.classes))


def count_asked(params: Params, parts: Mapping[str, pd.DataFrame]) -> int:
    """How many texts the baselines have the base model read.

    That is once for its frozen features and, of a prompted model, once without and once with
    examples, which are read once for all. The few texts of the calibration do not count.
    """
    taught, tested = min(len(parts["train"]), params.baseline.rows), len(parts["test"])
    prompted = 1 + bool(params.baseline.shots) if params.model.task == "causal" else 0
    return taught + (1 + prompted) * tested


def warn_of_few(pace: Pace, texts: float, most: float, classes: int) -> str:
    """Said of a training that reads so many texts that the baselines are likely better.

    ``most``: the texts that it would read if there were time.
    """
    each = texts / classes
    if each >= FEW:
        return ""
    minutes = math.ceil(FEW * classes * pace.train / 60)
    more = f"--minutes {minutes} reads {FEW} a class"
    if most < FEW * classes:
        more = "what may help is more rows, or more epochs (train.epochs)"
    return (
        f"\nThat is {count_of(round(each), 'text')} a class: frozen features, which `baseline` "
        f"learns from all rows, are likely better; {more}"
    )


def describe_training(pace: Pace, rows: int, epochs: float, fraction: float, beside: float) -> str:
    """What the stage ``train`` will do; ``beside`` the training itself it takes so many seconds."""
    used = round(rows * fraction)
    part = ("" if used == rows else f"{used} of ") + count_of(rows, "row")
    times = "once" if epochs == 1 else f"{epochs} times"
    return (
        f"training: {part}, {times}, at {1 / pace.train:.1f} rows a second: about "
        f"{(used * epochs * pace.train + beside) / 60:.1f} minutes\n"
        f"scoring: {1 / pace.score:.1f} texts a second"
    )
