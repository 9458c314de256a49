"""The card of an exported model."""

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from reprotune.evaluation.metrics import Resampling, compare_accuracy, score, wilson
from reprotune.evaluation.worth import tell_worth
from reprotune.tables.predictions import is_right

CARD = """\
---
pipeline_tag: {pipeline}
library_name: transformers
---
# A text classifier made with reprotune

Classes: {classes}. {use}
Label a text with `reprotune predict --model FOLDER "some text"`.

| test rows | accuracy | {confidence:g} % interval | macro-F1 |
|---|---|---|---|
| {rows} | {accuracy:.3f} | {low:.3f} to {high:.3f} | {macro_f1:.3f} |
{worth}
| class | test rows | precision | recall |
|---|---|---|---|
{by_class}

These figures hold for texts like the test rows and for no others. Data, parameters and code that
made this model are in the repository whose `dvc.lock` names this folder's hash.
"""

CONFIDENCE = 0.95  # of the intervals
SAMPLING = Resampling(CONFIDENCE, 2000, 1)
PIPELINES = {"causal": "text-generation", "classification": "text-classification"}
USES = {
    "causal": "It answers with the next word after its prompt; `reprotune.json` holds prompt\n"
    "and answers.",
    "classification": "It is an ordinary model with a classification head:\n"
    '`transformers.pipeline("text-classification", model=FOLDER, truncation=True)` runs it.',
}


def plain(name: str) -> str:
    """A class name that Markdown shows as it is."""
    return re.sub(r"([\\|*_`<>\[\]&~])", r"\\\1", " ".join(name.split()))


def write_card(
    folder: Path, task: str, classes: Sequence[str], table: pd.DataFrame, others: pd.DataFrame
) -> None:
    """Write ``README.md``; ``table`` are the predictions of the test rows.

    ``others`` are those of the baselines, whose ``predictor`` says which; the card says if the
    model is not shown to be above one.
    Not from ``metrics/evaluate.json``: else each parameter of ``evaluate`` would merge again.
    """
    found = score(table, classes)
    low, high = wilson(int((table["label"] == table["predicted"]).sum()), found.rows, CONFIDENCE)
    by_class = "\n".join(
        f"| {plain(name)} | {count} | {found.precision[name]:.3f} | {found.recall[name]:.3f} |"
        for name, count in found.support.items()
    )
    gains = {
        str(name): compare_accuracy(is_right(table, rows), is_right(rows, table), SAMPLING)
        for name, rows in others.groupby("predictor", sort=False)
    }
    worth = tell_worth(gains, plain)
    card = CARD.format(
        pipeline=PIPELINES[task],
        classes=", ".join(map(plain, classes)),
        use=USES[task],
        confidence=100 * CONFIDENCE,
        rows=found.rows,
        accuracy=found.accuracy,
        low=low,
        high=high,
        worth=f"\n{worth}\n" if worth else "",
        macro_f1=found.macro_f1,
        by_class=by_class,
    )
    (folder / "README.md").write_text(card, encoding="utf-8")
