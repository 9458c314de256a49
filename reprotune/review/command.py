"""`reprotune review`: its options, and what it does with them."""

import getpass
import json
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.io import parse_json, whole_file
from reprotune.core.libraries import NOBODY
from reprotune.core.options import taking
from reprotune.core.printing import agree, count_of, say

if TYPE_CHECKING:  # whose imports take seconds
    from reprotune.core.params import Params
    from reprotune.review.session import Session


@dataclass(frozen=True)
class Wanted:
    """What is to be decided on, by whom and where."""

    reviewer: Annotated[
        str | None, Option(help="Who decides.", show_default="the name that git knows")
    ] = None
    port: Annotated[int, Option(min=0, max=65535, help="Of the page; 0: a free one.")] = 0
    sample: Annotated[
        int | None, Option(min=1, metavar="ROWS", help="Label so many test rows blind instead.")
    ] = None
    shadow: Annotated[
        bool, Option("--shadow", help="Label what two versions differ on, blind, instead.")
    ] = False
    doubts: Annotated[
        Path | None,
        Option(metavar="FILE", help="Label what predict --doubts wrote, blind, instead."),
    ] = None
    teaching: Annotated[
        bool, Option("--teaching", help="First what teaches most: doubtful, no two of a kind.")
    ] = False
    export: Annotated[
        Path | None, Option(metavar="FILE", help="Write the queue for Label Studio instead.")
    ] = None
    import_: Annotated[
        Path | None, Option("--import", metavar="FILE", help="Take up what Label Studio exported.")
    ] = None


@taking(Wanted)
def review(wanted: Wanted) -> None:
    """Decide on doubtful rows, on a page in your browser.

    Decisions go to the decisions file, which the stage curate reads. Ctrl-C ends it.
    What a blind sample says of the labels and of every model, the stage evaluate tells.
    """
    from reprotune.core.params_file import load_params
    from reprotune.review.adding import write_labelled

    params = load_params()
    session = choose_session(params, wanted)
    if wanted.export:
        write_tasks(session, wanted.export)
    elif wanted.import_:
        take_annotations(session, wanted.import_)
    else:
        serve(session, wanted.port)
    if wanted.doubts:  # also what earlier sessions left that were killed
        say(write_labelled(wanted.doubts, params.download))


def choose_session(params: "Params", wanted: Wanted) -> "Session":
    """What the options ask for.

    Raises:
        InputError: they contradict each other, or what is to be decided on is not there.
    """
    others = sum(map(bool, (wanted.sample, wanted.shadow, wanted.doubts)))
    if others > 1 or (others and (wanted.export or wanted.import_)):
        raise InputError("--sample, --shadow and --doubts are for the page, one of them at a time")
    if wanted.teaching and others:
        raise InputError("--teaching orders the audit's queue: without --sample and the like")
    who = find_name(wanted.reviewer)
    if wanted.doubts:
        return open_doubts(params, who, wanted.doubts)
    if wanted.shadow:
        return open_shadow(params, who)
    if wanted.sample:
        return open_sample(params, who, wanted.sample)
    return open_session(params, who, wanted.teaching)


def find_name(given: str | None) -> str:
    """Who is at work, as was said, or as git or else the system knows.

    Raises:
        InputError: neither does.
    """
    if said := (given or "").strip():
        return said
    command = ["git", "config", "user.name"]
    try:
        told = subprocess.run(
            command, capture_output=True, encoding="utf-8", errors="replace", check=False
        ).stdout.strip()
    except FileNotFoundError:
        told = ""
    with suppress(KeyError, OSError):  # in a container whose user has no name
        if (told := told or getpass.getuser()) != NOBODY:
            return told
    raise InputError("nobody knows who decides: --reviewer NAME")


def open_session(params: "Params", reviewer: str, teaching: bool = False) -> "Session":
    """The queue of the last audit, also with what teaches most first, and the decisions so far.

    Raises:
        InputError: the audit has not run yet, or the decisions file is none.
    """
    from reprotune.review.log import DecisionFile
    from reprotune.review.queue import Queue
    from reprotune.review.session import Session
    from reprotune.review.teaching import arrange
    from reprotune.tables import schemas
    from reprotune.tables.classes import class_names

    rows = schemas.read(paths.RAW, schemas.Raw).merge(
        schemas.read(paths.ROLES, schemas.Roles)[["id", "role"]], on="id"
    )
    findings = schemas.read(paths.FINDINGS, schemas.Findings)
    queue = Queue(rows, findings, arrange if teaching else None)
    file = DecisionFile(Path(params.curate.decisions), params.guard_cells)
    return Session(
        queue,
        file,
        reviewer,
        class_names(params.download.labels),
        sources=(paths.RAW, paths.ROLES, paths.FINDINGS),
    )


