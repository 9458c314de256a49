"""The command line: what each command is called and which options it has, and no more."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.project import flows
from reprotune.project.options import repeat_options

if TYPE_CHECKING:  # each command imports what it needs
    from reprotune.project.checks import Check

app = typer.Typer(
    help="Fine-tune a language model into a text classifier, and rebuild every number.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
AsJson = Annotated[bool, Option("--json", help="Print one JSON object and no text.")]


def show_version(asked: bool) -> None:
    if asked:
        import reprotune

        print(f"reprotune {reprotune.__version__}")
        raise typer.Exit


@app.callback()
def set_up(
    version: Annotated[
        bool,
        Option("--version", callback=show_version, is_eager=True, help="Print the version."),
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
    """Check params.yaml and the packages, or that they were run.

    The JSON has ok, and packages (those that differ), or stale (stage: reasons) and contradiction.
    """
    from reprotune.project.checks import check_lock, check_packages

    tell(check_lock() if lock else check_packages(), as_json)


def tell(found: "Check", as_json: bool) -> None:
    """Print what was found, and end with 1 if something is wrong."""
    if not (found.ok or as_json):
        raise InputError(found.sentence)
    print(json.dumps(found.as_json()) if as_json else found.sentence)
    if not found.ok:
        sys.exit(1)


@app.command()
def verify(
    cache: Annotated[bool, Option("--cache", help="Only read every byte kept here.")] = False,
    as_json: AsJson = False,
) -> None:
    """Rebuild this commit in a clone, and say what is the same.

    The JSON has ok, and drifted (outputs) or damaged (file: remedy).
    """
    from reprotune.project import integrity, rebuild

    tell(integrity.check_bytes() if cache else rebuild.verify(), as_json)


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
    print(f"{paths.PARAMS} now holds the profile {profile}; see git diff, then dvc repro")


@app.command()
def init(
    files: Annotated[list[Path], Argument(metavar="FILE", help="Examples to learn from.")],
    text: Annotated[
        str | None, Option(metavar="COLUMN", help="Column of the texts: a name, or 0, 1, ...")
    ] = None,
    label: Annotated[str | None, Option(metavar="COLUMN", help="Column of the labels.")] = None,
    classes: Annotated[
        list[str], Option(metavar="NAME...", help="The class of each FILE, if one holds one class.")
    ] = [],  # noqa: B006
    test: Annotated[Path | None, Option(metavar="FILE", help="A published test part.")] = None,
    validation: Annotated[Path | None, Option(metavar="FILE", help="Its validation part.")] = None,
    model: Annotated[
        str | None, Option(metavar="FOLDER", help="A folder of models/source.  [built-in]")
    ] = None,
    encoding: Annotated[str | None, Option(help="Encoding of the files.  [guessed]")] = None,
    delimiter: Annotated[str | None, Option(help="Delimiter of the columns.  [guessed]")] = None,
) -> None:
    """Start with your own data: write a params.yaml that fits it."""
    from reprotune.project.init import Wanted
    from reprotune.project.start import start

    start(Wanted(
        files, text=text, label=label, classes=classes, test=test, validation=validation,
        model=model, encoding=encoding, delimiter=delimiter,
    ))  # fmt: skip


@app.command()
def outdated() -> None:
    """Say whether the sources have newer revisions; change nothing."""
    from reprotune.core.params_file import load_params
    from reprotune.project import upstream
    from reprotune.project.terminal import put

    found = list(upstream.list_sources(load_params()))
    if not found:
        print("data and model are local: DVC sees their changes")
        return
    put(upstream.table(found), width=200)
    if any(source.is_newer for source in found):
        print(f"\nNothing was changed; to take the newer one, set the parameter in {paths.PARAMS}")


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Say what would stop a run on this machine.

    The JSON has ok, and findings with level (ok, warn, stop), what and detail.
    """
    from reprotune.project import doctor
    from reprotune.project.terminal import put

    findings = doctor.examine()
    ok = all(finding.level != "stop" for finding in findings)
    if as_json:
        told = [{"level": f.level, "what": f.what, "detail": f.detail} for f in findings]
        print(json.dumps({"ok": ok, "findings": told}))
    else:
        put(doctor.table(findings))
    if not ok:
        sys.exit(1)


