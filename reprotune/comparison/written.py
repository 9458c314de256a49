"""Whether the files of a run are as its stages write them, and count the same rows."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import BaseModel, ValidationError

from reprotune.comparison.answers import DECISIONS, read_said
from reprotune.comparison.evidence import Evidence
from reprotune.comparison.lock import read_stages
from reprotune.comparison.records import RECORDS
from reprotune.comparison.report import code
from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.printing import count_of
from reprotune.data.decisions import read_decisions
from reprotune.evaluation.slices import bin_lengths
from reprotune.tables import cells, metrics
from reprotune.tables.predictions import DECIMALS


class Config(BaseModel):
    """The part of a model's ``config.json`` that is a figure here."""

    architectures: list[str] | None = None


def list_columns(classes: Sequence[str]) -> dict[Path, list[str]]:
    """The columns of each table whose rows are those of the data, in order."""
    said = ["label", "predicted", *classes]
    return {
        paths.ROWS: ["id", "label", "role"],
        paths.PREDICTIONS: ["id", "text", *said],
        paths.FIT: ["id", *said, "part"],
        paths.BASELINE_PREDICTIONS: ["id", "text", *said, "predictor"],
        paths.EDITED: ["id", "text", *said, "edit"],
        paths.GENERATED: ["id", "text", "label", "answer", "predicted"],
        paths.SLICES: ["id", "length", "words", "doubt"],
    }


def check_forms(evidence: Evidence) -> Iterator[str]:
    """Every file can be read, and every table has its columns and no row twice."""
    for path, kind in RECORDS.items():
        evidence.read(path, kind)
    for path, columns in list_columns(evidence.classes).items():
        table = evidence.tables.get(path)
        if table is None:
            continue
        if list(table) != columns:
            yield f"{path}: its columns are not {code(', '.join(columns))}"
        key = [name for name in ("id", "predictor", "edit") if name in columns]
        for name in table.loc[table.duplicated(key), "id"]:
            yield f"{path}, row {code(str(name))}: it is there twice"


def check_bytes(evidence: Evidence) -> Iterator[str]:
    """Every file has the bytes that its content is written as: no mark, key or cell besides."""
    with TemporaryDirectory() as folder:
        for path, kind in RECORDS.items():
            if (found := evidence.read(path, kind)) is not None:
                metrics.write(Path(folder, path), found)
        for path, table in evidence.tables.items():
            if path.suffix == ".csv":
                guarded = evidence.params.guard_cells
                cells.write(table, Path(folder, path), guarded, float_format=f"%.{DECIMALS}f")
        for path in (*RECORDS, *evidence.tables):
            written = Path(folder, path)
            if written.is_file() and written.read_bytes() != evidence.revision.read_bytes(path):
                yield f"{path} is not written as its stage writes it"


def check_counts(evidence: Evidence) -> Iterator[str]:
    """The stages count the same examples, and what is not asked for is not there."""
    given = evidence.read(paths.DOWNLOAD_METRICS, metrics.Download)
    roles = evidence.read(paths.ROLES_METRICS, metrics.Roles)
    left, rows = evidence.read(paths.CURATE_METRICS, metrics.Curate), evidence.rows
    counts: dict[Path | str, int] = {}
    if given is not None:
        counts |= {paths.DOWNLOAD_METRICS: given.rows, "its classes": sum(given.classes.values())}
    if roles is not None:
        counts[paths.ROLES_METRICS] = sum(sum(part.values()) for part in roles.roles.values())
    if left is not None:
        counts[paths.CURATE_METRICS] = left.kept + sum(left.quarantined.values())
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{path} {count}" for path, count in counts.items())
        yield f"the stages count other numbers of examples: {told}"
    if given is not None and roles is not None:
        for name, count in given.classes.items():
            if count != sum(part.get(name, 0) for part in roles.roles.values()):
                yield (
                    f"{paths.DOWNLOAD_METRICS}: {code(name)} has {count_of(count, 'row')}, others "
                    "in roles"
                )
    if left is not None and rows is not None and left.kept != len(rows):
        yield (
            f"{paths.CURATE_METRICS} keeps {count_of(left.kept, 'row')}; {paths.ROWS} has "
            f"{len(rows)}"
        )
    yield from check_asked(evidence)
    yield from check_size(evidence)
    yield from check_architecture(evidence)


