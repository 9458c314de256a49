"""Which model is in use: versions and stages as tags of GTO."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from gto import api as gto
from gto.exceptions import ArtifactNotFound
from prefect import get_run_logger
from pydantic import ValidationError

from pipelines.commands import FlowError
from pipelines.workspace import fetch, git, limit
from reprotune.comparison.lock import Lock
from reprotune.core.yaml_file import load_yaml
from reprotune.production.history import PRODUCTION, find_artifact, name_in_tags


def find_in_use(folder: Path) -> str:
    """The commit of the model in use: that of production, or the head of the branch."""
    model = find_artifact(folder)
    found: list[dict[str, Any]] = []
    with explain_tags(), suppress(ArtifactNotFound):  # nothing is registered
        found = gto.show(str(folder), f"{model[0]}#{PRODUCTION}") if model else []
    return str(found[0]["commit_hexsha"]) if found else git(folder, "rev-parse", "HEAD")


@contextmanager
def explain_tags() -> Iterator[None]:
    """Tell in one message that tags are damaged, whatever GTO and its git have raised."""
    try:
        yield
    except Exception as error:
        raise FlowError(
            f"the tags of the model cannot be read: {error}; git tag lists them, and "
            "git tag --delete TAG or git fetch --tags --force mends a wrong one"
        ) from None


def find_model(folder: Path, commit: str, path: str) -> str | None:
    """The hash of the model in the lock of a commit."""
    lock = load_yaml(git(folder, "show", f"{commit}:./dvc.lock").encode(), f"{commit}:dvc.lock")
    try:
        stages = Lock.model_validate(lock).stages
    except ValidationError:  # a damaged one knows no model
        return None
    return next((o.md5 for stage in stages.values() for o in stage.outs if o.path == path), None)


def register(folder: Path, commit: str) -> str:
    """A new version of the model at a commit, assigned to production, as tags of GTO.

    Raises:
        FlowError: tags are damaged, or of a time to come.
    """
    model = find_artifact(folder)
    if model is None:
        return "dvc.yaml names no model under artifacts: nothing to register"
    if find_model(folder, commit, model[1]) is None:
        return f"no stage makes {model[1]}: nothing to register"
    with explain_tags():
        gto.register(str(folder), model[0], commit)
        assigned = gto.assign(str(folder), model[0], PRODUCTION, ref=commit, skip_registration=True)
    if find_in_use(folder) != commit:  # GTO goes by the dates
        raise FlowError(
            f"{model[0]}: what serves was tagged at a time that is still to come, so a new version "
            "would not serve; mend this machine's clock, or delete that tag (git for-each-ref "
            "--format='%(refname) %(taggerdate)' refs/tags)"
        )
    return f"registered: {getattr(assigned, 'tag', None) or model[0]}"


def register_merged(folder: Path, passed: str) -> None:
    """Register the last retraining that was merged, if its model still stands.

    ``passed`` is how a line of its message begins.
    """
    commit, model = (
        git(folder, "log", "-1", "--format=%H", f"--grep=^{passed}", *limit(folder)),
        find_artifact(folder),
    )
    if not commit or model is None:
        return
    tags = git(folder, "tag", "--points-at", commit).split()
    stands = find_model(folder, commit, model[1]) == find_model(folder, "HEAD", model[1])
    if stands and not any(tag.startswith(f"{name_in_tags(model[0])}#{PRODUCTION}") for tag in tags):
        get_run_logger().info(register(folder, commit))
        new = git(folder, "tag", "--points-at", commit).split()
        if not new:  # no stage makes a model
            return
        try:
            git(folder, "push", "--quiet", "--atomic", "origin", *new)
        except FlowError:
            fetch(folder)  # another may have done it meanwhile
            if find_in_use(folder) != commit:
                raise
