"""Retrain on what is new, and promote what is not worse: ``python -m pipelines.retrain``.

Everything happens in a clone of its own (``.reprotune/retrain``) that shares the cache of DVC, so
nobody's working copy is touched. A run that was killed is taken up by the next one.
"""

import argparse
import filecmp
import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal, get_args

from gto import api as gto
from gto.exceptions import ArtifactNotFound
from prefect import State, flow, get_run_logger
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.states import Completed, Failed
from ruamel.yaml import YAML

from pipelines import commands
from pipelines.reproduce import alone, run_stages, show_metrics, show_report
from pipelines.workspace import clone, dvc, git, has_remote, share
from reprotune import paths, revisions
from reprotune.params import load_params

CLONE = paths.WORK / "retrain"
LOCK = paths.WORK / "retrain.lock"
MESSAGE = "Retrained on data"
PRODUCTION = "production"
Register = Literal["at_once", "on_merge", "never"]


def in_use(folder: Path) -> str:
    """The commit of the model in use: the newest for production, or the head of the branch."""
    try:
        (newest, *_) = gto.find_versions_in_stage(str(folder), str(artifact(folder)), PRODUCTION)
    except (ArtifactNotFound, ValueError):  # nothing is registered
        return git(folder, "rev-parse", "HEAD")
    return str(newest.commit_hexsha)


def artifact(folder: Path) -> str | None:
    """The first model of ``artifacts`` in ``dvc.yaml``."""
    entries = YAML(typ="safe", pure=True).load((folder / "dvc.yaml").read_text("utf-8"))
    models = [k for k, v in entries.get("artifacts", {}).items() if v.get("type") == "model"]
    return models[0] if models else None


def look(folder: Path, incoming: Path | None) -> list[str]:
    """Bring what is new into the clone, and say what it is; ``incoming`` is a project's folder.

    Changed files of the sources and decisions, newer revisions on the Hub, changed addresses,
    and commits whose lock was never run.
    """
    params = load_params(folder / paths.PARAMS)
    news = []
    if incoming is not None:
        files = [paths.SOURCE_DATA / f.location for f in params.download.files]
        wanted = files if params.download.kind == "file" else []
        for place in [*wanted, Path(params.curate.decisions)]:
            if not (incoming / place).is_file():
                continue
            if differs(incoming / place, folder / place):
                (folder / place).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(incoming / place, folder / place)
            if (folder / f"{place}.dvc").is_file():
                dvc(folder, "add", "--quiet", str(place))
            if git(folder, "status", "--porcelain", "--", str(place), f"{place}.dvc"):
                news.append(f"{place} {hashed(folder / place)}")
    newer = [source for source in revisions.sources(params) if source.is_newer]
    if newer:
        pin(folder / paths.PARAMS, {source.key: source.newest for source in newer})
        news += [f"{source.key} {source.newest}" for source in newer]
    if not news:
        asked = [sys.executable, "-m", "reprotune.cli", "check", "--lock"]
        found = subprocess.run(asked, cwd=folder, capture_output=True, text=True, check=False)
        if found.returncode:
            head = git(folder, "rev-parse", "HEAD")
            news = [f"commit {head[:10]} was not run: {found.stderr.strip().splitlines()[-1]}"]
    return news


def differs(one: Path, other: Path) -> bool:
    return not other.is_file() or not filecmp.cmp(one, other, shallow=False)


def hashed(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:10]


def pin(file: Path, values: dict[str, str]) -> None:
    """Set parameters by dotted names, whose parts may be places in a list; comments are kept."""
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 100
    tree = yaml.load(file.read_text(encoding="utf-8"))
    for key, value in values.items():
        *sections, name = key.split(".")
        section: Any = tree
        for part in sections:
            section = section[int(part) if part.isdigit() else part]
        section[name] = value
    with file.open("w", encoding="utf-8") as handle:
        yaml.dump(tree, handle)


def judge(folder: Path, base: str, head: str) -> tuple[bool, str]:
    """Whether the new model may take over: the report's gate, and better than every baseline.

    The report is that of ``reprotune compare``, made by it.
    """
    command = [sys.executable, "-m", "reprotune.cli", "compare", base, head]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if not done.stdout:
        raise commands.FlowError(done.stderr.strip())
    verdict = done.stdout.splitlines()[0]
    figures = json.loads((folder / paths.EVALUATE_METRICS).read_text(encoding="utf-8"))
    behind = [name for name, g in figures["gain_over"].items() if g["interval"][0] <= 0]
    if behind:
        verdict += f" Not clearly better than the baseline {', '.join(behind)}."
    return done.returncode == 0 and not behind, verdict


