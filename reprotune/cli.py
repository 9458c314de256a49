"""The front door: ``reprotune COMMAND``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.params_file import load_params

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 5  # classes, whose probabilities fit into a terminal
TABLES = (".csv", ".jsonl", ".parquet")


def check(args: argparse.Namespace) -> None:
    """Check the parameters, and that the pinned packages are the installed ones."""
    load_params()
    if args.lock:
        from reprotune.project.staleness import find_stale

        if found := find_stale():
            lines = [f"  {stage}: {', '.join(reasons)}" for stage, reasons in found.items()]
            raise InputError(
                "dvc.lock is not of these files: run dvc repro and commit what it changes\n"
                + "\n".join(lines)
            )
        print("dvc.lock belongs to these parameters, this code and these sources")
        return
    from reprotune.project import pins

    if wrong := pins.differences():
        raise InputError(f"installed packages differ from pins.yaml: {', '.join(wrong)}; run make")
    print(f"{paths.PARAMS} is in order, and the packages are the pinned ones")


def use(args: argparse.Namespace) -> None:
    from reprotune.project import profiles

    profiles.use(args.profile, model=args.model, data=args.data)
    print(f"{paths.PARAMS} now holds the profile {args.profile}; see git diff, then dvc repro")


def init(args: argparse.Namespace) -> None:
    from reprotune.project import init as starting

    seen, way, changes = starting.init(starting.Wanted(
        args.files, text=args.text, label=args.label, classes=args.classes, test=args.test,
        validation=args.validation, model=args.model, encoding=args.encoding,
        delimiter=args.delimiter,
    ))  # fmt: skip
    Console().print(starting.report(seen, way, changes))
    if args.model is None:
        print(
            "\nThe built-in base model has met no text that a person wrote: it shows that the "
            "route works. For results, take a base model of your own: --model FOLDER"
        )
    print(
        f"\nThe files are in {paths.SOURCE_DATA}, and {paths.PARAMS} fits them; see git diff, "
        "then: make repro"
    )


def outdated(_: argparse.Namespace) -> None:
    from reprotune.project import upstream

    found = list(upstream.list_sources(load_params()))
    if not found:
        print("data and model are local: DVC sees their changes")
        return
    Console(width=None if sys.stdout.isatty() else 200).print(upstream.table(found))
    if any(source.is_newer for source in found):
        print(f"\nNothing was changed; to take the newer one, set the parameter in {paths.PARAMS}")


def doctor(_: argparse.Namespace) -> None:
    from reprotune.project import doctor

    findings = doctor.examine()
    Console(width=None if sys.stdout.isatty() else 140).print(doctor.table(findings))
    if any(finding.level == "stop" for finding in findings):
        sys.exit(1)


def summary(_: argparse.Namespace) -> None:
    from reprotune.project.summary import summarize as table

    Console(width=None if sys.stdout.isatty() else 140).print(table())


def sweep(args: argparse.Namespace) -> None:
    """Run the trials that are not finished yet, one after the other; then show all."""
    from reprotune.project import sweeps

    asked, found, commit = sweeps.prepare(args.file)
    failed = []
    for number, trial in enumerate(found, start=1):
        known = trial.name in sweeps.list_finished(commit)
        print(f"{number}/{len(found)} {trial.name}: {', '.join(trial.changes)}", end="", flush=True)
        print(" (finished before)" if known else "")
        if not known:
            try:
                sweeps.run(trial, asked.stage)
            except InputError as error:
                failed.append(trial.name)
                print(error)
    table, best = sweeps.conclude(args.file.stem, asked, found, commit)
    show(table.astype(object))
    print(f"\nbest on {asked.select}: {best}; take it with: dvc exp apply {best}")
    print(f"{paths.SWEEPS / args.file.stem}.csv, with the trials and a picture beside it")
    if failed:
        raise InputError(f"{len(failed)} of {len(found)} trials failed: {', '.join(failed)}")


def compare(args: argparse.Namespace) -> None:
    """Write the report of a change; the exit code is 0 (pass), 1 (worse) or 2 (not comparable)."""
    from reprotune.comparison.report import html, markdown
    from reprotune.comparison.verdict import compare_revisions
    from reprotune.core.io import whole_file

    result = compare_revisions(args.base, args.head)
    for suffix, text in ((".md", markdown(result.report)), (".html", html(result.report))):
        with whole_file(args.output.with_suffix(suffix)) as partial:
            partial.write_text(text, encoding="utf-8")
    print(result.sentence)
    print(f"{args.output.with_suffix('.md')}, {args.output.with_suffix('.html')}")
    sys.exit(result.exit_code)


def plots(args: argparse.Namespace) -> None:
    from reprotune.comparison.plots import save

    written = save(args.output)
    if not written:
        raise InputError("no plots' data here yet; `dvc repro` makes it")
    print("\n".join(map(str, written)))


def predict(args: argparse.Namespace) -> None:
    """Label texts from the command line, or a column of a file."""
    if len(args.input) == 1 and args.input[0].endswith(TABLES):
        table = label(args, read_table(Path(args.input[0]), args.text_column), args.text_column)
        if args.output:
            from reprotune.core.io import whole_file

            with whole_file(args.output) as partial:
                table.to_csv(partial, index=False)
        else:
            table.to_csv(sys.stdout, index=False)
    else:
        import pandas as pd

        show(label(args, pd.DataFrame({"text": args.input}), "text"))


def read_table(path: Path, column: str) -> "pd.DataFrame":
    """A file of texts, its encoding and delimiter guessed as by init."""
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    from reprotune.core.params import Download
    from reprotune.project.sniff import readable

    way = Download.model_construct(header=True, text_column=column, label_column=None)
    try:
        return readable([path], way, None, None)[1][0]
    except InputError as error:
        raise InputError(f"{error}; see --text-column") from None


def label(args: argparse.Namespace, table: "pd.DataFrame", column: str) -> "pd.DataFrame":
    """The texts with their label and a probability for each class."""
    if not args.model.is_dir():  # said at once: the imports below take seconds
        raise InputError(f"{args.model}: no exported model here; `dvc repro` makes one")
    import pandas as pd

    from reprotune.export.merging import load_classifier
    from reprotune.scoring.scores import normalize, score_texts

    model, encoder = load_classifier(args.model)
    clash = sorted({"predicted", *encoder.classes} & set(map(str, table.columns)))
    if clash:
        raise InputError(f"the file already has the columns {clash}; rename them")
    texts = table[column].fillna("").astype("str")
    scores = score_texts(model, encoder, texts, args.batch, "texts")
    frame = pd.DataFrame(normalize(scores), columns=list(encoder.classes)).round(6)
    labels = frame.idxmax(axis=1)
    return pd.concat([table.reset_index(drop=True), labels.rename("predicted"), frame], axis=1)


def best(row: "pd.Series") -> dict[str, str]:
    """The probabilities of the first classes, in words."""
    top = row.astype(float).nlargest(3)
    shown = [f"{name} {value:.3f}" for name, value in top.items()]
    return dict(zip(("first", "second", "third"), shown, strict=True))


def show(table: "pd.DataFrame") -> None:
    scores = table.select_dtypes("number")
    if len(scores.columns) > SHOWN:
        ranked = scores.apply(best, axis=1, result_type="expand")
        table = table.drop(columns=scores.columns).join(ranked)
    grid = Table(box=None, header_style="bold")
    for column in table:
        grid.add_column(
            escape(str(column)), justify="left" if column in {"text", "predicted"} else "right"
        )
    for row in table.itertuples(index=False):
        grid.add_row(*(f"{v:.3f}" if isinstance(v, float) else escape(str(v)) for v in row))
    Console(width=None if sys.stdout.isatty() else 140).print(grid)


def pretrain(args: argparse.Namespace) -> None:
    """Rebuild the built-in base model from its settings."""
    from ruamel.yaml import YAML

    from reprotune.builtin import news
    from reprotune.builtin.pretraining import Settings, pretrain

    values = YAML(typ="safe", pure=True).load(args.settings.read_text(encoding="utf-8"))
    settings = Settings.model_validate(values)
    loss = pretrain(settings, news.items(settings.seed), args.target)
    print(f"{args.target}: rebuilt; last training loss {loss:.3f} nats a token")


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="reprotune", description=__doc__)
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    one = commands.add_parser("check", help="check params.yaml, or with --lock that it was run")
    one.add_argument("--lock", action="store_true", help="whether dvc.lock belongs to this commit")
    one.set_defaults(run=check)

    one = commands.add_parser("use", help="put a ready-made set of parameters into params.yaml")
    one.add_argument("profile", help="a file of profiles/, without .yaml")
    one.add_argument("--model", metavar="NAME", help="a folder of models/source in its place")
    one.add_argument("--data", nargs="+", default=[], metavar="FILE", help="of data/source, too")
    one.set_defaults(run=use)

    one = commands.add_parser("init", help="start with own data: write a params.yaml that fits it")
    one.add_argument("files", nargs="+", type=Path, metavar="FILE", help="examples to learn from")
    one.add_argument("--text", metavar="COLUMN", help="of the texts: a name, or 0 for the first")
    one.add_argument("--label", metavar="COLUMN", help="of the labels")
    one.add_argument(
        "--classes", nargs="+", default=[], metavar="NAME", help="of each FILE, if one is one class"
    )
    one.add_argument("--test", type=Path, metavar="FILE", help="a published test part")
    one.add_argument("--validation", type=Path, metavar="FILE", help="a published validation part")
    one.add_argument("--model", metavar="FOLDER", help="under models/source (otherwise: built-in)")
    one.add_argument("--encoding", help="of the files (otherwise: guessed)")
    one.add_argument("--delimiter", help="of the columns (otherwise: guessed)")
    one.set_defaults(run=init)

    one = commands.add_parser("outdated", help="whether the sources have newer revisions")
    one.set_defaults(run=outdated)

    one = commands.add_parser("doctor", help="what would stop a run on this machine")
    one.set_defaults(run=doctor)

    one = commands.add_parser("summary", help="what ran, what it found and where the files are")
    one.set_defaults(run=summary)

    one = commands.add_parser("sweep", help="run the settings of a file of sweeps/ as experiments")
    one.add_argument("file", type=Path, help="such as sweeps/learning-rate.yaml")
    one.set_defaults(run=sweep)

    one = commands.add_parser(
        "compare", help="what a change did to the model: 0 pass, 1 worse, 2 not comparable"
    )
    one.add_argument("base", nargs="?", help="revision or experiment (where HEAD left main)")
    one.add_argument("head", nargs="?", default="workspace", help="the same (%(default)s)")
    one.add_argument(
        "--output", type=Path, default=paths.COMPARISON, help="without suffix (%(default)s)"
    )
    one.set_defaults(run=compare)

    one = commands.add_parser("plots", help="draw the plots of this run as PNG")
    one.add_argument("--output", type=Path, default=paths.FIGURES, help="folder (%(default)s)")
    one.set_defaults(run=plots)

    one = commands.add_parser("predict", help="label texts with the exported model")
    one.add_argument("input", nargs="+", help=f"texts, or one file ({', '.join(TABLES)})")
    one.add_argument("--model", type=Path, default=paths.MERGED, help="folder (%(default)s)")
    one.add_argument("--text-column", default="text", help="column of the file (%(default)s)")
    one.add_argument("--output", type=Path, help="CSV to write (otherwise to the terminal)")
    one.add_argument("--batch", type=int, default=64, help="texts at once (%(default)s)")
    one.set_defaults(run=predict)

    one = commands.add_parser("pretrain", help="rebuild the built-in base model (about an hour)")
    one.add_argument("--settings", type=Path, default=paths.PRETRAINING, help="(%(default)s)")
    one.add_argument("--target", type=Path, default=paths.BUILTIN_MODEL, help="(%(default)s)")
    one.set_defaults(run=pretrain)
    return top


def main(arguments: Sequence[str] | None = None) -> None:
    args = parser().parse_args(arguments)
    try:
        args.run(args)
    except InputError as error:
        sys.exit(f"reprotune: {error}")


if __name__ == "__main__":
    main()
