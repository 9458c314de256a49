"""The card of an exported model."""

import re
from collections.abc import Sequence
from pathlib import Path

from scipy.stats import binomtest

from reprotune.tables.metrics import Scores

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

| class | recall |
|---|---|
{recall}

These figures hold for texts like the test rows and for no others. Data, parameters and code that
made this model are in the repository whose `dvc.lock` names this folder's hash.
"""

CONFIDENCE = 0.95  # of the interval
PIPELINES = {"causal": "text-generation", "classification": "text-classification"}
USES = {
    "causal": "It answers with the next word after its prompt; `reprotune.json` holds prompt\n"
    "and answers.",
    "classification": "It is an ordinary model with a classification head:\n"
    '`transformers.pipeline("text-classification", model=FOLDER)` runs it.',
}


def plain(name: str) -> str:
    """A class name that Markdown shows as it is."""
    return re.sub(r"([\\|*_`<>\[\]])", r"\\\1", name)


def write_card(folder: Path, task: str, classes: Sequence[str], test: Scores) -> None:
    """Write ``README.md`` from the figures of ``metrics/evaluate.json``.

    Of these, the ones that no parameter of ``evaluate`` moves: else each would merge again.
    """
    hits = round(test.accuracy * test.rows)
    interval = binomtest(hits, test.rows).proportion_ci(CONFIDENCE, method="wilson")
    recall = "\n".join(f"| {plain(name)} | {test.recall[name]:.3f} |" for name in classes)
    card = CARD.format(
        pipeline=PIPELINES[task],
        classes=", ".join(map(plain, classes)),
        use=USES[task],
        confidence=100 * CONFIDENCE,
        rows=test.rows,
        accuracy=test.accuracy,
        low=interval.low,
        high=interval.high,
        macro_f1=test.macro_f1,
        recall=recall,
    )
    (folder / "README.md").write_text(card, encoding="utf-8")
