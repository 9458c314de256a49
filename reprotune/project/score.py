"""What the exported model is worth on a later file with labels: ``reprotune score``."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from itertools import chain
from pathlib import Path

import pandas as pd
from rich.markup import escape
from rich.table import Table

from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.io import round_figures
from reprotune.core.params import Params
from reprotune.core.params_file import load_params
from reprotune.core.printing import count_of, say
from reprotune.data.duplicates import near_duplicate_groups
from reprotune.data.ids import add_ids
from reprotune.data.reading.columns import as_object, find_cell
from reprotune.data.reading.labels import match_spellings, spell
from reprotune.evaluation import baselines, figures
from reprotune.evaluation.calibration import rescale
from reprotune.evaluation.metrics import Resampling
from reprotune.project import labelling, predict
from reprotune.project.annotated import take_row
from reprotune.project.asking import Scored
from reprotune.project.incoming import Incoming, Row
from reprotune.project.nested import read_flag
from reprotune.project.sheets import describe_unread
from reprotune.project.terminal import put
from reprotune.tables import metrics as records
from reprotune.tables import predictions, schemas
from reprotune.tables.classes import class_names

MANY = 30  # classes: more are not all shown
UNTAUGHT = pd.DataFrame({"text": [], "label": []}, dtype="str")  # training rows that are not here


def score(wanted: Scored) -> None:
    """Print every figure of `evaluate` for the rows of a file.

    Raises:
        InputError: the file cannot be read, or the model was made for other classes.
    """
    params = load_params()
    rows, report = read_rows(wanted, params)
    found = evaluate(rows, wanted, params)
    if wanted.as_json:
        values = found.model_dump(by_alias=True, exclude_defaults=True)
        del values["without_doubted"]  # no audit has seen these rows
        values["rows_left_out"] = report.count
        say(json.dumps(round_figures(values), ensure_ascii=False))
        return
    put(tabulate(found))
    say(describe(found))
    if report.sentence:
        say(report.sentence, sys.stderr)


def read_rows(wanted: Scored, params: Params) -> tuple[pd.DataFrame, labelling.Report]:
    """The rows that have a text and a class, with ids, and which have not.

    Raises:
        InputError: none has.
    """
    way = params.download
    text = wanted.text_column or str(way.text_column)
    label = wanted.label_column or str(way.label_column or "label")
    known = {name: name for name in way.classes} | way.labels
    report, found = labelling.Report(), []
    given, find_label = open_labelled(wanted.file, text, label, known.keys())
    if given.unread:
        say(f"not read: {describe_unread(given.unread)}", sys.stderr)
    for row in (row._replace(values=take_row(row.values, label)) for row in given.read()):
        one, raw = labelling.find_text(row, text), find_label(row)
        if raw not in known:
            known |= match_spellings([raw], known)
        name = known.get(raw)
        report.add(one.problem or ("" if name else f"label {raw!r} is no class"), one.is_partial)
        if name and not one.problem:
            found.append((one.text, name))
    if not found:
        raise InputError(
            f"{wanted.file}: {report.sentence}; see --label-column; allowed are {sorted(known)}"
        )
    return add_ids(pd.DataFrame(found, columns=["text", "label"])), report


def open_labelled(
    file: Path, text: str, label: str, known: AbstractSet[str]
) -> tuple[Incoming, Callable[[Row], str]]:
    """The rows, and what tells the label of each: its column, or one for each class.

    Raises:
        InputError: the file cannot be read, or has neither.
    """
    try:
        return predict.look_into(file, text, label), lambda row: spell(find_cell(label, row.values))
    except InputError:
        given = predict.look_into(file, text)
        if known.isdisjoint(open_cells(next(given.read()).values)):
            raise
        return given, partial(name_flag, known=known)


def name_flag(row: Row, known: AbstractSet[str]) -> str:
    """The class whose column is the only one with a 1; empty if there are several or none."""
    cells = open_cells(row.values).items()
    held = [name for name, cell in cells if name in known and read_flag(cell)]
    return held[0] if len(held) == 1 else ""


def open_cells(values: Mapping[str, object]) -> dict[str, object]:
    """The cells of a row, and those of the objects in it."""
    inner = (as_object(cell).items() for cell in values.values())
    return dict(chain(*inner)) | dict(values)


def evaluate(rows: pd.DataFrame, wanted: Scored, params: Params) -> records.Evaluation:
    """The figures, beside those of what can be asked in no time: baselines, a former model."""
    classes = class_names(params.download.labels)
    table, cut = ask(wanted.model, rows, classes, wanted)
    train = schemas.read(paths.TRAIN, schemas.Split) if paths.TRAIN.is_file() else UNTAUGHT
    about = params.baseline, params.seed, params.text.units
    learnt = {} if train.empty else baselines.learn(train, rows["text"], classes, *about)
    others = [
        predictions.table(rows, shares, classes).assign(predictor=name)
        for name, shares in learnt.items()
    ]
    if wanted.against:
        former, _ = ask(wanted.against, rows, classes, wanted)
        others.append(former.assign(predictor=str(wanted.against)))
    other = pd.concat(others) if others else table[:0].assign(predictor="")
    is_known = wanted.model == paths.MERGED and paths.FIT.is_file()
    fit = read_fit(classes) if is_known else table[:0].assign(part="")
    sampling = Resampling(params.evaluate.confidence, params.evaluate.resamples, params.seed)
    nothing = pd.DataFrame({"id": [], "issue": []})
    subsets = figures.score_subsets(
        table, other, find_roles(train, rows, params), nothing, sampling.confidence
    )
    asked = figures.Predicted(table, fit, other)
    said = records.Predictions(texts_cut=cut)
    truth = pd.Series(None, index=rows.index, dtype="str")
    return figures.evaluate(asked, said, truth, subsets, classes, sampling)


def read_fit(classes: Sequence[str]) -> pd.DataFrame:
    """What was said of training and validation rows, over the temperature that the export has."""
    fit = predictions.read(paths.FIT)
    if not paths.EXPORT_METRICS.is_file():
        return fit
    temperature = records.read(paths.EXPORT_METRICS, records.Export).temperature
    return fit if temperature == 1 else rescale(fit, classes, temperature)


def ask(
    folder: Path, rows: pd.DataFrame, classes: Sequence[str], wanted: Scored
) -> tuple[pd.DataFrame, int]:
    """What an exported model says of the rows, and how many of them it had to cut.

    Raises:
        InputError: it was made for other classes, or is not what was signed.
    """
    classifier = predict.load(folder, wanted.verify)
    if classifier.classes != list(classes):
        raise InputError(
            f"{folder}: made for the classes {classifier.classes}, and {paths.PARAMS} has "
            f"{list(classes)}; run dvc repro"
        )
    shares = classifier.predict_proba(rows["text"], wanted.batch_size)
    cut = sum(map(classifier.encoder.is_cut, rows["text"]))
    return predictions.table(rows, shares, classes), cut


def find_roles(train: pd.DataFrame, rows: pd.DataFrame, params: Params) -> pd.DataFrame:
    """Which rows have a near-duplicate in training, as the table ``roles`` says it."""
    both = pd.concat([train.assign(role="train"), rows.assign(role="test")], ignore_index=True)
    threshold = params.roles.near_duplicate_threshold
    return both.assign(
        group=near_duplicate_groups(both["text"], threshold, params.seed, params.text.units)
    )


def tabulate(found: records.Evaluation) -> Table:
    """A row for each class; of many, those of lowest recall."""
    grid = Table(box=None, header_style="bold", pad_edge=False)
    grid.add_column("class")
    for name in ("rows", "precision", "recall", "F1"):
        grid.add_column(name, justify="right")
    test = found.test
    names = list(test.support)
    if len(names) > MANY:
        names = sorted(names, key=lambda name: test.recall[name])[:MANY]
        grid.caption = f"the {MANY} classes of lowest recall, of {len(test.support)}; all: --json"
    for name in names:
        scores = (f"{part[name]:.3f}" for part in (test.precision, test.recall, test.f1))
        grid.add_row(escape(name), str(test.support[name]), *scores)
    return grid


def describe(found: records.Evaluation) -> str:
    """The figures over all rows, and the gains."""
    test, clean = found.test, found.without_leaked
    low, high = test.interval.accuracy if test.interval else (0.0, 1.0)
    lines = [
        f"{count_of(test.rows, 'row')}: accuracy {test.accuracy:.3f} ({low:.3f} to {high:.3f}), "
        f"macro-F1 {test.macro_f1:.3f}, balanced accuracy {test.balanced_accuracy:.3f}",
    ]
    for name, gain in found.gain_over.items():
        low, high = gain.interval
        lines.append(
            f"over {name}: {gain.accuracy:+.3f} ({low:+.3f} to {high:+.3f}), p {gain.p_value:.3g}"
        )
    if clean.rows < test.rows:
        lines.append(
            f"{count_of(test.rows - clean.rows, 'row')} nearly the same as a training row; without "
            f"them accuracy {clean.shown}"
        )
    return "\n".join(lines)
