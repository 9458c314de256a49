"""What blind samples say of two versions: accuracy against the truth, beside that by labels."""

from reprotune.comparison.report import Data, Section
from reprotune.comparison.revision import Revision
from reprotune.core import paths
from reprotune.core.printing import count_of
from reprotune.tables.metrics import Evaluation
from reprotune.tables.reviewed import Powered, Reviewed

HEADERS = ("", "by labels¹", "against the truth", "interval", "by the sample alone", "interval")


def tabulate_truth(base: Revision, head: Revision) -> list[Section]:
    """The section about the truth, if somebody labelled test rows of the new version blind."""
    sides = [side.read_figures(paths.EVALUATE_METRICS, Evaluation) for side in (base, head)]
    old, new = (side.reviewed if side else None for side in sides)
    if new is None:
        return []
    more = f", {count_of(new.missing, 'row')} more without an answer" if new.missing else ""
    notes = [
        f"{count_of(new.rows, 'test row', 'were')} labelled blind (`reprotune review "
        f"--sample`){more}: {new.label_error:.1%} of their labels are wrong (interval "
        f"{tell(new.interval)}). The accuracy is put right by them (prediction-powered inference). "
        "¹ Of these rows."
    ]
    before = old.predictors.get("tuned") if old else None
    rows = [list_cells("before, tuned", before)] if before else []
    rows += [list_cells(name, found) for name, found in order(new).items()]
    return [Section("Against the truth", notes, HEADERS, rows)]


def order(found: Reviewed) -> dict[str, Powered]:
    """The best first."""
    ranked = sorted(found.predictors.items(), key=lambda pair: -pair[1].accuracy)
    return dict(ranked)


def list_cells(name: str, found: Powered) -> list[str | Data]:
    return [
        Data(name),
        f"{found.sample_by_label:.3f}",
        f"{found.accuracy:.3f}",
        tell(found.interval),
        f"{found.sample:.3f}",
        tell(found.sample_interval),
    ]


def tell(interval: tuple[float, float]) -> str:
    low, high = interval
    return f"{low:.3f} to {high:.3f}"