def check_decisions(evidence: Evidence) -> Iterator[str]:
    """Every row is as people decided, if it is there; no more decisions are counted than made."""
    said, rows = read_said(evidence.revision, DECISIONS, read_decisions), evidence.rows
    if said is None:
        return
    if (told := evidence.read(paths.CURATE_METRICS, metrics.Curate)) is not None:
        counts = {"relabel": told.relabelled, "quarantine": told.quarantined.get("decision", 0)}
        for action, count in counts.items():
            if count > (made := int((said["action"] == action).sum())):
                yield (
                    f"{paths.CURATE_METRICS} counts {count_of(count, 'decision')} to {action}, of "
                    f"{made}"
                )
    if rows is None:
        return
    found = said[["id", "action", "label"]].merge(rows, on="id", suffixes=("", "_listed"))
    left = found["action"] == "quarantine"
    other = (found["action"] == "relabel") & (found["label"] != found["label_listed"])
    for name in found.loc[left | other, "id"]:
        yield f"{paths.ROWS}, row {code(str(name))}: it is not as was decided"


def check_asked(evidence: Evidence) -> Iterator[str]:
    """The placeholders are there that ``audit.judge`` makes of the stages that it does not ask."""
    features = evidence.read(paths.FEATURES_METRICS, metrics.Features)
    folds = evidence.read(paths.FOLDS_METRICS, metrics.Folds)
    judge = evidence.params.audit.judge
    asked = {
        paths.FEATURES_METRICS: (features and features.columns, judge in ("features", "both")),
        paths.FOLDS_METRICS: (folds and folds.models, judge == "tuned"),
    }
    for path, (count, is_asked) in asked.items():
        if count is not None and bool(count) != is_asked:
            yield f"{path} says {count}, and {code('audit.judge')} is {code(judge)}"


def check_size(evidence: Evidence) -> Iterator[str]:
    """The export is as large as the lock has it."""
    found = evidence.read(paths.EXPORT_METRICS, metrics.Export)
    stage = read_stages(evidence.revision).get("export")
    sizes = [out.size for out in stage.outs if out.path == str(paths.MERGED)] if stage else []
    if found is not None and sizes and sizes[0] not in (None, found.bytes):
        yield f"{paths.EXPORT_METRICS}: the model has {found.bytes} bytes; by the lock, {sizes[0]}"


def check_architecture(evidence: Evidence) -> Iterator[str]:
    """The base model is what its folder says, if git holds it."""
    found = evidence.read(paths.BASE_METRICS, metrics.BaseModelFigures)
    where = Path(evidence.params.model.location, "config.json")
    raw = evidence.revision.read_bytes(where) if evidence.params.model.kind != "hub" else None
    if found is None or raw is None:
        return
    try:
        names = Config.model_validate_json(raw).architectures
    except ValidationError as error:
        raise InputError(f"{where} of {evidence.revision.name} is no configuration") from error
    if names and found.architecture != names[0]:
        yield f"{paths.BASE_METRICS}: a {code(found.architecture)}; by {where}, {code(names[0])}"


def check_rows_beside(evidence: Evidence) -> Iterator[str]:
    """What is told of test rows, beside the predictions, is of these rows and their texts."""
    test = evidence.tables.get(paths.PREDICTIONS)
    kinds = evidence.tables.get(paths.SLICES)
    if test is None:
        return
    if kinds is not None and list(kinds["id"]) != list(test["id"]):
        yield f"{paths.SLICES} is of other rows than {paths.PREDICTIONS}"
    elif kinds is not None and len(test):
        lengths = bin_lengths(test["text"].str.len().to_numpy())
        for name in kinds.loc[kinds["length"] != lengths, "id"]:
            yield f"{paths.SLICES}, row {code(str(name))}: its text has another length"
    for path in (paths.GENERATED, paths.BASELINE_PREDICTIONS):
        if (answers := evidence.tables.get(path)) is None or "text" not in answers:
            continue
        known = answers[["id"]].merge(test, on="id", how="left")
        other = (known[["text", "label"]] != answers[["text", "label"]]).any(axis=1)
        for name in answers.loc[other.to_numpy(), "id"]:
            yield f"{path}, row {code(str(name))}: it has no such text or label"
