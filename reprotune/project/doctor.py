"""``reprotune doctor``: what would stop a run on this machine, before it starts."""

import json
import os
import re
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from shlex import quote

import psutil
from packaging.requirements import InvalidRequirement, Requirement
from rich.markup import escape
from rich.table import Table

from reprotune.comparison.revision import git
from reprotune.core import paths, space
from reprotune.core.dvc import COMMAND, list_absent
from reprotune.core.errors import InputError
from reprotune.core.io import is_abandoned
from reprotune.core.params import Params
from reprotune.core.params_file import load_params
from reprotune.core.printing import count_of, say
from reprotune.core.rooms import explain_rooms, find_other_rooms
from reprotune.core.supervision import RWLOCK, read_running, require_readable
from reprotune.core.yaml_file import read_yaml
from reprotune.project import pins
from reprotune.project.capacity import (
    check_device,
    check_memory,
    count_parameters,
    find_config,
    name_repository,
)
from reprotune.project.findings import OK, STOP, WARN, Finding
from reprotune.project.terminal import put
from reprotune.sources import hub

GIB = 1 << 30
DVC = Path(".dvc")
LOCK = Path("dvc.lock")
COMMENT = re.compile(r"(^|\s)#.*")  # of a lock; in an address # is a part of it
BROKEN = 500  # answers of HTTP from there on: the server, or a proxy before it, has failed
TIMEOUT = 10  # seconds
LARGE = 50 << 20  # bytes: what hosts of git warn of, and refuse soon after
MARKS = {OK: "[green]ok[/]", WARN: "[yellow]warning[/]", STOP: "[red]stop[/]"}


def examine() -> list[Finding]:
    """Every check that can be made: without parameters or a model, some cannot."""
    found = [check_packages(), check_dvc()]
    try:
        params = load_params()
    except InputError as error:
        return [*found, Finding(STOP, "parameters", str(error))]
    found.append(Finding(OK, "parameters", f"{paths.PARAMS} is in order"))
    found += find_large()
    found += find_absent()
    found += find_left()
    found += run_checks([check_data, check_hub, check_model], params)
    if found[-1].level != STOP:  # these ask for the size of the model
        found += run_checks([check_memory, check_device, check_disk], params)
    return found


def run_checks(checks: list[Callable[[Params], Finding]], params: Params) -> Iterator[Finding]:
    for check in checks:
        try:
            yield check(params)
        except InputError as error:
            yield Finding(STOP, check.__name__.removeprefix("check_"), str(error))


def find_large() -> Iterator[Finding]:
    """Sources that the next ``git add -A`` would put into git, and that are large."""
    places = paths.SOURCE_DATA.as_posix(), paths.SOURCE_MODELS.as_posix()
    try:
        new = git("ls-files", "-z", "--others", "--exclude-standard", "--", *places)
    except InputError:  # said above: git refuses the folder, or there is no repository
        return
    depth = len(paths.SOURCE_DATA.parts) + 1
    for source in sorted({Path(*Path(file).parts[:depth]) for file in new.split("\0") if file}):
        if (size := space.measure(source)) >= LARGE:
            told = (
                f"`git add -A` would take {source} ({space.show(size)}) into git: dvc add {source}"
            )
            yield Finding(WARN, "git", told)


def find_absent() -> Iterator[Finding]:
    """Sources that DVC keeps and that are not here: no stage that reads their folder can start."""
    for folder in (paths.SOURCE_DATA, paths.SOURCE_MODELS):
        for pointer in list_absent(folder):
            told = f"{pointer.with_suffix('')} is kept by DVC, and not here: dvc pull {pointer}"
            yield Finding(STOP, "sources", told)


def find_left() -> Iterator[Finding]:
    """What killed commands left half-written; the next that writes the same removes it."""
    try:
        listed = git("ls-files", "-z", "--others", "--ignored", "--exclude=.*.partial",
                     "--directory")  # fmt: skip
    except InputError:
        return
    if left := [name for name in listed.split("\0") if is_abandoned(Path(name))]:
        names = " ".join(map(quote, left))
        yield Finding(WARN, "left", f"killed commands left what is half-written: rm -r {names}")