def open_sample(params: "Params", reviewer: str, count: int) -> "Session":
    """So many test rows, drawn by a hash of their ids: a larger sample holds a smaller one.

    Raises:
        InputError: there are no test rows yet, or the sample's file is none.
    """
    from reprotune.review.log import DecisionFile
    from reprotune.review.queue import Queue
    from reprotune.review.session import Session
    from reprotune.review.wording import SAMPLE
    from reprotune.tables import schemas
    from reprotune.tables.classes import class_names

    return Session(
        Queue.of_sample(schemas.read(paths.TEST, schemas.Split), count),
        DecisionFile(Path(params.evaluate.sample), params.guard_cells),
        reviewer,
        class_names(params.download.labels),
        sources=(paths.TEST,),
        wording=SAMPLE,
    )


def open_shadow(params: "Params", reviewer: str) -> "Session":
    """The texts that two versions differ on, the widest difference first.

    Raises:
        InputError: `reprotune shadow` has not run yet, or the file of answers is none.
    """
    from reprotune.review.log import DecisionFile
    from reprotune.review.queue import Queue
    from reprotune.review.session import Session
    from reprotune.review.wording import SHADOW
    from reprotune.tables import cells
    from reprotune.tables.classes import class_names

    try:
        table = cells.read(paths.SHADOW, dtype="str")
        rows = table[["id", "text", "old"]].rename(columns={"old": "label"})
    except FileNotFoundError:
        raise InputError(f"{paths.SHADOW}: not here yet; reprotune shadow writes it") from None
    except (ValueError, KeyError):
        raise InputError(f"{paths.SHADOW}: damaged; run reprotune shadow again") from None
    return Session(
        Queue.of_ranked(rows),
        DecisionFile(paths.SHADOW_ANSWERS, params.guard_cells),
        reviewer,
        class_names(params.download.labels),
        sources=(paths.SHADOW,),
        wording=SHADOW,
    )


def open_doubts(params: "Params", reviewer: str, file: Path) -> "Session":
    """The rows that the model was unsure of or contradicts, of which the data may know nothing.

    Raises:
        InputError: `reprotune predict --doubts` did not write the file; or that of answers is none.
    """
    from reprotune.review.adding import read_doubts
    from reprotune.review.log import DecisionFile
    from reprotune.review.queue import Queue
    from reprotune.review.session import Session
    from reprotune.review.wording import DOUBTS
    from reprotune.tables.classes import class_names

    return Session(
        Queue.of_ranked(read_doubts(file)),
        DecisionFile(paths.DOUBT_ANSWERS, params.guard_cells),
        reviewer,
        class_names(params.download.labels),
        sources=(file,),
        wording=DOUBTS,
    )


def serve(session: "Session", port: int) -> None:
    """Show the page until Ctrl-C."""
    from reprotune.review.page import Page
    from reprotune.review.server import Server

    with Server(session, Page(), port) as server:
        say(f"open {server.address}\n{session.reviewer} reviews; Ctrl-C ends it")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            figures = session.figures()
            step = session.wording.next_step
            more = f"; `{step}` takes them up" if step else ""
            say(
                f"\n{figures.decided} of {count_of(figures.total, 'row')} "
                f"{agree(figures.decided, 'are')} decided, in {session.file.path}"
                f"{more}"
            )


def write_tasks(session: "Session", file: Path) -> None:
    """Write the open rows of the queue for Label Studio."""
    from reprotune.review.label_studio import write_config, write_tasks

    tasks = write_tasks(session)
    with whole_file(file) as partial:
        partial.write_text(json.dumps(tasks, ensure_ascii=False, indent=1) + "\n", "utf-8")
    say(f"{file}: {count_of(len(tasks), 'row')}; the labelling interface for them:")
    say(write_config(session))


def take_annotations(session: "Session", file: Path) -> None:
    """Add what was decided in Label Studio to the decisions."""
    from reprotune.review.label_studio import read_entries

    try:
        found = parse_json(file.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{file}: no such file") from None
    except OSError as error:
        raise InputError(f"{file}: not readable: {error.strerror}") from None
    except (ValueError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: no JSON: {error}") from None
    entries = read_entries(found, session, file)
    session.take(entries)
    say(f"{session.file.path}: {count_of(len(entries), 'more decision')}")
