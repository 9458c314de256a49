"""The commands of a model in production: their options, and what they print."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from reprotune.core import paths
from reprotune.core.options import AsJson
from reprotune.core.printing import say
from reprotune.project.asking import BatchSize, Model, Verify

if TYPE_CHECKING:
    from reprotune.production.history import History

DRIFTED = 3  # the exit code
TextColumn = Annotated[
    str | None, Option(metavar="COLUMN...", help="As in the parameters, or text.")
]


def versions(
    on: Annotated[
        str | None, Option(metavar="DATE", help="Say what served on a day, or at a moment (UTC).")
    ] = None,
    of: Annotated[
        Path | None, Option(metavar="FOLDER", help="Say which version a folder is, by its bytes.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the model's versions, and say which one serves.

    The JSON has serves, missing (numbers of tags), and versions (with data, rows, accuracy,
    interval, gate, verdict) and services (version, start, end, who, reason) or, of a date, served
    (the same); of a folder, held (the names of versions). The exit code is 1 if it is none.
    """
    from rich.markup import escape
    from rich.table import Table

    from reprotune.production import listing
    from reprotune.production.history import read_history, require_artifact
    from reprotune.project.terminal import put

    name, path = require_artifact()
    history = read_history(name)
    if of:
        tell_held(history, of, path, as_json)
        return
    if as_json:
        say(json.dumps(listing.as_json(history, on)))
        return
    for told in history.passed_over:
        say(f"passed over: {told}", sys.stderr)
    if history.missing:
        numbers = ", ".join(f"#{number}" for number in history.missing)
        say(
            f"incomplete: {name} has no tag {numbers} here; git fetch --tags brings it (a shallow "
            "clone has few), unless somebody deleted it",
            sys.stderr,
        )
    if on:
        served = history.find_served(*listing.parse_date(on))
        say("\n".join(map(listing.tell, served)) or f"nothing served on {on}")
        return
    if not history.versions and not history.services:
        say(f"no version of {name} is registered; reprotune retrain or gto does so")
        return
    table = Table(box=None, header_style="bold", pad_edge=False, collapse_padding=True)
    for column in listing.COLUMNS:
        table.add_column(column, no_wrap=column in listing.WHOLE, overflow="fold")
    for row in listing.tabulate(history):
        table.add_row(*map(escape, row))
    put(table)
    put("")
    for one in history.services[-listing.SHOWN :]:
        say(listing.tell(one))


def tell_held(history: "History", folder: Path, path: str, as_json: bool) -> None:
    """Say which versions a folder is."""
    from reprotune.production.keeping import find_held

    held = find_held(history, folder, path)
    if as_json:
        now = history.serving
        serves = now.version if now else None
        say(json.dumps({"model": history.model, "serves": serves, "held": held}))
    else:
        found = ", ".join(held) or "none of the versions: never registered, or a file is another"
        say(f"{folder} is {found}")
    if not held:
        sys.exit(1)


def rollback(
    version: Annotated[str | None, Argument(help="Such as v0.0.2.  [the one before]")] = None,
    reason: Annotated[str, Option(help="Why; goes into the tag.", show_default=False)] = "",
    as_json: AsJson = False,
) -> None:
    """Let a former version serve again, or change nothing.

    Its exported folder is put in place here, every byte checked, and its tag is pushed.
    The JSON has version, replaced, tag, is_pushed and folder.
    """
    from reprotune.production.rollback import roll_back

    done = roll_back(version, reason)
    say(json.dumps(done.as_json()) if as_json else done.sentence)


def shadow(
    old: Annotated[str, Argument(help="A version, a revision or an exported folder.")],
    new: Annotated[str, Argument(help="The same.")],
    file: Annotated[Path, Argument(help="Texts without labels, as predict takes them.")],
    text_column: TextColumn = None,
    batch_size: BatchSize = 64,
    verify: Verify = None,
    as_json: AsJson = False,
) -> None:
    """Say where two versions differ on the same texts.

    The disagreements go to reports/shadow.csv, the widest first; reprotune review --shadow asks
    people about them, and the next run tells which version was right.
    """
    from reprotune.core.params_file import load_params
    from reprotune.production.shadow import compare, save
    from reprotune.production.texts import read_texts

    guarded = load_params().guard_cells
    texts, report = read_texts(file, text_column)
    found = compare(old, new, texts, batch_size, verify)
    save(found, guarded)
    say(json.dumps(found.as_json()) if as_json else f"{found.sentence}\n{paths.SHADOW}")
    if report.sentence:
        say(report.sentence, sys.stderr)


def drift(
    file: Annotated[Path, Argument(help="New texts without labels, as predict takes them.")],
    text_column: TextColumn = None,
    model: Model = paths.MERGED,
    verify: Verify = None,
    as_json: AsJson = False,
) -> None:
    """Say whether new texts are still like the old ones.

    The exit code is 0 if no drift is found and 3 if some is; the page is reports/drift.html.
    The JSON has drift, sentence, causes, p_values, auc, lengths, scripts, shares and detectable.
    """
    from reprotune.core.params_file import load_params
    from reprotune.production.drift import look
    from reprotune.production.drift_page import save
    from reprotune.production.texts import read_texts

    params = load_params()
    texts, report = read_texts(file, text_column)
    found = look(texts, model, params, verify)
    save(found)
    say(json.dumps(found.as_json()) if as_json else f"{found.sentence}\n{paths.DRIFT}")
    if report.sentence:
        say(report.sentence, sys.stderr)
    if found.has_drifted:
        sys.exit(DRIFTED)
