"""One trial of a sweep on whatever machine takes it, as a deployment that ``sweep`` starts."""

import shutil
from pathlib import Path

from prefect import State, flow
from prefect.states import Completed

from pipelines import commands
from pipelines.reproduce import alone
from pipelines.workspace import clone, dvc, git, has_remote, share
from reprotune import paths

TRIALS = paths.WORK / "trials"


def home(project: Path) -> str:
    """Where a project was cloned from: there its experiments go. Its own folder, if nowhere."""
    names = git(project, "remote").split()
    return git(project, "remote", "get-url", "origin") if "origin" in names else str(project)


@flow(name="trial", persist_result=False)
@commands.told
def trial(name: str, commit: str, changes: list[str], stage: str) -> State[str]:
    """Clone, pull what the stages need, run, and push the experiment.

    Git's part goes to where this project comes from, data and model to DVC's remote if it has one.
    A trial that was killed goes on from its last checkpoint on the same machine.
    """
    project = Path().resolve()
    folder = project / TRIALS / name
    with alone(project / TRIALS / f"{name}.lock"):
        clone(home(project), commit, folder)
        share(project, folder)
        remote = has_remote(folder)
        if not git(folder, "for-each-ref", f"refs/exps/*/*/{name}"):  # else killed before the push
            changed = [word for change in changes for word in ("-S", change)]
            pull = ["--pull"] if remote else []
            dvc(folder, "exp", "run", "--name", name, *pull, *changed, stage)
        cache = [] if remote else ["--no-cache"]
        dvc(folder, "exp", "push", "--force", *cache, "origin", name)
        shutil.rmtree(folder)
    return Completed(message=f"experiment {name}")
