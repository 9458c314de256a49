"""Rebuild what changed, one Prefect task a stage."""

import argparse
import fcntl
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prefect import State, flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.states import Completed, Failed

from pipelines import commands, dag
from pipelines.server import serving
from pipelines.workspace import has_remote
from reprotune.comparison.revision import flat
from reprotune.core import dvc, paths
from reprotune.core.dvc import COMMAND as DVC
from reprotune.core.printing import fail

LOCK = paths.WORK / "flow.lock"
UNCHANGED = "Data and pipelines are up to date"  # DVC's words, and those when a stage comes back
# What DVC says around a stage's own words.
FRAME = re.compile(r"Running stage '|> |WARNING: |ERROR: failed to reproduce .* exited with 1$")
RESTORED = "is cached - skipping run"


@contextmanager
def lock_alone(file: Path, wait: bool = False) -> Iterator[None]:
    """Refuse a second run under the same lock, or let it wait.

    The lock goes with the process, however it ends.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            message = f"another flow is at work under {file.resolve()}; wait for it, then run again"
            raise commands.FlowError(message) from None
        yield


@task(persist_result=False)
def stage(name: str, folder: Path, due: bool, options: list[str]) -> State[str]:
    """One stage: DVC runs it if what it depends on changed; else the run is shown as cached."""
    said = [UNCHANGED]
    if due:
        command = [*DVC, "repro", "--single-item", name, *options]
        try:
            said = commands.run(command, folder, get_run_logger().info)
        except commands.FlowError as error:
            own = [line for line in str(error).splitlines() if not FRAME.match(line)]
            return Failed(message="\n".join(own) or str(error))
    if any(UNCHANGED in line for line in said):
        return Completed(name="Cached", message="unchanged, skipped")
    if any(RESTORED in line for line in said):
        return Completed(name="Cached", message="run before, restored")
    return Completed(message="done")


def run_stages(folder: Path, force: bool = False) -> bool:
    """All stages in DVC's order, outputs of earlier runs from DVC's remote; whether any ran.

    Raises:
        FlowError: one failed; no later stage is started.
    """
    options = [*(["--force"] if force else []), *(["--pull"] if has_remote(folder) else [])]
    ran = False
    with lock_alone(folder / LOCK):
        for one in dag.list_stages(folder):
            named = stage.with_options(
                name=one.name, task_run_name=one.name, retries=one.retries,
                timeout_seconds=one.timeout,
            )  # fmt: skip
            state = named(one.name, folder, one.due or force, options, return_state=True)
            if not state.is_completed():
                why = str(state.message).removeprefix(f"{one.name}: ")
                raise commands.FlowError(f"{one.name}: {why}")
            ran |= state.message != "unchanged, skipped"
    return ran


def show_metrics(folder: Path) -> None:
    """The figures of every stage as a table in the Prefect UI."""
    rows = []
    for file in sorted((folder / "metrics").glob("*.json")):
        values = flat(json.loads(file.read_text(encoding="utf-8")))
        rows += [
            {"stage": file.stem, "figure": name, "value": value}
            for name, value in values.items()
            if isinstance(value, int | float | str)
        ]
    create_table_artifact(key="metrics", table=rows, description="What this run found")


def show_report(folder: Path, markdown: str) -> None:
    create_markdown_artifact(key="report", markdown=markdown, description=f"Report of {folder}")


@flow(name="reproduce", persist_result=False)
@commands.report_failures
def reproduce(folder: Path = Path(), force: bool = False) -> State[str]:
    """Rebuild what changed in a project's folder, then show figures and the report.

    Args:
        folder: The project's folder.
        force: Run every stage, changed or not.
    """
    if not run_stages(folder, force):
        return Completed(name="Cached", message="nothing changed: nothing to run")
    show_metrics(folder)
    show_report(folder, report(folder))
    return Completed(message="rebuilt what changed")


def report(folder: Path) -> str:
    """What changed against the last commit, as ``reprotune compare HEAD`` tells it."""
    target = folder / paths.COMPARISON.with_suffix(".md")
    try:
        commands.ask_reprotune(["compare", "HEAD"], folder)
    except commands.FlowError as error:
        return str(error)
    return target.read_text(encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(prog="reprotune reproduce", description=__doc__)
    parser.add_argument("--force", action="store_true", help="run every stage, changed or not")
    arguments = parser.parse_args()
    if not dvc.FILE.is_file():
        fail(f"reproduce: there is no {dvc.FILE} here; run it in the folder of the project")
    with serving("reproduce"):
        state = reproduce(force=arguments.force, return_state=True)
    if not state.is_completed():
        fail(f"reproduce: {state.message}")


if __name__ == "__main__":
    main()