def publish(folder: Path, name: str, branch: str, verdict: str, propose: bool) -> str:
    """Push data, model and branch; open a pull request if ``gh`` can. Says where it is."""
    if has_remote(folder):
        dvc(folder, "push", "--quiet")
    git(folder, "push", "--quiet", "--force", "origin", f"HEAD:refs/heads/{name}")
    if not propose:
        return f"branch {name}"
    if shutil.which("gh") is None or "github.com" not in git(folder, "remote", "get-url", "origin"):
        return f"branch {name}; no pull request, for gh is not at hand or origin is not on GitHub"
    body = folder / paths.COMPARISON.with_suffix(".md")
    command = ["gh", "pr", "create", "--base", branch, "--head", name, "--title", verdict[:200]]
    return commands.run([*command, "--body-file", str(body)], folder, lambda _: None)[-1]


def register(folder: Path, commit: str) -> str:
    """A new version of the model at a commit, assigned to production, as tags of GTO."""
    name = artifact(folder)
    if name is None:
        return "dvc.yaml names no model under artifacts: nothing to register"
    gto.register(str(folder), name, commit)
    assigned = gto.assign(str(folder), name, PRODUCTION, ref=commit, skip_registration=True)
    git(folder, "push", "--quiet", "--tags", "origin")
    return f"registered: {getattr(assigned, 'tag', None) or name}"


def register_merged(folder: Path) -> None:
    """Register the last retraining that was merged, if it is not yet."""
    log = git(folder, "log", "-1", "--format=%H", f"--grep=^{MESSAGE}")
    if log and not git(folder, "tag", "--points-at", log):
        get_run_logger().info(register(folder, log))


@flow(name="retrain", persist_result=False)
@commands.told
def retrain(
    source: str = ".",
    branch: str = "main",
    incoming: str | None = None,
    promote: Register = "on_merge",
) -> State[str]:
    """Look for something new; if there is, retrain, compare, and propose or register.

    ``source`` is a project's folder or a git address; ``incoming`` a folder in which files of the
    sources and decisions are changed (the source itself, if it is a folder).
    """
    log = get_run_logger().info
    place = Path(source).resolve() if Path(source).is_dir() else Path().resolve()
    with alone(place / LOCK):
        folder = clone(source, f"origin/{branch}", place / CLONE)
        if Path(source).is_dir():
            share(place, folder)
        if promote == "on_merge":
            register_merged(folder)
        base = in_use(folder)
        where = incoming or (source if Path(source).is_dir() else None)
        news = look(folder, Path(where).resolve() if where else None)
        if not news:
            return Completed(name="NothingNew", message="nothing new: nothing to train on")
        revision = hashlib.sha256("\n".join(news).encode()).hexdigest()[:10]
        name = f"retrain/{revision}"
        if git(folder, "ls-remote", "--heads", "origin", name):
            return Completed(name="NothingNew", message=f"nothing new since branch {name}")
        log("new: " + "; ".join(news))
        run_stages(folder)
        git(folder, "checkout", "--quiet", "-B", name)
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "-m", f"{MESSAGE} {revision}\n\n" + "\n".join(news))
        passed, verdict = judge(folder, base, name)
        show_metrics(folder)
        markdown = (folder / paths.COMPARISON.with_suffix(".md")).read_text(encoding="utf-8")
        show_report(folder, markdown)
        there = publish(folder, name, branch, verdict, propose=passed and promote != "at_once")
        if not passed:
            return Failed(name="GateClosed", message=f"{verdict} Nothing is promoted; {there}")
        if promote == "at_once":
            there += f"; {register(folder, git(folder, 'rev-parse', 'HEAD'))}"
        return Completed(message=f"{verdict} {there}")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m pipelines.retrain", description=(__doc__ or "").split("\n", maxsplit=1)[0]
    )
    parser.add_argument("--source", default=".", help="a project's folder or a git address")
    parser.add_argument("--branch", default="main")
    parser.add_argument("--incoming", help="folder in which sources and decisions are changed")
    parser.add_argument(
        "--promote", choices=get_args(Register), default="on_merge", help="(%(default)s)"
    )
    parser.add_argument("--serve", action="store_true", help="stay, and run on a schedule")
    parser.add_argument("--cron", default="0 3 * * 1", help="of --serve (%(default)s)")
    arguments = parser.parse_args()
    asked = {k: v for k, v in vars(arguments).items() if k not in ("serve", "cron")}
    if arguments.serve:
        one = ConcurrencyLimitConfig(
            limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW
        )
        retrain.serve(name="retrain", cron=arguments.cron, parameters=asked, global_limit=one)
        return
    state = retrain(**asked, return_state=True)
    print(state.message)
    if not state.is_completed():
        sys.exit(1)


if __name__ == "__main__":
    main()