def check_packages(lock: Path = pins.LOCK) -> Finding:
    """The installed packages against the lock."""
    if other := find_other_rooms(lock.parent):
        return Finding(STOP, "packages", explain_rooms(other))
    if not lock.is_file():
        return Finding(
            STOP, "packages", f"{lock}: no such file; run this in the folder of the project"
        )
    wrong = []
    for pin in list_requirements(lock.read_text(encoding="utf-8")):
        installed = find_version(pin.name)
        needed = pin.marker is None or pin.marker.evaluate()
        fits = installed and pin.specifier.contains(installed, prereleases=True)
        if needed and not fits:
            wrong.append(f"{pin} ({installed or 'nothing'} is installed)")
    if wrong:
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        return Finding(STOP, "packages", f"{', '.join(wrong[:5])}{more}; run make")
    return Finding(OK, "packages", f"all as in {lock.name}")


def list_requirements(lock: str) -> Iterator[Requirement]:
    """The packages of a lock; not what else pip takes there: options, files, other lists."""
    for line in lock.splitlines():
        with suppress(InvalidRequirement):
            yield Requirement(COMMENT.sub("", line))


def find_version(package: str) -> str | None:
    """The installed version, with its build (2.13.0+cpu), of which a pin may say nothing."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def check_dvc() -> Finding:
    """Git, DVC and the files that they leave when they are killed."""
    if missing := [tool for tool in ("git", "dvc") if shutil.which(tool) is None]:
        return Finding(STOP, "dvc", f"{missing[0]} is not on the PATH; source .venv/bin/activate "
                       "has dvc, the system's packages have git")  # fmt: skip
    git = subprocess.run(
        ["git", "rev-parse"], capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    if git.returncode or not DVC.is_dir():
        absent = f"no {DVC} here; run this in a project's folder (reprotune new DIR writes one)"
        return Finding(STOP, "dvc", " ".join(git.stderr.split()) or absent)  # its own words: why
    try:
        if LOCK.is_file() and not isinstance(read_yaml(LOCK), dict):
            raise InputError("it holds no stages")
    except InputError as error:
        return Finding(STOP, "dvc", f"{LOCK} is damaged ({error}); git checkout HEAD {LOCK}")
    try:
        require_readable()
        require_valid()
    except InputError as error:
        return Finding(STOP, "dvc", str(error))
    if running := sorted(n for n in read_running() if psutil.pid_exists(n)):
        return Finding(STOP, "dvc", f"process {running[0]} holds {RWLOCK}; wait for it, or remove "
                       "the file if that is no dvc")  # fmt: skip
    return Finding(OK, "dvc", "repository and lock are whole, nothing else runs")


def require_valid() -> None:
    """Raise InputError if DVC refuses ``dvc.yaml``."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo() as repo:
            repo.index.check_graph()
    except DvcException as error:
        raise InputError(f"{' '.join(str(error).split())}; dvc status says more") from None


def check_data(params: Params) -> Finding:
    """The source files, read as `download` reads them, and the decisions."""
    from reprotune.data.decisions import read_decisions
    from reprotune.data.reading.files import read_files

    decisions = len(read_decisions(Path(params.curate.decisions)))
    rows = f"{count_of(params.download.builtin.rows, 'row')} (builtin)"
    if params.download.kind != "builtin":
        found = read_files(params.download, paths.SOURCE_DATA)
        bad = f", {len(found.bad)} of them bad" if found.bad else ""
        rows = f"{count_of(len(found.rows), 'row')} ({params.download.kind}){bad}"
    return Finding(OK, "data", f"{rows}, {count_of(decisions, 'decision')}")


