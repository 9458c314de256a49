"""The trials of a sweep, several at a time: ``python -m pipelines.sweep sweeps/data-size.yaml``."""

import argparse
import sys
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.futures import wait
from prefect.task_runners import ThreadPoolTaskRunner

from reprotune import sweeps


@task(task_run_name="{trial.name}")
def run_trial(trial: sweeps.Trial, stage: str) -> None:
    """One experiment, in a workspace of its own."""
    sweeps.run(trial, stage)


@flow(name="sweep")
def sweep(file: Path) -> str:
    """Run the trials that are not finished yet; returns the best one.

    As many at a time as the flow's task runner has workers. A trial that fails is named at the
    end, and the others finish.
    """
    asked, found, commit = sweeps.prepare(file)
    done = sweeps.finished(commit)
    todo = [trial for trial in found if trial.name not in done]
    futures = [run_trial.submit(trial, asked.stage) for trial in todo]
    wait(futures)
    failed = [
        trial.name
        for trial, future in zip(todo, futures, strict=True)
        if not future.state.is_completed()
    ]
    table, best = sweeps.conclude(file.stem, asked, found, commit)
    rows = [dict(zip(table.columns, map(str, row), strict=True)) for row in table.to_numpy()]
    create_table_artifact(key="sweep", table=rows)
    create_markdown_artifact(key="best", markdown=f"`dvc exp apply {best}`")
    if failed:
        raise RuntimeError(f"{len(failed)} of {len(found)} trials failed: {', '.join(failed)}")
    return best


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m pipelines.sweep", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--workers", type=int, default=1, help="trials at a time (%(default)s)")
    arguments = parser.parse_args()
    runner: Any = ThreadPoolTaskRunner(max_workers=arguments.workers)
    state = sweep.with_options(task_runner=runner)(arguments.file, return_state=True)
    if not state.is_completed():
        sys.exit(f"sweep: {state.message}")
    print(f"best: {state.result()}")


if __name__ == "__main__":
    main()