@app.command()
def summary() -> None:
    """Show what ran, what it found and where the files are."""
    from reprotune.project.summary import summarize
    from reprotune.project.terminal import put

    put(summarize())


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

    The exit code is 0 if it passes, 1 if it is worse, 2 if it is not comparable, 3 if it is
    unproven: git contradicts the run.
    The JSON has verdict (better, same, worse, none, unproven) and sentence.
    """
    from reprotune.comparison.verdict import compare_revisions
    from reprotune.project.reporting import save_report

    result = compare_revisions(base, head)
    pages = ", ".join(map(str, save_report(result.report, output)))
    print(json.dumps(result.as_json()) if as_json else f"{result.sentence}\n{pages}")
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
    print("\n".join(map(str, written)))


@app.command()
def predict(
    inputs: Annotated[
        list[str],
        Argument(
            metavar="INPUT", help="Texts, or one file: CSV, TSV, JSONL, Parquet, or lines of a txt."
        ),
    ],
    model: Annotated[Path, Option(help="Folder of an exported model.")] = paths.MERGED,
    text_column: Annotated[str, Option(help="Column of the file that has texts.")] = "text",
    output: Annotated[
        Path | None, Option(help="CSV file to write.", show_default="the terminal")
    ] = None,
    batch_size: Annotated[int, Option(min=1, help="Texts that are scored at once.")] = 64,
    abstain: Annotated[
        float | None, Option(metavar="ACCURACY", help="Answer only what is proven to reach it.")
    ] = None,
) -> None:
    """Label texts with the exported model."""
    from reprotune.project import predict

    predict.predict(inputs, model, text_column, output, batch_size, abstain)


@app.command()
def pretrain(
    settings: Annotated[Path, Option(help="File of settings.")] = paths.PRETRAINING,
    target: Annotated[Path, Option(help="Folder to write.")] = paths.BUILTIN_MODEL,
) -> None:
    """Rebuild the built-in base model, in about an hour."""
    from reprotune.project.pretraining import rebuild

    loss = rebuild(settings, target)
    print(f"{target}: rebuilt; last training loss {loss:.3f} nats a token")


@app.command()
def sweep(
    file: Annotated[Path, Argument(help="Such as sweeps/learning-rate.yaml.")],
    on: Annotated[str | None, Option(metavar="DEPLOYMENT", help="Run them there.")] = None,
    workers: Annotated[int | None, Option(min=1, help="Run so many at a time, by Prefect.")] = None,
) -> None:
    """Run the settings of a file of sweeps/ as experiments."""
    from reprotune.project import sweeps, terminal

    if on or workers:
        more = [f"--on={on}"] * bool(on) + [f"--workers={workers}"] * bool(workers)
        flows.start("sweep", [str(file), *more])
    found = sweeps.sweep(file, sweeps.run_in_turn)
    terminal.show(found.table.astype(object))
    print(f"\nbest on {found.select}: {found.best}; take it with: dvc exp apply {found.best}")
    print(f"{paths.SWEEPS / file.stem}.csv, with the trials and a picture beside it")
    if found.failure:
        raise InputError(found.failure)


def start_flow(context: typer.Context) -> None:
    """Hand everything to the flow of this name, which has its own options and help."""
    flows.start(str(context.info_name), context.args)


for name, told in flows.FLOWS.items():
    app.command(
        name,
        help=told,
        add_help_option=False,
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    )(start_flow)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; what was handed in wrong ends in a message, not in a traceback."""
    given = repeat_options(sys.argv[1:] if arguments is None else arguments)
    try:
        code = app(given, prog_name="reprotune", standalone_mode=False)
    except InputError as error:
        sys.exit(f"reprotune: {error}")
    except typer.TyperException as error:  # of usage
        told = error.format_message().rstrip(".")
        print(f"reprotune: {told}; see reprotune --help", file=sys.stderr)
        sys.exit(error.exit_code)
    if code:
        sys.exit(code)


if __name__ == "__main__":
    main()
