"""`reprotune serve` and `reprotune evaluate-served`: their options."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from reprotune.core import paths
from reprotune.core.options import AsJson, taking
from reprotune.core.printing import say
from reprotune.core.seals import check_seal
from reprotune.project.asking import Verify


def serve(
    model: Annotated[Path, Option(help="Folder of an exported model.")] = paths.MERGED,
    server: Annotated[
        str | None,
        Option("--with", metavar="NAME", help="transformers, infinity, vllm, sglang or tei."),
    ] = None,
    host: Annotated[str, Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, Option(min=1, max=65535, help="The same.")] = 8000,
    verify: Verify = None,
    show: Annotated[bool, Option("--list", help="Only say which servers take the folder.")] = False,
) -> None:
    """Start a stock server with the exported model.

    It is the first installed one of those that --list shows; evaluate-served measures it.
    """
    from reprotune.project.terminal import put
    from reprotune.serving.servers import describe, start

    if show:
        put(describe(model, host, port))
        return
    check_seal(model)
    if verify:
        from reprotune.core import signing

        signing.verify(model, verify)
    start(model, server, host, port)


@dataclass(frozen=True)
class Wanted:
    """What is asked of a server, and how."""

    url: Annotated[str, Argument(help="Address of the server, such as http://127.0.0.1:8000.")]
    api: Annotated[
        str | None,
        Option(help="systemone, classify, sglang, predict, chat or completions.  [found]"),
    ] = None
    model: Annotated[str | None, Option(help="As the server calls it.  [its first]")] = None
    concurrency: Annotated[int, Option(min=1, max=1024, help="Texts on their way at once.")] = 4
    timeout: Annotated[float, Option(min=0.1, help="Seconds to wait for a whole answer.")] = 60.0
    limit: Annotated[int | None, Option(min=1, help="Only so many test rows.")] = None
    output: Annotated[Path | None, Option(help="CSV of every answer.")] = None
    as_json: AsJson = False


@taking(Wanted)
def evaluate_served(wanted: Wanted) -> None:
    """Send the test rows to a server, and time its answers.

    A key for the server is taken from REPROTUNE_API_KEY. The exit code is 1 if a server that gives
    probabilities says something else than what was recorded; ties are equal.
    The JSON has ok, api, model, rows, accuracy, recorded, agreement, ties, change (of
    probabilities, at most), unreadable, latency (p50, p95, p99 in ms), per_second and concurrency.
    """
    from reprotune.core.params_file import load_params
    from reprotune.project.terminal import put
    from reprotune.serving.asking import Server
    from reprotune.serving.measuring import measure, report
    from reprotune.tables import cells

    params = load_params(paths.PARAMS)
    found, table = measure(
        Server(wanted.url, wanted.timeout),
        params,
        wanted.api,
        wanted.model,
        wanted.concurrency,
        wanted.limit,
    )
    if wanted.output:
        cells.write(table, wanted.output, params.guard_cells)
    if wanted.as_json:
        say(json.dumps({"ok": found.ok} | found.model_dump()))
    else:
        put(report(found))
    sys.exit(not found.ok)
