"""Retrain on what is new, and promote what is not worse.

Everything happens in a clone of its own (``.reprotune/retrain``) that shares the cache of DVC, so
nobody's working copy is touched. A run that was killed is taken up by the next one.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Annotated, Literal, get_args

from prefect import State, flow, get_run_logger
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.states import Completed, Failed
from pydantic import Field

from pipelines import commands
from pipelines.registry import find_in_use, register, register_merged
from pipelines.reproduce import lock_alone, run_stages, show_metrics, show_report
from pipelines.seeds import run_seeds
from pipelines.server import serving
from pipelines.trigger import (
    WHY,
    Trigger,
    add_options,
    find_reason,
    find_rest,
    hash_reason,
    read_options,
)
from pipelines.workspace import (
    clone,
    dvc,
    fetch,
    find_prefix,
    git,
    home,
    is_committed,
    publish,
    require_commit,
    share,
    take,
)
from reprotune.comparison.report import code
from reprotune.core import paths
from reprotune.core.git import ask_nobody
from reprotune.core.params import Params
from reprotune.core.params_file import load_params
from reprotune.core.printing import say
from reprotune.core.seals import hash_file
from reprotune.data.reading.files import find_place
from reprotune.evaluation.worth import find_unbeaten
from reprotune.project import upstream
from reprotune.project.profiles import pin
from reprotune.tables.metrics import Evaluation, parse

CLONE = paths.WORK / "retrain"
LOCK = paths.WORK / "retrain.lock"
PROPOSAL = paths.WORK / "proposal.md"
MESSAGE = "Retrained on data"
NOTHING = "NothingNew"
PASSED = "Gate: passed"
PASSES = {"better", "same"}  # verdicts of a comparison
Register = Literal["at_once", "on_merge", "never"]


def look(folder: Path, incoming: Path | None) -> list[str]:
    """Bring what is new into the clone, and say what it is; ``incoming`` is a project's folder.

    Changed files of the sources and decisions (in a repository: those that are in none of its
    commits), newer revisions on the Hub, changed addresses, and commits whose lock was never run.
    """
    params = load_params(folder / paths.PARAMS)
    news = []
    if incoming is not None:
        entries = params.download.files if params.download.kind == "file" else []
        places = [find_place(file.location, paths.SOURCE_DATA) for file in entries]
        for place in dict.fromkeys([*places, Path(params.curate.decisions)]):
            if not (incoming / place).resolve().is_relative_to(incoming.resolve()):
                raise commands.FlowError(f"{place}: not in {incoming}; copy it there")
            if not (incoming / place).is_file() or is_committed(incoming, place):
                continue
            if take(incoming, folder, place):
                news.append(f"{place} {hash_file(folder / place)[:10]}")
    newer = [source for source in upstream.list_sources(params) if source.is_newer]
    if newer:
        pin({source.key: source.newest for source in newer}, folder / paths.PARAMS)
        news += [f"{source.key} {source.newest}" for source in newer]
    if not news:
        stale = commands.ask_reprotune(["check", "--lock"], folder)["stale"]
        reasons = [f"{stage}: {', '.join(why)}" for stage, why in stale.items()]
        if reasons:
            head = git(folder, "rev-parse", "HEAD")
            news = [f"commit {head[:10]} was not run: {'; '.join(reasons)}"]
    return news


def find_due(folder: Path, incoming: Path | None, trigger: Trigger) -> tuple[list[str], str]:
    """What is new in the clone, and why that is enough; else nothing, and why it is not."""
    if end := find_rest(folder, MESSAGE, trigger):
        return [], f"cools down until {end:%Y-%m-%d %H:%M %Z} after the last retraining"
    news = look(folder, incoming)
    if not news:
        return [], "nothing new: nothing to train on"
    is_enough, why = find_reason(folder, news, trigger, load_params(folder / paths.PARAMS))
    return (news, why) if is_enough else ([], f"waits for more: {why}")


def tell_moving(params: Params) -> str:
    """What a person should know if rows that are added can move test rows; else empty."""
    fixed = any(file.split for file in params.download.files)
    if params.roles.strategy == "growing" or (params.roles.strategy == "published" and fixed):
        return ""
    return (
        f"roles.strategy {params.roles.strategy}: added rows can move others out of the test set; "
        "growing keeps them there (reprotune init --growing)"
    )


def judge(folder: Path, base: str, head: str) -> tuple[bool, str]:
    """Whether the new model may take over: the report's gate, and better than every baseline.

    The report is that of ``reprotune compare``, made by it. Commas part runs of several seeds, of
    which the first is the model.
    """
    found = commands.ask_reprotune(["compare", base, head], folder)
    where = f"{head.split(',', maxsplit=1)[0]}:./{paths.EVALUATE_METRICS}"
    behind = find_unbeaten(parse(git(folder, "show", where), Evaluation, where).gain_over)
    return found["verdict"] in PASSES and not behind, str(found["sentence"])


def propose(folder: Path, name: str, branch: str, verdict: str, commit: str) -> str:
    """Open a pull request, if ``gh`` can and there is none. Says what there is.

    In it is why it was retrained, as the commit says it, and the report.
    """
    if shutil.which("gh") is None or "github.com" not in home(folder):
        return f"branch {name}; no pull request, for gh is not at hand or origin is not on GitHub"
    there = commands.ask(
        ["gh", "pr", "list", "--head", name, "--state", "all", "--json=url"], folder
    )
    if found := json.loads(there):
        return str(found[0]["url"])
    why = WHY.search(git(folder, "log", "-1", "--format=%B", commit))
    report = (folder / paths.COMPARISON.with_suffix(".md")).read_text(encoding="utf-8")
    body = folder / PROPOSAL
    body.write_text(f"{f'Why: {code(why[1])}' if why else ''}\n\n{report}", encoding="utf-8")
    command = ["gh", "pr", "create", "--base", branch, "--head", name, "--title", verdict[:200]]
    return commands.ask([*command, "--body-file", str(body)], folder)


@flow(name="retrain", persist_result=False)
@commands.report_failures
def retrain(
    source: str = ".",
    branch: str = "main",
    incoming: str | None = None,
    promote: Register = "on_merge",
    trigger: Trigger = Trigger(),  # noqa: B008
    seeds: Annotated[int, Field(ge=1)] = 1,
) -> State[str]:
    """Look for something new; if there is enough, retrain, compare, and propose or register.

    Args:
        source: A project's folder or a git address.
        branch: The branch that is retrained, and that a proposal is for.
        incoming: A folder in which files of the sources and decisions are changed; the source
            itself, if it is a folder.
        promote: When a model that passes the gate goes into production.
        trigger: What makes a retraining due.
        seeds: Training seeds of each side whose runs the gate compares: their spread is noise.
    """
    log = get_run_logger().info
    is_folder = Path(source).is_dir()
    place = Path(source if is_folder else ".").resolve()
    with lock_alone(place / LOCK):
        address, within = (home(place), find_prefix(place)) if is_folder else (source, "")
        folder = clone(address, f"origin/{branch}", place / CLONE, within)
        if is_folder:
            share(place, folder)
        dvc(folder, "checkout", "--force", "--allow-missing")  # of an earlier run
        if promote == "on_merge":
            register_merged(folder, PASSED)
        base = find_in_use(folder)
        where = incoming or (source if is_folder else None)
        news, why = find_due(folder, Path(where).resolve() if where else None, trigger)
        if not news:
            return Completed(name=NOTHING, message=why)
        revision = hash_reason(folder, news)
        name = f"retrain/{revision}"
        if git(folder, "ls-remote", "origin", f"refs/heads/{name}"):
            there = was_tried(folder, base, name, branch, promote)
            return Completed(name=NOTHING, message=f"nothing new since {there}")
        log("new: " + "; ".join(news))
        message = "\n".join([f"{MESSAGE} {revision}", "", *news, f"Why: {' '.join(why.split())}"])
        require_commit(folder, message)
        if told := tell_moving(load_params(folder / paths.PARAMS)):
            log(told)
        run_stages(folder)
        git(folder, "checkout", "--quiet", "-B", name)
        git(folder, "add", "--all")
        if not git(folder, "status", "--porcelain"):
            return Completed(name=NOTHING, message="nothing new: it was run before")
        git(folder, "commit", "--quiet", "-m", message)
        head = name
        if seeds > 1:
            base, head = (run_seeds(folder, run, seeds) for run in (base, name))
            git(folder, "checkout", "--quiet", "--force", name)
        passed, verdict = judge(folder, base, head)
        gate = PASSED if passed else "Gate: closed"
        git(folder, "commit", "--quiet", "--amend", "-m", f"{message}\n\n{gate}\n{verdict}")
        judge(folder, base, head)  # once more, for the report names the commit
        show_metrics(folder)
        markdown = (folder / paths.COMPARISON.with_suffix(".md")).read_text(encoding="utf-8")
        show_report(folder, markdown)
        there = f"branch {name}"
        if passed and promote == "at_once":
            there += f"; {register(folder, git(folder, 'rev-parse', 'HEAD'))}"
        if not publish(folder, name):
            message = f"branch {name}, which another retraining has made meanwhile"
            return Completed(name=NOTHING, message=message)
        if not passed:
            message = f"{verdict} Nothing is promoted; {there}"
            return Failed(name="GateClosed", message=message)
        if promote != "at_once":
            there = propose(folder, name, branch, verdict, "HEAD")
        return Completed(message=f"{verdict} {there}")


def was_tried(folder: Path, base: str, name: str, branch: str, promote: Register) -> str:
    """What became of a branch that is there already; a proposal that was cut off is made now."""
    fetch(folder)  # it may be there only since the clone was made
    if PASSED not in git(folder, "log", "-1", "--format=%B", f"origin/{name}"):
        return f"branch {name}, which the gate stopped"
    if promote == "at_once":
        return f"branch {name}"
    _, verdict = judge(folder, base, f"origin/{name}")
    return propose(folder, name, branch, verdict, f"origin/{name}")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="reprotune retrain", description=(__doc__ or "").split("\n", maxsplit=1)[0]
    )
    parser.add_argument("--source", default=".", help="a project's folder or a git address")
    parser.add_argument("--branch", default="main")
    parser.add_argument("--incoming", help="folder in which sources and decisions are changed")
    parser.add_argument(
        "--promote", choices=get_args(Register), default="on_merge", help="(%(default)s)"
    )
    parser.add_argument("--seeds", type=int, default=1, help="training seeds a side (%(default)s)")
    add_options(parser)
    parser.add_argument("--serve", action="store_true", help="stay, and run on a schedule")
    parser.add_argument("--cron", default="0 3 * * 1", help="of --serve, in UTC (%(default)s)")
    arguments = parser.parse_args()
    names = ("source", "branch", "incoming", "promote", "seeds")
    if arguments.seeds < 1:
        parser.error("--seeds: at least 1 run of each side")
    asked = {name: getattr(arguments, name) for name in names}
    asked["trigger"] = read_options(parser, arguments)
    place = Path(arguments.source) if Path(arguments.source).is_dir() else Path()
    if arguments.serve:
        ask_nobody()
        one = ConcurrencyLimitConfig(
            limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW
        )
        with serving("retrain", place):
            retrain.serve(name="retrain", cron=arguments.cron, parameters=asked, global_limit=one)
        return
    with serving("retrain", place):
        state = retrain(**asked, return_state=True)
    say(state.message)
    if not state.is_completed():
        sys.exit(1)


if __name__ == "__main__":
    main()
