"""Many settings, each a DVC experiment in a workspace of its own; chosen on validation."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from reprotune.comparison.revision import flat, git
from reprotune.core import paths
from reprotune.core.dvc import COMMAND as DVC
from reprotune.core.errors import InputError
from reprotune.core.inside import require_inside
from reprotune.core.params_file import read_as
from reprotune.core.printing import count_of, say
from reprotune.core.supervision import PARENT, SUPERVISED
from reprotune.project import killed_trials, seeds, terminal
from reprotune.project.profiles import pin
from reprotune.project.trials import Sweep, Trial, hash_files, list_trials
from reprotune.tables import cells

SHOWN = 12  # lines of a failed trial


def check_committed() -> str:
    """The commit that the trials start from.

    Raises:
        InputError: files differ from it, so nobody could tell what the trials were of.
    """
    if changed := git("status", "--porcelain", "--untracked-files=no").strip():
        raise InputError(f"commit first, for experiments start from a commit:\n{changed}")
    return git("rev-parse", "HEAD").strip()


def list_finished(commit: str) -> dict[str, str]:
    """The experiments from this commit: name and git reference."""
    references = git("for-each-ref", "--format=%(refname)", "refs/exps/").splitlines()
    start = f"refs/exps/{commit[:2]}/{commit[2:]}/"
    return {r.removeprefix(start): r for r in references if r.startswith(start)}


def list_untracked() -> list[str]:
    """What lies in the source folders and not in git: a workspace of its own needs a copy."""
    places = [f"{folder}/" for folder in (paths.SOURCE_DATA, paths.SOURCE_MODELS)]
    others = git("ls-files", "-z", "--others", "--directory", "--", *places).split("\0")
    return [name.rstrip("/") for name in others if name]


def run(trial: Trial, stage: str) -> None:
    """Run one trial, in a workspace of its own that shares the cache.

    Raises:
        InputError: it failed; the last lines of what it said.
    """
    command = [*SUPERVISED, *DVC, "exp", "run", "--temp"]
    command += ["--name", trial.name]
    for change in trial.changes:
        command += ["-S", change]
    for name in list_untracked():
        command += ["-C", name]
    done = subprocess.run(
        [*command, stage], capture_output=True, errors="replace", check=False,
        env=os.environ | {PARENT: str(os.getpid())},
    )  # fmt: skip
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise InputError(f"{trial.name} failed:\n" + "\n".join(said[-SHOWN:]))


def read_figures(reference: str, names: Sequence[str]) -> dict[str, float]:
    """Figures of an experiment's ``metrics/evaluate.json`` by dotted names."""
    values = flat(json.loads(git("show", f"{reference}:./{paths.EVALUATE_METRICS}")))
    return {name: pick_figure(values, name) for name in names}


def pick_figure(values: Mapping[str, object], name: str) -> float:
    value = values.get(name)
    if not isinstance(value, int | float):
        raise InputError(f"{name} is no figure of {paths.EVALUATE_METRICS}")
    return float(value)


def read_results(found: Sequence[Trial], done: dict[str, str], sweep: Sweep) -> pd.DataFrame:
    """One row for each trial that is finished: parameters, seed, figures and its name."""
    names = [sweep.select, *sweep.report]
    rows = [
        {
            **trial.values,
            "seed": trial.seed,
            **read_figures(done[trial.name], names),
            "trial": trial.name,
        }
        for trial in found
        if trial.name in done
    ]
    return pd.DataFrame(rows, columns=[*sweep.parameters, "seed", *names, "trial"])


def prepare(file: Path) -> tuple[Sweep, list[Trial], str]:
    """A sweep that can start: its settings, its trials and the commit that they start from."""
    require_inside(file)
    killed_trials.put_back()
    asked = read_as(Sweep, file)
    found = list_trials(file.stem, asked, hash_files(list_untracked()))
    check(found, file)
    return asked, found, check_committed()


