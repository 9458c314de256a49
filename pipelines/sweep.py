"""The trials of a sweep, several at a time.

On this machine, or with ``--on trial/anywhere`` on every machine whose worker takes from the pool.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prefect import State, flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterName,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import TERMINAL_STATES
from prefect.deployments import run_deployment
from prefect.futures import wait
from prefect.states import Cancelling, Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner

from pipelines import commands
from pipelines.server import serving
from pipelines.trial import name_reference
from pipelines.workspace import find_repository, git, home
from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.printing import fail, say
from reprotune.project import sweeps
from reprotune.project.trials import Trial


@task(task_run_name="{trial.name}", persist_result=False)
def run_trial(trial: Trial, stage: str, commit: str, deployment: str | None) -> State[str]:
    """One experiment: in a workspace of its own here, or as a run of a deployment elsewhere."""
    if deployment is None:
        try:
            sweeps.run(trial, stage)
        except InputError as error:
            return tell_failure(str(error))
        return Completed(message="done")
    asked = {"name": trial.name, "commit": commit, "changes": trial.changes, "stage": stage}
    there: Any = run_deployment(deployment, parameters=asked, flow_run_name=trial.name)
    if not there.state.is_completed():
        return tell_failure(f"{trial.name}: {there.state.message or there.state.name.lower()}")
    return Completed(message="done")


def tell_failure(message: str) -> State[str]:
    """The state of a task whose words no command has said yet."""
    get_run_logger().error(message)
    return Failed(message=message)


def fetch(commit: str) -> None:
    """The experiments from a commit that other machines have pushed."""
    folder = Path().resolve()
    if (source := home(folder)) != str(find_repository(folder)):
        place = name_reference(commit, "*")
        git(folder, "fetch", "--quiet", source, f"+{place}:{place}")


def check_reachable(commit: str) -> None:
    """Refuse what workers elsewhere could not have.

    Raises:
        FlowError: the commit was not pushed, or data are in neither git nor DVC.
    """
    folder = Path().resolve()
    data = [name for name in sweeps.list_untracked() if paths.SOURCE_DATA in Path(name).parents]
    if missing := [name for name in data if not Path(f"{name}.dvc").is_file()]:
        raise commands.FlowError(
            f"{', '.join(missing)}: in neither git nor DVC, so no other machine has it; "
            "dvc add it, commit and dvc push"
        )
    pushed = git(folder, "branch", "--remotes", "--contains", commit)
    if home(folder) != str(find_repository(folder)) and not pushed:
        raise commands.FlowError(f"commit {commit[:10]} is on no branch of origin: git push first")


@flow(name="sweep", persist_result=False)
@commands.report_failures
def sweep(file: Path, deployment: str | None = None) -> State[str]:
    """Run the trials that are not finished yet, and name the best one.

    As many at a time as the flow's task runner has workers. A trial that fails is named at the
    end, and the others finish.

    Args:
        file: Settings to try, such as sweeps/learning-rate.yaml.
        deployment: Where the trials run, such as trial/anywhere; empty is on this machine.
    """
    if deployment:
        check_reachable(sweeps.check_committed())

    def run_all(trials: Sequence[Trial], stage: str, commit: str) -> dict[str, str]:
        futures = [run_trial.submit(trial, stage, commit, deployment) for trial in trials]
        try:
            wait(futures)
        except BaseException:  # Ctrl-C, or the run was cancelled
            if deployment:
                cancel([trial.name for trial in trials])
            raise
        ended = {one.name: future.state for one, future in zip(trials, futures, strict=True)}
        return {name: str(end.message) for name, end in ended.items() if not end.is_completed()}

    found = sweeps.sweep(
        file, run_all, fetch=fetch if deployment else None, tell=get_run_logger().info
    )
    show(found)
    if found.failure:
        return Failed(message=found.failure)
    return Completed(message=f"best: {found.best}")


def cancel(names: list[str]) -> None:
    """End the runs of these names elsewhere that have not ended."""
    wanted = FlowRunFilter(
        name=FlowRunFilterName(any_=names),
        state=FlowRunFilterState(type=FlowRunFilterStateType(not_any_=list(TERMINAL_STATES))),
    )
    with get_client(sync_client=True) as client:
        for one in client.read_flow_runs(flow_run_filter=wanted):
            client.set_flow_run_state(one.id, Cancelling(message="the sweep has ended"))


def show(found: sweeps.Outcome) -> None:
    """The settings as a table in the Prefect UI, and how to take the best one."""
    names = found.table.columns
    rows = [dict(zip(names, map(str, row), strict=True)) for row in found.table.to_numpy()]
    create_table_artifact(key="sweep", table=rows)
    create_markdown_artifact(key="best", markdown=f"`dvc exp apply {found.best}`")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m pipelines.sweep", description=(__doc__ or "").split("\n", maxsplit=1)[0]
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--on", metavar="DEPLOYMENT", help="trials run there (trial/anywhere)")
    parser.add_argument("--workers", type=int, help="trials at a time (1; with --on all)")
    asked = parser.parse_args()
    runner: Any = ThreadPoolTaskRunner(max_workers=asked.workers or (100 if asked.on else 1))
    with serving("sweep"):
        state = sweep.with_options(task_runner=runner)(asked.file, asked.on, return_state=True)
    if not state.is_completed():
        fail(f"sweep: {state.message}")
    say(state.message)


if __name__ == "__main__":
    main()
