"""The table at the end of a run: what ran, what it found and where the files are."""

from pathlib import Path

from pydantic import BaseModel
from rich.markup import escape
from rich.table import Table

from reprotune.comparison.records import RECORDS
from reprotune.comparison.revision import flat
from reprotune.core import dvc, paths
from reprotune.core.costs import list_current
from reprotune.core.errors import InputError
from reprotune.core.io import parse_json
from reprotune.core.printing import count_of
from reprotune.evaluation.worth import tell_uneven, tell_worth
from reprotune.tables import metrics
from reprotune.tables.limits import Limits
from reprotune.tables.reviewed import Reviewed

OPENED = {  # of each stage of the library: what a person would open
    "download": paths.RAW,
    "base_model": paths.BASE,
    "roles": paths.ROLES,
    "features": paths.FEATURES,
    "folds": paths.FOLDS,
    "audit": paths.REVIEW,
    "curate": paths.QUARANTINE,
    "split": paths.ROWS,
    "baseline": paths.BASELINE_PREDICTIONS,
    "train": paths.TRAIN_CURVE,
    "predictions": paths.PREDICTIONS,
    "evaluate": paths.ERRORS,
    "export": paths.MERGED,
}

NOT_RUN = "not run yet"
SHOWN = 4  # figures of a stage of one's own
WIDE = 120  # characters of a line that has room for a column of files
WEAK = 0.05  # the corrected p-value below which a slice is called weak


def describe_finding(found: BaseModel) -> str:
    """The one line that a stage's figures come down to."""
    match found:
        case metrics.Download():
            return describe_download(found)
        case metrics.BaseModelFigures():
            return f"{found.architecture}, {found.parameters / 1e6:.1f} M parameters"
        case metrics.Roles():
            groups = found.near_duplicates.groups
            return f"{count_of(groups, 'near-duplicate group')}, leaked: {found.leaked_test_rows}"
        case metrics.Features():
            return (
                f"{count_of(found.columns, 'number')} a text" if found.columns else "not asked for"
            )
        case metrics.Folds():
            asked = f"{count_of(found.models, 'model')}, loss out of fold {found.loss or 0:.3f}"
            return asked if found.models else "not asked for"
        case metrics.Audit():
            counts = sorted(found.findings.items())
            return ", ".join(f"{n} {issue}" for issue, n in counts) or "nothing"
        case metrics.Curate():
            return f"{found.kept} kept, {sum(found.quarantined.values())} quarantined"
        case metrics.Split():
            parts = {"train": found.train, "validation": found.validation, "test": found.test}
            sizes = {part: sum(rows.values()) for part, rows in parts.items()}
            sizes |= {"in no part": found.spare} if found.spare else {}
            return ", ".join(f"{part} {rows}" for part, rows in sizes.items())
        case metrics.Baselines():
            scores = found.baselines.items()
            return ", ".join(f"{name} {score.accuracy:.3f}" for name, score in scores)
        case metrics.Train():
            return describe_training(found)
        case metrics.Predictions():
            return describe_predictions(found)
        case metrics.Evaluation():
            return describe_accuracy(found)
        case metrics.Export():
            ties = f", {found.ties} tied" if found.ties else ""
            return f"{found.agreement:.1%} agree with the tuned model{ties}"
    raise TypeError(f"describe_finding has no line for metrics.{type(found).__name__}")


def describe_download(found: metrics.Download) -> str:
    text = f"{count_of(found.rows, 'example')} of {count_of(len(found.classes), 'class')}"
    if found.bad_rows:
        text += f", {count_of(sum(found.bad_rows.values()), 'bad row')} left out"
    if found.respelt:
        text += f", {count_of(sum(found.respelt.values()), 'label')} in another spelling"
    return text


def describe_training(found: metrics.Train) -> str:
    text = count_of(found.rows, "row")
    if found.learning_rate:
        text += f", learning rate {found.learning_rate:g} by {count_of(len(found.trials), 'trial')}"
    return ", ".join([text, *(f"{name} {loss:.3f}" for name, loss in found.loss.items())])


def describe_predictions(found: metrics.Predictions) -> str:
    text = f"{count_of(found.texts_cut, 'test text')} cut"
    if loss := found.forgetting:
        text += f", loss on general text {loss.before:.2f} → {loss.after:.2f}"
    if answers := found.generated:
        text += f", accuracy in words {answers.accuracy:.3f}"
    return text