def conclude(
    name: str, asked: Sweep, found: Sequence[Trial], commit: str
) -> tuple[pd.DataFrame, str]:
    """The table of the settings and the best trial; writes tables and a picture.

    The best trial is that with the highest figure among the seeds of the best setting.

    Raises:
        InputError: no trial is finished.
    """
    from reprotune.project.sweep_pictures import save_sweep

    trial_table = read_results(found, list_finished(commit), asked)
    if trial_table.empty:
        raise InputError("no trial is finished: there is nothing to show")
    parameters = list(asked.parameters)
    table = seeds.summarize(trial_table, parameters, asked.select)
    exact = dict.fromkeys(parameters, "object")  # which is written digit for digit
    for suffix, frame in (("", table.astype(exact)), ("-trials", trial_table.astype(exact))):
        cells.write(frame, paths.SWEEPS / f"{name}{suffix}.csv", True, float_format="%.6f")
    save_sweep(table, parameters, asked.select, paths.SWEEPS / f"{name}.png")
    same = table.loc[:0, parameters].merge(trial_table, on=parameters)  # null is equal to null
    chosen = same.sort_values(asked.select, kind="stable")
    return table, str(chosen["trial"].iloc[-1])


@dataclass(frozen=True)
class Outcome:
    """What a sweep found: settings from best to worst, the best trial, and trials that failed."""

    select: str  # the figure that decides
    table: pd.DataFrame
    best: str
    trials: int
    failed: dict[str, str]  # name: why

    @property
    def failure(self) -> str:
        """Which trials failed, in a sentence; empty if none did."""
        names, every = ", ".join(self.failed), count_of(self.trials, "trial")
        return f"{len(self.failed)} of {every} failed: {names}" if names else ""


Runner = Callable[[Sequence[Trial], str, str], dict[str, str]]  # trials, stage, commit: failures


def sweep(
    file: Path,
    run_all: Runner,
    fetch: Callable[[str], object] | None = None,
    tell: Callable[[str], object] = print,
) -> Outcome:
    """Run the trials that are not finished yet, and choose the best setting of all.

    ``run_all`` knows where and how many at a time; a trial that fails does not end the others.
    ``fetch`` brings the experiments from a commit that were made elsewhere.

    Raises:
        InputError: the file is wrong, something is not committed, or no trial is finished.
    """
    asked, found, commit = prepare(file)
    if fetch:
        fetch(commit)
    done = list_finished(commit)
    for trial in found:
        if trial.name in done:
            tell(f"{trial.name}: {', '.join(trial.changes)} (finished before)")
    killed_trials.clear()
    left = [one for one in found if one.name not in done]
    with killed_trials.noted([one.changes for one in left], commit):
        failed = run_all(left, asked.stage, commit)
    if fetch:
        fetch(commit)
    table, best = conclude(file.stem, asked, found, commit)
    return Outcome(asked.select, table, best, len(found), failed)


def run_in_turn(trials: Sequence[Trial], stage: str, _: str) -> dict[str, str]:
    """Run trials here, one after the other, and say which; why some failed, by their names."""
    failed = {}
    for number, trial in enumerate(trials, start=1):
        say(f"{number}/{len(trials)} {trial.name}: {', '.join(trial.changes)}")
        try:
            run(trial, stage)
        except InputError as error:
            failed[trial.name] = str(error)
            say(error)
    return failed


def check(found: Sequence[Trial], file: Path) -> None:
    """Refuse values that no run would accept, before the first trial starts."""
    with TemporaryDirectory() as folder:  # two sweeps may begin at once
        scratch = Path(folder) / paths.PARAMS
        for values in {json.dumps(trial.values): trial.values for trial in found}.values():
            shutil.copy(paths.PARAMS, scratch)
            try:
                pin(values, scratch)
            except InputError as error:
                raise InputError(str(error).replace(str(scratch), str(file))) from None


def show(found: Outcome, file: Path) -> None:
    """Print the settings, and the best of them; raise InputError if some trials failed."""
    table = found.table.astype(object)
    settings = table.columns[: table.columns.get_loc("seeds")]
    terminal.show(table.assign(**{name: table[name].map(seeds.show_setting) for name in settings}))
    say(f"\nbest on {found.select}: {found.best}; take it with: dvc exp apply {found.best}")
    say(f"{paths.SWEEPS / file.stem}.csv, with the trials and a picture beside it")
    if found.failure:
        raise InputError(found.failure)
