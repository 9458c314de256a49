"""The trials of a sweep, several at a time: ``python -m pipelines.sweep sweeps/data-size.yaml``."""

import argparse
import sys
from pathlib import Path

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.task_runners import ThreadPoolTaskRunner

import pipelines.settings  # noqa: F401 (before Prefect)
from reprotune import sweeps


@task(task_run_name="{trial.name}")
def run_trial(trial: sweeps.Trial, stage: str) -> None:
    """One experiment, in a workspace of its own."""
    sweeps.run(trial, stage)


@flow(name="sweep")
def sweep(file: Path, workers: int = 1) -> str:
    """Run the trials that are not finished yet, ``workers`` at a time; returns the best one.

    A trial that fails is named at the end, and the others finish.
    """
    asked, found, commit = sweeps.prepare(file)
    done = sweeps.finished(commit)
    with ThreadPoolTaskRunner(max_workers=workers) as runner:
        futures = {
            trial.name: runner.submit(run_trial, parameters={"trial": trial, "stage": asked.stage})
            for trial in found
            if trial.name not in done
        }
        failed = []
        for name, future in futures.items():
            future.wait()
            if not future.state.is_completed():
                failed.append(name)
    table, best = sweeps.conclude(file.stem, asked, found, commit)
    create_table_artifact(key="sweep", table=table.astype("str").to_dict("records"))
    create_markdown_artifact(key="best", markdown=f"`dvc exp apply {best}`")
    if failed:
        raise RuntimeError(f"{len(failed)} of {len(found)} trials failed: {', '.join(failed)}")
    return best


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m pipelines.sweep", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--workers", type=int, default=1, help="trials at a time (%(default)s)")
    arguments = parser.parse_args()
    state = sweep(arguments.file, arguments.workers, return_state=True)
    if not state.is_completed():
        sys.exit(f"sweep: {state.message}")
    print(f"best: {state.result()}")


if __name__ == "__main__":
    main()