def describe_accuracy(found: metrics.Evaluation) -> str:
    text = f"accuracy {found.test.accuracy:.3f}"
    if found.test.interval:
        low, high = found.test.interval.accuracy
        text += f" ({low:.3f} to {high:.3f})"
    if found.reference:
        text += f", against the truth {found.reference.accuracy:.3f}"
    if uneven := tell_uneven(found.test):
        text += f"; {uneven}"
    text += describe_truth(found.reviewed) if found.reviewed else ""
    text += describe_limits(found.limits) if found.limits else ""
    worth = tell_worth(found.gain_over)
    return f"{text}. {worth}" if worth else text


def describe_truth(found: Reviewed) -> str:
    """How true the labels are, and what the tuned model is worth against the truth."""
    tuned = found.predictors.get("tuned")
    if tuned is None:
        return ""
    (low, high), (least, most) = tuned.interval, found.interval
    more = f" ({count_of(found.missing, 'row')} more without an answer)" if found.missing else ""
    return (
        f"; by {count_of(found.rows, 'row')} labelled blind{more} {tuned.accuracy:.3f} "
        f"({low:.3f} to {high:.3f}) are right and {found.label_error:.1%} of the labels wrong "
        f"({least:.1%} to {most:.1%})"
    )


def describe_limits(limits: Limits) -> str:
    """What can be relied on, and what cannot; empty if nothing was found."""
    text = ""
    if promise := limits.promise:
        text += (
            f"; no threshold is proven to be {promise.accuracy:.1%} right"
            if promise.threshold is None or promise.coverage is None
            else f"; {promise.accuracy:.1%} right is proven for the surest {promise.coverage:.0%}"
        )
    weak = {name: part for name, part in limits.slices.items() if part.p_value < WEAK}
    if weak:
        name = min(weak, key=lambda one: weak[one].accuracy)
        more = f" and {len(weak) - 1} more" if len(weak) > 1 else ""
        text += f"; weak on {name} ({weak[name].accuracy:.3f} of {weak[name].rows}){more}"
    if edits := limits.edits:
        text += f"; edits flip {edits.flipped:.1%}"
    return text


def read_finding(file: Path, kind: type[BaseModel]) -> str:
    """The line of a metrics file, or why there is none."""
    if not file.exists():
        return NOT_RUN
    try:
        return describe_finding(metrics.read(file, kind))
    except InputError:
        return "of another version; dvc repro"


def read_own_figures(outputs: list[Path]) -> str:
    """The first figures that a stage of one's own wrote as JSON, or why there are none."""
    if not all(path.exists() for path in outputs):
        return NOT_RUN
    figures: dict[str, object] = {}
    for path in outputs:
        if path.suffix == ".json":
            try:
                found = parse_json(path.read_bytes())
            except (OSError, ValueError):
                return f"{path} is no JSON"
            figures |= flat(found) if isinstance(found, dict) else {}
    told = [
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in figures.items()
    ]
    return ", ".join([*told[:SHOWN], *(["..."] if len(told) > SHOWN else [])])


def summarize(
    folder: Path = paths.DOWNLOAD_METRICS.parent,
    run: Path = paths.RUN,
    pipeline: Path = dvc.FILE,
    width: int = WIDE,
) -> Table:
    """One row a stage of ``dvc.yaml``, those of one's own below.

    Stages without a cost in ``reports/run.json`` did not run this time. In lines of less than
    ``WIDE`` characters a file stands below what was found, which its column would leave no room.
    """
    is_wide = width >= WIDE
    costs = list_current(run, folder)
    stages = dvc.read_stages(pipeline)
    table = Table(title="reprotune", title_justify="left")
    for name in ("stage", "seconds", "MiB"):
        table.add_column(name, justify="left" if name == "stage" else "right", no_wrap=True)
    table.add_column("result")
    if is_wide:
        table.add_column("look at", no_wrap=True)
    for stage in sorted(stages, key=lambda name: name not in OPENED):
        outputs = [Path(path) for path in dvc.entries(stages[stage], "outs", "metrics", "plots")]
        if stage in OPENED:
            kind = RECORDS[paths.DOWNLOAD_METRICS.with_stem(stage)]
            found = read_finding(folder / f"{stage}.json", kind)
        else:
            found = read_own_figures(outputs)
        look_at = OPENED.get(stage) or next(iter(outputs), None)
        cost = costs.get(stage)
        idle = "unchanged" if stage in OPENED and found != NOT_RUN else ""
        spent = (f"{cost.seconds:.1f}", str(cost.peak_mib)) if cost else (idle, "")
        if cost and (took := cost.milliseconds):
            found += f", {took.p50:g} ms a text (95 % within {took.p95:g})"
        cells = [escape(text) for text in (found, look_at.as_posix() if look_at else "")]
        table.add_row(stage, *spent, *(cells if is_wide else ["\n→ ".join(filter(None, cells))]))
    return table
