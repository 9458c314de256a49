"""The command line: what each command is called and which options it has, and no more."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.git import leave_hook
from reprotune.core.libraries import prepare_libraries
from reprotune.core.options import AsJson, taking
from reprotune.core.printing import INTERRUPTED, end, say
from reprotune.production.command import drift, rollback, shadow, versions
from reprotune.project import flows
from reprotune.project.asking import predict, score
from reprotune.project.options import repeat_options, show_version
from reprotune.project.wanted import Wanted
from reprotune.publishing.command import push, sign
from reprotune.publishing.forms import onnx
from reprotune.review.command import review
from reprotune.scaffold.command import new, upgrade
from reprotune.serving.command import evaluate_served, serve

app = typer.Typer(
    help="Fine-tune a language model into a text classifier, and rebuild every number.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def set_up(
    version: Annotated[
        bool, Option("--version", callback=show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def check(
    lock: Annotated[
        bool, Option("--lock", help="Check dvc.lock and the figures against these files.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check parameters and packages, or that they were run.

    The JSON has ok, and packages (those that differ), or stale (stage: reasons) and contradiction.
    """
    from reprotune.project.checks import check_lock, check_packages, tell

    tell(check_lock() if lock else check_packages(), as_json)


@app.command()
def verify(
    cache: Annotated[bool, Option("--cache", help="Only read every byte kept here.")] = False,
    pull: Annotated[bool, Option("--pull", help="The rest comes from DVC's remote.")] = False,
    sample: Annotated[int | None, Option(min=1, help="Rebuild so many stages alone.")] = None,
    as_json: AsJson = False,
) -> None:
    """Rebuild this commit in a clone, and say what is the same.

    The JSON has ok, and drifted (outputs) or damaged (file: remedy).
    """
    from reprotune.project import integrity, rebuild
    from reprotune.project.checks import tell

    if cache and (pull or sample):
        raise InputError("verify --cache rebuilds nothing: no --pull and no --sample")
    tell(integrity.check_bytes() if cache else rebuild.verify(pull, sample), as_json)


@app.command()
def use(
    profile: Annotated[str, Argument(help="A file of profiles/, without .yaml.")],
    model: Annotated[
        str | None, Option(metavar="NAME", help="A folder of models/source in place of its model.")
    ] = None,
    data: Annotated[
        list[str], Option(metavar="FILE...", help="Files of data/source in place of its data.")
    ] = [],  # noqa: B006
) -> None:
    """Put a ready-made set of parameters into params.yaml."""
    from reprotune.project import profiles

    profiles.use(profile, model=model, data=data)
    say(f"{paths.PARAMS} now holds the profile {profile}; see git diff, then dvc repro")


@app.command()
@taking(Wanted)
def init(wanted: Wanted) -> None:
    """Write a params.yaml that fits your own data."""
    from reprotune.project.start import start

    start(wanted)


@app.command()
def outdated() -> None:
    """Say whether the sources have newer revisions."""
    from reprotune.project import upstream

    upstream.show()


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Say what would stop a run on this machine.

    The JSON has ok, and findings with level (ok, warn, stop), what and detail.
    """
    from reprotune.project import doctor

    if not doctor.show(as_json):
        sys.exit(1)


@app.command()
def summary() -> None:
    """Show what ran, what it found and where the files are."""
    from reprotune.project.rerun import tell_rerun
    from reprotune.project.summary import summarize
    from reprotune.project.terminal import measure_lines, put

    put(summarize(width=measure_lines()))
    if told := tell_rerun():
        say(told)


@app.command()
def compare(
    base: Annotated[
        str | None, Argument(help="Revision or experiment.", show_default="where HEAD left main")
    ] = None,
    head: Annotated[str, Argument(help="The same.")] = "workspace",
    output: Annotated[
        Path, Option(help="Where the report goes, without suffix.")
    ] = paths.COMPARISON,
    as_json: AsJson = False,
) -> None:
    """Report what a change did to the model.

    The exit code is 0 if it passes, 1 if it is worse or inconclusive, 2 if it is not comparable,
    3 if it is unproven: git contradicts the run.
    The JSON has verdict (better, same, worse, inconclusive, none, unproven) and sentence.
    """
    from reprotune.comparison.verdict import compare_revisions
    from reprotune.project.reporting import save_report

    result = compare_revisions(base, head)
    pages = ", ".join(map(str, save_report(result.report, output)))
    say(json.dumps(result.as_json()) if as_json else f"{result.sentence}\n{pages}")
    sys.exit(result.exit_code)


@app.command()
def plots(
    output: Annotated[Path, Option(help="Folder of the pictures.")] = paths.FIGURES,
) -> None:
    """Draw the plots of this run as PNG."""
    from reprotune.comparison.plots import save

    written = save(output)
    if not written:
        raise InputError("no plots' data here yet; `dvc repro` makes it")
    say("\n".join(map(str, written)))


app.command()(predict)
app.command()(score)
app.command()(serve)
app.command()(evaluate_served)


@app.command()
def pretrain(
    settings: Annotated[Path, Option(help="File of settings.")] = paths.PRETRAINING,
    target: Annotated[Path, Option(help="Folder to write.")] = paths.BUILTIN_MODEL,
) -> None:
    """Rebuild the built-in base model, in about an hour."""
    from reprotune.project.pretraining import rebuild

    loss = rebuild(settings, target)
    say(f"{target}: rebuilt; last training loss {loss:.3f} nats a token")


@app.command()
def sweep(
    file: Annotated[Path, Argument(help="Such as sweeps/learning-rate.yaml.")],
    on: Annotated[str | None, Option(metavar="DEPLOYMENT", help="Run them there.")] = None,
    workers: Annotated[int | None, Option(min=1, help="Run so many at a time, by Prefect.")] = None,
) -> None:
    """Run the settings of a file of sweeps/ as experiments."""
    from reprotune.project import sweeps

    if on or workers:
        more = [f"--on={on}"] * bool(on) + [f"--workers={workers}"] * bool(workers)
        flows.start("sweep", [str(file), *more])
    sweeps.show(sweeps.sweep(file, sweeps.run_in_turn), file)


def start_flow(context: typer.Context) -> None:
    """Hand everything to the flow of this name, which has its own options and help."""
    flows.start(str(context.info_name), context.args)


app.command()(new)
app.command()(upgrade)
app.command()(review)
app.command()(versions)
app.command()(rollback)
app.command()(shadow)
app.command()(drift)
app.command()(push)
app.command()(onnx)
app.command()(sign)
for name, told in flows.FLOWS.items():
    app.command(
        name,
        help=told,
        add_help_option=False,
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    )(start_flow)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; what was handed in wrong ends in a message, not in a traceback."""
    leave_hook()
    prepare_libraries()
    given = repeat_options(sys.argv[1:] if arguments is None else arguments)
    try:
        code = app(given, prog_name="reprotune", standalone_mode=False)
    except typer.TyperException as error:  # of usage
        say(f"reprotune: {error.format_message().rstrip('.')}; see reprotune --help", sys.stderr)
        sys.exit(error.exit_code)
    except Exception as error:
        end("reprotune", error)
    if code == INTERRUPTED:
        end("reprotune", KeyboardInterrupt())
    if code:
        sys.exit(code)
