"""One trial of a sweep on whatever machine takes it, as a deployment that ``sweep`` starts."""

import shutil
from pathlib import Path
from typing import Annotated

from prefect import State, flow
from prefect.states import Completed
from pydantic import Field

from pipelines import commands
from pipelines.reproduce import lock_alone
from pipelines.workspace import clone, dvc, find_prefix, git, has_remote, home, push, share
from reprotune.core import paths

TRIALS = paths.WORK / "trials"
Name = Annotated[
    str, Field(pattern=r"^\w[\w.-]*$")
]  # of a folder that is removed: none but its own


def name_reference(commit: str, name: str) -> str:
    """Where git keeps an experiment of a commit; ``*`` for all of them."""
    return f"refs/exps/{commit[:2]}/{commit[2:]}/{name}"


@flow(name="trial", persist_result=False)
@commands.report_failures
def trial(name: Name, commit: str, changes: list[str], stage: str) -> State[str]:
    """Clone, pull what the stages need, run, and push the experiment.

    Git's part goes to where this project comes from, data and model to DVC's remote if it has one.
    A trial that was killed goes on from its last checkpoint on the same machine.

    Args:
        name: What the experiment is called.
        commit: The commit that it starts from; origin has it.
        changes: Parameters and their values, such as train.seed=2.
        stage: The last stage that is run.
    """
    project = Path().resolve()
    root = project / TRIALS / name
    source, place = home(project), name_reference(commit, name)
    with lock_alone(project / TRIALS / f"{name}.lock", wait=True):
        if git(project, "ls-remote", source, place):
            return Completed(message=f"experiment {name} was run before")
        folder = clone(source, commit, root, find_prefix(project))
        share(project, folder)
        remote = has_remote(folder)
        if not git(folder, "for-each-ref", place):  # else killed before the push
            changed = [word for change in changes for word in ("-S", change)]
            pull = ["--pull"] if remote else []
            dvc(folder, "exp", "run", "--name", name, *pull, *changed, stage)
        git(folder, "checkout", "--quiet", "--force", "--detach", place)
        if remote:  # first, for who sees the experiment takes it as whole
            push(folder)
        dvc(folder, "exp", "push", "--force", "--no-cache", "origin", place)
        shutil.rmtree(root)
    return Completed(message=f"experiment {name}")
