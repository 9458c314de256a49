"""`reprotune predict` and `score`: their options, and the files that they ask about."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from reprotune.core import paths
from reprotune.core.options import AsJson, taking

Model = Annotated[Path, Option(help="Folder of an exported model.")]
Verify = Annotated[
    Path | None, Option(metavar="KEY", help="Refuse what this public key's owner did not sign.")
]
BatchSize = Annotated[int, Option(min=1, help="Texts that are scored at once.")]


@dataclass(frozen=True)
class Wanted:
    """What a person wants to have labelled, and how."""

    inputs: Annotated[
        list[str],
        Argument(metavar="INPUT", help="Texts, or one file, or - for standard input."),
    ]
    model: Model = paths.MERGED
    text_column: Annotated[
        str | None,
        Option(metavar="COLUMN...", help="Of the texts, as for init.  [params.yaml's, or text]"),
    ] = None
    output: Annotated[Path | None, Option(help="File to write.", show_default="the terminal")] = (
        None
    )
    format: Annotated[str | None, Option(help="csv, jsonl or parquet.  [output's ending]")] = None
    input_format: Annotated[str | None, Option(help="Of standard input.  [lines]")] = None
    batch_size: BatchSize = 64
    abstain: Annotated[
        float | None, Option(metavar="ACCURACY", help="Answer only what is proven to reach it.")
    ] = None
    verify: Verify = None
    doubts: Annotated[
        Path | None,
        Option(metavar="FILE", help="Write what it is unsure of or contradicts, too."),
    ] = None
    guard_cells: Annotated[
        bool, Option(help="A cell that begins with = + - @ gets a ': no spreadsheet runs it.")
    ] = True


@taking(Wanted)
def predict(wanted: Wanted) -> None:
    """Label texts with the exported model.

    Files: of every format that init reads, packed or not; of a .txt, each line is a text.
    A row without a text is kept, with the reason. A run that was killed is gone on from.
    People label the doubts with reprotune review --doubts FILE.
    """
    from reprotune.project.predict import predict

    predict(wanted)


@dataclass(frozen=True)
class Scored:
    """What a person wants to have scored, and how."""

    file: Annotated[Path, Argument(help="Later rows with labels, as predict takes them.")]
    text_column: Annotated[
        str | None, Option(metavar="COLUMN...", help="As in the parameters, if not.")
    ] = None
    label_column: Annotated[str | None, Option(help="The same.")] = None
    model: Model = paths.MERGED
    against: Annotated[Path | None, Option(help="A former model, to compare with.")] = None
    batch_size: BatchSize = 64
    verify: Verify = None
    as_json: AsJson = False


@taking(Scored)
def score(wanted: Scored) -> None:
    """Say what the exported model is worth on a later file.

    The JSON has the figures of metrics/evaluate.json, and rows_left_out.
    """
    from reprotune.project.score import score

    score(wanted)