def check_model(params: Params) -> Finding:
    """The base model and its tokenizer; of a model of the Hub what the Hub says of it."""
    from reprotune.models.chat import check_template
    from reprotune.models.pinning import Place, check_task, needed, resolve
    from reprotune.models.tokenizer import load_tokenizer

    if params.model.kind == "hub":
        repository = name_repository(params)
        missing = [e for e in needed(repository) if hub.find_cached(repository, e.name) is None]
        check_task(find_config(params), params.model.task)
        fetched = f"{sum(e.size for e in missing) / GIB:.1f} GiB of it are to be fetched"
        about = f"about {count_parameters(params) / 1e6:.0f} M parameters"
        return Finding(OK, "model", f"{repository}, {about}; {fetched}")
    folder = resolve(Place(params.model.kind, params.model.location), paths.SOURCE_MODELS)
    check_task(folder, params.model.task)
    tokenizer = load_tokenizer(folder)
    if params.model.task == "causal":
        check_template(tokenizer, params.prompt.chat)
    return Finding(OK, "model", f"{folder}, {count_parameters(params) / 1e6:.1f} M parameters")


def check_disk(params: Params) -> Finding:
    """DVC's cache: writable, and with this folder room for what a run adds to each."""
    result = subprocess.run(
        [*COMMAND, "cache", "dir"], capture_output=True, errors="replace", check=False
    )
    if result.returncode:
        return Finding(STOP, "disk", f"dvc cache dir: {result.stderr.strip()}")
    cache = Path(result.stdout.strip()).absolute()
    place = next(folder for folder in (cache, *cache.parents) if folder.exists())
    if not os.access(place, os.W_OK):
        return Finding(STOP, "disk", f"{place} is not writable, and DVC's cache lies there")
    each = 0.1 + 4 * count_parameters(params) / GIB  # the export, here and in the cache
    disks: dict[int, list[Path]] = {}
    for folder in (place, Path.cwd()):
        disks.setdefault(folder.stat().st_dev, []).append(folder)
    told, suffices = [], True
    for folders in disks.values():
        need, free = each * len(folders), shutil.disk_usage(folders[0]).free / GIB
        told.append(f"about {need:.1f} GiB are needed, {free:.1f} GiB are free at {folders[0]}")
        suffices &= free > need
    detail = "; ".join(told)
    if left := space.measure(paths.CHECKPOINTS):
        detail += f"; {paths.CHECKPOINTS} has {space.show(left)} of runs that were cut off"
    return Finding(OK if suffices else STOP, "disk", detail)


def check_hub(params: Params) -> Finding:
    """Whether the hub answers, if it is needed."""
    if "hub" not in (params.download.kind, params.model.kind):
        return Finding(OK, "hub", "not needed")
    return reach(hub.endpoint())


def reach(endpoint: str) -> Finding:
    if os.environ.get("HF_HUB_OFFLINE", "0") not in ("", "0"):
        return Finding(STOP, "hub", "HF_HUB_OFFLINE is set, but the parameters name the hub")
    try:
        with urllib.request.urlopen(endpoint, timeout=TIMEOUT):
            return Finding(OK, "hub", f"{endpoint} answers")
    except urllib.error.HTTPError as error:
        level = OK if error.code < BROKEN else WARN
        return Finding(level, "hub", f"{endpoint} answers ({error.code} {error.reason})")
    except (OSError, ValueError) as error:
        return Finding(STOP, "hub", f"{endpoint} does not answer: {error}; see proxy and "
                       "HF_ENDPOINT, or use files and a model folder of your own")  # fmt: skip


def table(findings: list[Finding]) -> Table:
    grid = Table(box=None, show_header=False, pad_edge=False)
    for level, what, detail in findings:
        grid.add_row(MARKS[level], what, escape(detail))
    return grid


def show(as_json: bool) -> bool:
    """Print what was found; whether a run would start."""
    findings = examine()
    ok = all(finding.level != STOP for finding in findings)
    if as_json:
        told = [{"level": f.level, "what": f.what, "detail": f.detail} for f in findings]
        say(json.dumps({"ok": ok, "findings": told}))
    else:
        put(table(findings))
    return ok
