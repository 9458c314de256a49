"""Further training seeds of a commit, so that the gate knows how much of a difference is chance."""

from pathlib import Path

from pipelines.trial import name_reference
from pipelines.workspace import dvc, git, has_remote
from reprotune.core import paths
from reprotune.core.yaml_file import load_yaml

STAGE = "evaluate"  # the last that a comparison needs


def run_seeds(folder: Path, revision: str, count: int) -> str:
    """A commit and its experiments under further seeds, as ``reprotune compare`` takes them.

    What was run before is not run again. The clone is left at the last of them.

    Raises:
        FlowError: one of them failed.
    """
    commit = git(folder, "rev-parse", revision)
    params = git(folder, "show", f"{commit}:./{paths.PARAMS}").encode()
    first = int(load_yaml(params, f"{commit[:10]}:{paths.PARAMS}")["train"]["seed"])
    pull = ["--pull"] if has_remote(folder) else []
    runs = [revision]
    for seed in range(first + 1, first + count):
        name = f"seed-{seed}-{commit[:10]}"
        if not git(folder, "for-each-ref", name_reference(commit, name)):
            git(folder, "checkout", "--quiet", "--force", "--detach", commit)
            dvc(folder, "exp", "run", "--name", name, *pull, "-S", f"train.seed={seed}", STAGE)
        runs.append(name)
    return ",".join(runs)
